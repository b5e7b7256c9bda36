//! Buyers, one for each e-mail address.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::keys::merchant::CustomersRead;
use crate::domain::{customers, orders};
use crate::http::door::Answer;
use crate::http::door::caller::Merchant;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::wire::{Instant, List};
use crate::kit::page::Place;

/// Paid orders shown with a customer (R16).
const ORDERS_SHOWN: i64 = 100;

/// A customer in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerSummary {
    #[schema(example = "cus_01J2PR9M5C6A7B8D9E0F1G2H3J")]
    id: String,
    email: String,
    /// Orders once paid.
    orders_count: i32,
    /// Paid minus refunded, in the shop's currency.
    lifetime_cents: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Customer {
    #[serde(flatten)]
    summary: CustomerSummary,
    first_seen_at: Instant,
    last_seen_at: Instant,
    /// The newest 100 paid orders.
    orders: Vec<PaidOrder>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PaidOrder {
    id: String,
    total_cents: i64,
    paid_at: Option<Instant>,
}

/// Lists customers, newest first.
#[utoipa::path(get, path = "/customers", tag = "customers", security(("key" = ["customers:read"])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = List<CustomerSummary>)))]
pub async fn list(
    caller: Merchant<CustomersRead>,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<List<CustomerSummary>> {
    let place = Place::new("customers", caller.shop.uuid(), "");
    let window = query.window(&place, &app.env.vault)?;
    let page = customers::list(&mut db, caller.shop, &app.env, window, &place).await?;
    Ok(Json(page.into()))
}

/// Fetches a customer with the newest paid orders.
#[utoipa::path(get, path = "/customers/{id}", tag = "customers", security(("key" = ["customers:read"])),
    params(("id" = String, Path)), responses((status = 200, body = Customer)))]
pub async fn get(
    caller: Merchant<CustomersRead>,
    PathId(id): PathId<customers::Customer>,
    mut db: Read,
) -> Answer<Customer> {
    let customer = customers::get(&mut db, caller.shop, id).await?;
    let paid = orders::paid_by(&mut db, caller.shop, id, ORDERS_SHOWN).await?;
    Ok(Json(Customer {
        first_seen_at: Instant(customer.first_seen_at),
        last_seen_at: Instant(customer.last_seen_at),
        orders: paid.iter().map(PaidOrder::of).collect(),
        summary: customer.into(),
    }))
}

impl From<customers::Customer> for CustomerSummary {
    fn from(customer: customers::Customer) -> Self {
        Self {
            id: customer.id.to_string(),
            email: customer.email,
            orders_count: customer.orders_count,
            lifetime_cents: customer.lifetime_cents,
        }
    }
}

impl PaidOrder {
    fn of(order: &orders::Order) -> Self {
        Self { id: order.id.to_string(), total_cents: order.total.get(), paid_at: order.paid_at.map(Instant) }
    }
}
