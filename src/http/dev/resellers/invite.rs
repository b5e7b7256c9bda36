//! Inviting somebody to the program.

use axum::http::StatusCode;
use chrono::Duration;
use serde::Serialize;
use utoipa::ToSchema;

use super::instant;
use super::terms::{EntryBody, Terms};
use crate::domain::keys::developer::ResellersWrite;
use crate::domain::resellers::{self, Grant, Invited};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::http::door::caller::Developer;
use crate::http::door::write::Write;
use crate::http::door::{Data, Reply};
use crate::kit::json::{Form, Wire, whole};
use crate::kit::secret::reveal;
use crate::kit::values::{Email, email};

/// Unless said (contract 4.3).
const DAYS_DEFAULT: i64 = 7;
const DAYS_MAX: i64 = 365;

#[derive(Clone, Debug)]
pub struct Invite {
    email: Email,
    terms: Terms,
    days: i64,
}

impl Wire for Invite {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let email = form.required("email", email);
        let days = form.optional("expires_in_days", whole(1, DAYS_MAX));
        let terms = Terms::read(form);
        Some(Self { email: email?, terms: terms?, days: days?.unwrap_or(DAYS_DEFAULT) })
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct InvitedReseller {
    invitation: Invitation,
    email_delivery: EmailDelivery,
}

#[derive(Debug, Serialize, ToSchema)]
struct Invitation {
    /// Not a reseller's id: there is none before it is accepted.
    id: String,
    shop_id: String,
    email: String,
    #[schema(example = "reseller")]
    invite_type: &'static str,
    role: Option<String>,
    #[schema(example = "STOCK")]
    mode: &'static str,
    #[schema(format = DateTime)]
    expires_at: String,
    #[schema(format = DateTime)]
    accepted_at: Option<String>,
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// Shown here alone, and in the mail.
    token: String,
    accept_url: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct EmailDelivery {
    #[schema(example = "queued")]
    status: &'static str,
    event_id: String,
    error: Option<String>,
}

/// Invites a reseller. Who is invited already keeps the invitation, with these terms and a new token.
#[utoipa::path(post, path = "/resellers/invite", tag = "resellers", security(("key" = ["resellers.write"])),
    request_body = InviteBody, responses((status = 201, body = Data<InvitedReseller>)))]
pub async fn invite(caller: Developer<ResellersWrite>, write: Write<Invite>) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .private()
        .once(&caller, StatusCode::CREATED, async move |db, body| {
            let default = resellers::program(db, shop).await?.mode;
            let grant = Grant { terms: body.terms.granted(default), access: body.terms.access(db, shop).await? };
            let expires_in = Duration::days(body.days);
            let invited = resellers::invite(db, shop, &app.env, &body.email, grant, expires_in).await?;
            Ok(Data { data: InvitedReseller::of(shop, &invited, &app.public_url) })
        })
        .await
}

impl InvitedReseller {
    fn of(shop: Tenant, invited: &Invited, public_url: &str) -> Self {
        let (invitation, token) = (&invited.invitation, reveal(&invited.token));
        Self {
            invitation: Invitation {
                id: invitation.id.uuid().to_string(),
                shop_id: shop.uuid().to_string(),
                email: invitation.email.as_str().to_owned(),
                invite_type: "reseller",
                role: None,
                mode: invitation.grant.terms.mode.word(),
                expires_at: instant(invitation.expires_at),
                accepted_at: None,
                revoked_at: None,
                accept_url: format!("{public_url}/portal/invitations/{token}"),
                token,
            },
            email_delivery: EmailDelivery { status: "queued", event_id: invited.mail.uuid().to_string(), error: None },
        }
    }
}

/// Who is invited, on which terms, and what they may sell.
#[derive(ToSchema)]
#[schema(as = ResellerInvite)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct InviteBody {
    email: String,
    /// `AFFILIATE`, `STOCK` or `BOTH`; `WHOLESALE` is STOCK, `HYBRID` is BOTH. The program's, unless said.
    #[schema(example = "STOCK")]
    mode: Option<String>,
    #[schema(minimum = 0, maximum = 100)]
    custom_commission_percent: Option<f64>,
    #[schema(minimum = 0, maximum = 100)]
    custom_wholesale_discount_percent: Option<f64>,
    #[schema(minimum = 0)]
    purchase_limit_daily: Option<i32>,
    #[schema(minimum = 0)]
    purchase_limit_monthly: Option<i32>,
    /// What it may sell, on its general terms.
    #[schema(max_items = 1_000)]
    product_ids: Option<Vec<String>>,
    /// What it may sell, on terms of their own.
    #[schema(max_items = 1_000)]
    product_access: Option<Vec<EntryBody>>,
    #[schema(minimum = 1, maximum = 365, default = 7)]
    expires_in_days: Option<i64>,
}
