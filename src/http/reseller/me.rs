//! Which relationship this key is for.

use axum::Json;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::offers::{self, Offered};
use crate::domain::keys;
use crate::domain::resellers;
use crate::domain::shops;
use crate::http::door::read::Read;
use crate::http::door::reseller::Reseller;
use crate::http::door::wire::Instant;
use crate::http::door::{Answer, Data};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResellerMe)]
pub struct Me {
    /// The relationship.
    id: String,
    reseller_code: String,
    #[schema(example = "ACTIVE")]
    status: &'static str,
    #[schema(example = "STOCK")]
    mode: &'static str,
    shop: OfShop,
    key: OfKey,
    #[schema(value_type = f64, example = 200.0)]
    balance: Number,
    #[schema(example = "USD")]
    currency: &'static str,
    products: Vec<Offered>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OfShop {
    id: String,
    name: String,
    #[schema(example = "USD")]
    currency: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OfKey {
    id: String,
    name: String,
    last4: String,
    created_at: Instant,
    last_used_at: Option<Instant>,
}

/// The relationship, the key itself, the balance, and what may be sold.
#[utoipa::path(get, path = "/me", tag = "me", security(("key" = [])), responses((status = 200, body = Data<Me>)))]
pub async fn get(caller: Reseller, mut db: Read) -> Answer<Data<Me>> {
    let shop = shops::get(&mut db, caller.shop).await?;
    let key = keys::get(&mut db, caller.caller.owner, caller.caller.key).await?;
    let (balance, currency) = resellers::balance(&mut db, caller.shop, caller.relationship.id).await?;
    let products = offers::all(&mut db, &caller).await?;
    Ok(Json(Data {
        data: Me {
            id: caller.relationship.id.uuid().to_string(),
            reseller_code: caller.relationship.code.clone(),
            status: caller.relationship.status.word(),
            mode: caller.relationship.terms.mode.word(),
            shop: OfShop { id: shop.tenant.uuid().to_string(), name: shop.name, currency: shop.currency.code() },
            key: OfKey {
                id: key.id.uuid().to_string(),
                name: key.name,
                last4: key.last4,
                created_at: Instant(key.created_at),
                last_used_at: key.last_used_at.map(Instant),
            },
            balance: currency.major(balance),
            currency: currency.code(),
            products,
        },
    }))
}
