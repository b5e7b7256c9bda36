//! A reseller as this surface shows it.

use serde::Serialize;
use serde_json::Number;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::instant;
use crate::domain::products::{self, ProductId};
use crate::domain::resellers::{self, Access, Invitation, Terms};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::http::door::Data;
use crate::kit::money::{Cents, Currency, Percent};

#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the contract calls it reseller_code")]
pub struct Reseller {
    /// Of the relationship; null where somebody is only invited.
    id: Option<String>,
    uniqid: Option<String>,
    /// Of an open invitation.
    invitation_id: Option<String>,
    email: String,
    /// `INVITED`, `ACTIVE`, `SUSPENDED` or `TERMINATED`, which is final.
    #[schema(example = "ACTIVE")]
    status: &'static str,
    /// `AFFILIATE`, `STOCK` or `BOTH`.
    #[schema(example = "STOCK")]
    mode: &'static str,
    #[schema(value_type = Option<f64>, example = 12.5)]
    custom_commission_percent: Option<Number>,
    #[schema(value_type = Option<f64>, example = 30)]
    custom_wholesale_discount_percent: Option<Number>,
    /// Items a UTC day, by stock purchases and the API together.
    purchase_limit_daily: Option<i32>,
    purchase_limit_monthly: Option<i32>,
    /// As its links name it.
    #[schema(example = "7QW3K9ZV")]
    reseller_code: Option<String>,
    verified: bool,
    #[schema(format = DateTime)]
    verified_at: Option<String>,
    /// Whether buyers are sent what the API delivers, in the reseller's name.
    deliver_by_mail: bool,
    display_name: Option<String>,
    reply_to: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// Of an open invitation.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// With everything that it may sell.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResellerDetail {
    #[serde(flatten)]
    reseller: Reseller,
    /// Null where none was ever listed: every listed product is open to links and campaigns, and none to
    /// stock and the API.
    product_access: Option<Vec<ProductAccess>>,
}

/// Amounts are in the product's currency.
#[derive(Debug, Serialize, ToSchema)]
struct ProductAccess {
    product_id: String,
    #[schema(value_type = Option<f64>)]
    commission_percent_override: Option<Number>,
    #[schema(value_type = Option<f64>, example = 19.9)]
    wholesale_price_override: Option<Number>,
    auto_fulfilled_enabled: bool,
    #[schema(value_type = Option<f64>)]
    min_resale_price: Option<Number>,
    #[schema(value_type = Option<f64>)]
    max_resale_price: Option<Number>,
    min_quantity: Option<i32>,
    max_quantity: Option<i32>,
}

impl From<&resellers::Reseller> for Reseller {
    fn from(of: &resellers::Reseller) -> Self {
        let id = of.id.uuid().to_string();
        Self {
            uniqid: Some(id.clone()),
            id: Some(id),
            status: of.status.word(),
            reseller_code: Some(of.code.clone()),
            verified: of.verified_at.is_some(),
            verified_at: of.verified_at.map(instant),
            deliver_by_mail: of.delivery.by_mail,
            display_name: of.delivery.display_name.clone(),
            reply_to: of.delivery.reply_to.clone(),
            updated_at: instant(of.updated_at),
            ..Self::on(&of.terms, &of.email, instant(of.created_at))
        }
    }
}

impl From<&Invitation> for Reseller {
    fn from(of: &Invitation) -> Self {
        Self {
            invitation_id: Some(of.id.uuid().to_string()),
            expires_at: Some(instant(of.expires_at)),
            ..Self::on(&of.grant.terms, of.email.as_str(), instant(of.created_at))
        }
    }
}

impl Reseller {
    fn on(terms: &Terms, email: &str, created_at: String) -> Self {
        Self {
            id: None,
            uniqid: None,
            invitation_id: None,
            email: email.to_owned(),
            status: "INVITED",
            mode: terms.mode.word(),
            custom_commission_percent: terms.commission.map(Percent::number),
            custom_wholesale_discount_percent: terms.wholesale_discount.map(Percent::number),
            purchase_limit_daily: terms.limit_daily,
            purchase_limit_monthly: terms.limit_monthly,
            reseller_code: None,
            verified: false,
            verified_at: None,
            deliver_by_mail: false,
            display_name: None,
            reply_to: None,
            updated_at: created_at.clone(),
            created_at,
            expires_at: None,
        }
    }
}

impl ResellerDetail {
    pub async fn load(db: &mut PgConnection, shop: Tenant, of: &resellers::Reseller) -> Result<Data<Self>> {
        let reseller = Reseller::from(of);
        if !of.access_listed {
            return Ok(Data { data: Self { reseller, product_access: None } });
        }
        let access = resellers::whole_access(db, shop, of.id).await?;
        let ids: Vec<ProductId> = access.iter().map(|access| access.product).collect();
        let products = products::get_all(db, shop, &ids).await?;
        let shown = access.iter().map(|access| {
            let product = products.iter().find(|product| product.id == access.product);
            let product = product.ok_or_else(|| Error::Internal("access to a product that is gone".into()))?;
            Ok(ProductAccess::of(access, product.currency))
        });
        Ok(Data { data: Self { reseller, product_access: Some(shown.collect::<Result<_>>()?) } })
    }
}

impl ProductAccess {
    fn of(access: &Access, currency: Currency) -> Self {
        let major = |amount: Option<Cents>| amount.map(|amount| currency.major(amount));
        Self {
            product_id: access.product.uuid().to_string(),
            commission_percent_override: access.commission.map(Percent::number),
            wholesale_price_override: major(access.wholesale),
            auto_fulfilled_enabled: access.auto_fulfilled,
            min_resale_price: major(access.min_resale),
            max_resale_price: major(access.max_resale),
            min_quantity: access.min_quantity,
            max_quantity: access.max_quantity,
        }
    }
}
