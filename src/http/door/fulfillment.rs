//! A fulfillment as the reseller sees it, through the API and in the portal.

use axum::Json;
use serde::Serialize;
use serde_json::Number;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::params::Query;
use super::wire::{CursorList, Instant};
use super::{Answer, Data};
use crate::app::App;
use crate::domain::fulfillments;
use crate::domain::resellers::ResellerId;
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::page::Place;

/// Of these surfaces' lists (contract 1.3).
const LIMIT_DEFAULT: i64 = 50;

#[derive(Debug, Serialize, ToSchema)]
pub struct Fulfillment {
    id: String,
    #[schema(example = "order-1001")]
    external_order_id: String,
    /// Money and codes change hands at once, so there is no other.
    #[schema(example = "DELIVERED")]
    status: &'static str,
    product_id: String,
    variant_id: Option<String>,
    quantity: i32,
    #[schema(example = "ada@example.com")]
    customer_email: String,
    #[schema(value_type = f64, example = 39.0)]
    unit_cost: Number,
    #[schema(value_type = f64, example = 39.0)]
    total_cost: Number,
    #[schema(example = "USD")]
    currency: &'static str,
    /// The prepaid balance that this one left.
    #[schema(value_type = f64, example = 161.0)]
    balance_after: Number,
    items: Vec<FulfillmentItem>,
    delivered_at: Instant,
    created_at: Instant,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FulfillmentItem {
    id: String,
    #[schema(example = "STUDIO-7C4A-91D0-WS12")]
    serial: String,
}

impl From<&fulfillments::Fulfillment> for Fulfillment {
    fn from(one: &fulfillments::Fulfillment) -> Self {
        let item = |item: &fulfillments::Item| FulfillmentItem {
            id: item.id.uuid().to_string(),
            serial: item.code.as_str().to_owned(),
        };
        Self {
            id: one.id.uuid().to_string(),
            external_order_id: one.external_order_id.clone(),
            status: "DELIVERED",
            product_id: one.product.uuid().to_string(),
            variant_id: None,
            quantity: one.quantity,
            customer_email: one.customer_email.clone(),
            unit_cost: one.currency.major(one.unit),
            total_cost: one.currency.major(one.total),
            currency: one.currency.code(),
            balance_after: one.currency.major(one.balance_after),
            items: one.items.iter().map(item).collect(),
            delivered_at: Instant(one.created_at),
            created_at: Instant(one.created_at),
        }
    }
}

/// The bytes of an answer, which may be stored.
pub fn render(one: &fulfillments::Fulfillment) -> Result<Vec<u8>> {
    serde_json::to_vec(&Data { data: Fulfillment::from(one) }).map_err(|e| Error::Internal(format!("answer: {e}")))
}

/// A page of a relationship's fulfillments, newest first, with their codes.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Malformed`] for a query that cannot be read.
pub async fn list(
    app: &App,
    db: &mut PgConnection,
    (shop, id): (Tenant, ResellerId),
    query: &Query,
) -> Answer<CursorList<Fulfillment>> {
    let filters = format!("{id};{}", query.filters(&["external_order_id"]));
    let place = Place::new("fulfillments", shop.uuid(), &filters);
    let window = query.window_of(LIMIT_DEFAULT, &place, &app.env.vault)?;
    let order = query.get("external_order_id");
    let page = fulfillments::list(db, shop, &app.env, id, order, window, &place).await?;
    Ok(Json(page.map(|one| Fulfillment::from(&one)).into()))
}
