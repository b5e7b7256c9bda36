//! Orders, as the merchant sees them; never a code.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::refunds::Refund;
use crate::app::App;
use crate::domain::keys::merchant::{OrdersRead, OrdersWrite};
use crate::domain::orders::{self, Filter, Item, Status};
use crate::error::Result;
use crate::http::door::caller::Merchant;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::wire::{Instant, List};
use crate::http::door::write::Write;
use crate::http::door::{Answer, Reply};
use crate::kit::json::Nothing;
use crate::kit::page::Place;

/// An order in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderSummary {
    #[schema(example = "ord_01J2PVP4XJZ8W3Y5V8N9QK2R7T")]
    id: String,
    #[schema(example = "completed")]
    status: &'static str,
    total_cents: i64,
    currency: &'static str,
    customer_email: String,
    paid_at: Option<Instant>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Order {
    #[serde(flatten)]
    summary: OrderSummary,
    created_at: Instant,
    /// How it was paid; null before.
    payment: Option<Payment>,
    items: Vec<OrderItem>,
    delivery: Delivery,
    /// What went back; what is on its way is not in it.
    refunded_cents: i64,
    /// Refunds of this order, oldest first.
    refunds: Vec<Refund>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Payment {
    #[schema(example = "sandbox")]
    provider: String,
    chain: Option<String>,
    asset: Option<String>,
    tx_hash: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OrderItem {
    /// Its name when it was sold.
    product: String,
    qty: i32,
    subtotal_cents: i64,
    delivery: ItemDelivery,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ItemDelivery {
    kind: String,
    state: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Delivery {
    /// The first item's; `top_up` for a payment into a reseller's balance, which has no items.
    #[schema(example = "license_key")]
    kind: String,
    /// `pending`, `awaiting_stock`, `delivered`, `cancelled` (refunded before) or `failed`.
    #[schema(example = "delivered")]
    state: &'static str,
    delivered_at: Option<Instant>,
}

/// The delivery mail is on its way again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resent {
    sent_at: Instant,
    recipient: String,
    /// The first item's.
    #[schema(example = "license_key")]
    delivery_kind: String,
}

/// Lists orders, newest first.
#[utoipa::path(get, path = "/orders", tag = "orders", security(("key" = ["orders:read"])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("status" = Option<String>, Query, description = "One or more order states, separated by commas"),
    ("from" = Option<String>, Query, description = "Created at or after this date or date-time"),
    ("to" = Option<String>, Query, description = "Created at or before it; a bare date is that day up to its end, UTC"),
), responses((status = 200, body = List<OrderSummary>)))]
pub async fn list(
    caller: Merchant<OrdersRead>,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<List<OrderSummary>> {
    let (from, until) = query.interval()?;
    let filter = Filter { statuses: query.set("status", Status::WORDS)?, from, until, ..Filter::default() };
    let place = Place::new("orders", caller.shop.uuid(), &query.filters(&["status", "from", "to"]));
    let window = query.window(&place, &app.env.vault)?;
    let page = orders::list(&mut db, caller.shop, &app.env, &filter, window, &place).await?;
    Ok(Json(page.into()))
}

/// Fetches an order with its items and how far its delivery is.
#[utoipa::path(get, path = "/orders/{id}", tag = "orders", security(("key" = ["orders:read"])),
    params(("id" = String, Path, description = "`ord_…` or the order's UUID")),
    responses((status = 200, body = Order)))]
pub async fn get(caller: Merchant<OrdersRead>, PathId(id): PathId<orders::Order>, mut db: Read) -> Answer<Order> {
    let (order, items) = orders::get(&mut db, caller.shop, id).await?;
    let refunds = orders::refunds_of(&mut db, caller.shop, id).await?;
    Ok(Json(Order::of(order, &items, refunds)))
}

/// Sends the delivery mail again: five times an hour for each order.
#[utoipa::path(post, path = "/orders/{id}/resend", tag = "orders", security(("key" = ["orders:write"])),
    params(("id" = String, Path, description = "`ord_…` or the order's UUID")),
    responses((status = 200, body = Resent)))]
pub async fn resend(
    caller: Merchant<OrdersWrite>,
    PathId(id): PathId<orders::Order>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            let resent = orders::resend(db, shop, &app.env, id).await?;
            Ok(Resent {
                sent_at: Instant(resent.sent_at),
                recipient: resent.recipient,
                delivery_kind: resent.delivery_kind,
            })
        })
        .await
}

impl From<orders::Order> for OrderSummary {
    fn from(order: orders::Order) -> Self {
        Self {
            id: order.id.to_string(),
            status: order.status.word(),
            total_cents: order.total.get(),
            currency: order.currency.code(),
            customer_email: order.customer_email,
            paid_at: order.paid_at.map(Instant),
        }
    }
}

impl Order {
    fn of(mut order: orders::Order, items: &[Item], refunds: Vec<orders::Refund>) -> Self {
        let delivery = orders::delivery_of(&order, items);
        Self {
            created_at: Instant(order.created_at()),
            payment: order.payment.take().map(|payment| Payment {
                provider: payment.provider,
                chain: payment.chain,
                asset: payment.asset,
                tx_hash: payment.tx_hash,
            }),
            items: items.iter().map(OrderItem::of).collect(),
            delivery: Delivery {
                kind: delivery.kind.to_owned(),
                state: delivery.state.word(),
                delivered_at: delivery.delivered_at.map(Instant),
            },
            refunded_cents: order.refunded.get(),
            refunds: refunds.into_iter().map(Refund::from).collect(),
            summary: order.into(),
        }
    }
}

impl OrderItem {
    fn of(item: &Item) -> Self {
        Self {
            product: item.product_name.clone(),
            qty: item.quantity,
            subtotal_cents: item.subtotal.get(),
            delivery: ItemDelivery { kind: item.kind.clone(), state: item.delivery.word() },
        }
    }
}
