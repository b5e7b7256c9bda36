//! `shr_` keys: with one of them a reseller's own shop fulfills its orders, for this relationship alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::keys::{self, NewResellerKey};
use crate::domain::resellers::{self, Status};
use crate::error::{Conflict, Error, Result};
use crate::http::door::params::{PathId, Query};
use crate::http::door::person::Program;
use crate::http::door::read::Read;
use crate::http::door::wire::{CursorList, Instant};
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::ip_rule::{IpRule, RULES_MAX};
use crate::kit::json::{Form, Json as Value, Nothing, Reading, Wire, list as array, text, wrong};
use crate::kit::page::Place;
use crate::kit::secret;
use crate::kit::values::name;

/// Of one relationship: one for each of its shops, and some to rotate.
const KEYS_MAX: i64 = 20;

#[derive(Debug, Serialize, ToSchema)]
pub struct ResellerKey {
    id: String,
    #[schema(example = "web shop")]
    name: String,
    /// The end of the secret, to tell keys apart.
    last4: String,
    /// From where it may be used; empty: from anywhere.
    allowed_ips: Vec<String>,
    /// For tools that can only call an address: put in what stands in braces.
    dynamic_url_template: String,
    created_at: Instant,
    last_used_at: Option<Instant>,
    /// A revoked key stays listed for 90 days.
    revoked_at: Option<Instant>,
}

/// A key just made. The secret is shown in this answer alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct MintedResellerKey {
    #[serde(flatten)]
    key: ResellerKey,
    #[schema(example = "shr_…")]
    secret: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedKey {
    id: String,
    revoked: bool,
}

/// Lists the relationship's keys, newest first.
#[utoipa::path(get, path = "/programs/{relationship}/api-keys", tag = "api keys", security(("session" = [])), params(
    ("relationship" = String, Path),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = CursorList<ResellerKey>)))]
pub async fn list(
    program: Program,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<CursorList<ResellerKey>> {
    let id = program.reseller.id.uuid();
    let place = Place::new("portal-api-keys", id, "");
    let window = query.window(&place, &app.env.vault)?;
    let page = keys::list_of(&mut db, program.shop, &app.env, id, window, &place).await?;
    Ok(Json(page.map(|key| ResellerKey::of(key, &app)).into()))
}

/// Makes a key. It acts for this relationship alone, in its shop or sandbox.
#[utoipa::path(post, path = "/programs/{relationship}/api-keys", tag = "api keys", security(("session" = [])),
    params(("relationship" = String, Path)), request_body = NewKeyBody,
    responses((status = 201, body = Data<MintedResellerKey>)))]
pub async fn mint(program: Program, write: Write<NewKey>) -> Result<Reply> {
    let (app, shop, id) = (write.app(), program.shop, program.reseller.id);
    write
        .private()
        .once(&program, StatusCode::CREATED, async move |db, body| {
            // One at a time, so that nobody makes more than there may be.
            let locked = resellers::lock_all(db, shop, &[id]).await?;
            let status = locked.first().ok_or(Error::NotFound("program"))?.status;
            if status != Status::Active {
                return Err(wrong_state(format!("The relationship is {}; it makes no keys.", status.word())));
            }
            if keys::count_of(db, shop, id.uuid()).await? >= KEYS_MAX {
                return Err(wrong_state(format!("There are {KEYS_MAX} keys already; revoke one first.")));
            }
            let new = NewResellerKey { name: body.name.clone(), allowed_ips: body.allowed_ips.clone() };
            let minted = keys::mint_for(db, shop, &app.env, id.uuid(), new).await?;
            let secret = secret::reveal(&minted.secret);
            Ok(Data { data: MintedResellerKey { key: ResellerKey::of(minted.key, &app), secret } })
        })
        .await
}

/// Revokes a key at once: after this answer nothing older of it takes effect.
#[utoipa::path(delete, path = "/programs/{relationship}/api-keys/{id}", tag = "api keys", security(("session" = [])),
    params(("relationship" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Data<RevokedKey>)))]
pub async fn revoke(program: Program, PathId(id): PathId<keys::ApiKey>, write: Write<Nothing>) -> Result<Reply> {
    let (app, shop, reseller) = (write.app(), program.shop, program.reseller.id.uuid());
    write
        .once(&program, StatusCode::OK, async move |db, _| {
            keys::revoke_of(db, shop, &app.env, reseller, id).await?;
            Ok(Data { data: RevokedKey { id: id.uuid().to_string(), revoked: true } })
        })
        .await
}

const fn wrong_state(text: String) -> Error {
    Error::Conflict(Conflict::WrongState(text))
}

impl ResellerKey {
    fn of(key: keys::ApiKey, app: &App) -> Self {
        let dynamic_url_template = format!(
            "{}/reseller/v1/fulfillments/dynamic?api_key={{api_key}}&external_order_id={{external_order_id}}\
             &customer_email={{customer_email}}&product_id={{product_id}}&quantity={{quantity}}&format=text",
            app.public_url
        );
        Self {
            id: key.id.uuid().to_string(),
            name: key.name,
            last4: key.last4,
            allowed_ips: key.allowed_ips.iter().map(ToString::to_string).collect(),
            dynamic_url_template,
            created_at: Instant(key.created_at),
            last_used_at: key.last_used_at.map(Instant),
            revoked_at: key.revoked_at.map(Instant),
        }
    }
}

/// The body of a new key.
#[derive(Debug)]
pub struct NewKey {
    name: String,
    allowed_ips: Vec<IpRule>,
}

/// A reseller's API key to be made, and from where it may be used.
#[derive(ToSchema)]
#[schema(as = NewResellerKey)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct NewKeyBody {
    #[schema(min_length = 1, max_length = 200, example = "web shop")]
    name: String,
    /// Addresses, CIDRs, or ranges such as 10.0.0.1-10.0.0.9. Absent or empty: from anywhere.
    #[schema(max_items = 100, example = json!(["203.0.113.0/24"]))]
    allowed_ips: Option<Vec<String>>,
}

impl Wire for NewKey {
    fn read(form: &mut Form) -> Option<Self> {
        let name = form.required("name", name);
        let allowed_ips = form.optional("allowed_ips", rules);
        Some(Self { name: name?, allowed_ips: allowed_ips?.unwrap_or_default() })
    }
}

fn rules(value: Value) -> Reading<Vec<IpRule>> {
    array(0, RULES_MAX, |rule| IpRule::parse(&text(rule)?).map_err(wrong))(value)
}
