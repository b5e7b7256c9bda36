//! Orders, as a developer automates them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa::ToSchema;

use super::order::Order;
use crate::app::App;
use crate::domain::keys::developer::{OrdersRead, OrdersWrite};
use crate::domain::orders::{self, ByShop};
use crate::error::Result;
use crate::http::door::caller::Developer;
use crate::http::door::params::PathId;
use crate::http::door::read::Read;
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::json::{Form, Nothing, Wire, truth};
use crate::kit::values::prose;

const NOTE_CHARS_MAX: usize = 2_000;

/// Fetches an order with what was handed over.
#[utoipa::path(get, path = "/orders/{id}", tag = "orders", security(("key" = ["orders.read"])),
    params(("id" = String, Path, description = "The order's `id` or `uniqid`")),
    responses((status = 200, body = Data<Order>)))]
pub async fn get(
    caller: Developer<OrdersRead>,
    PathId(id): PathId<orders::Order>,
    State(app): State<Arc<App>>,
    mut db: Read,
) -> Answer<Data<Order>> {
    let (order, items) = orders::get(&mut db, caller.shop, id).await?;
    let data = Order::load(&mut db, &app, caller.shop, &order, &items).await?;
    Ok(Json(Data { data }))
}

/// Completes an order whose payment the shop has received itself: it is paid, and delivered. Also after
/// it expired; completing a paid order changes nothing.
#[utoipa::path(post, path = "/orders/{id}/complete", tag = "orders", security(("key" = ["orders.write"])),
    params(("id" = String, Path)), request_body = ByShopBody, responses((status = 200, body = Data<Order>)))]
pub async fn complete(
    caller: Developer<OrdersWrite>,
    PathId(id): PathId<orders::Order>,
    write: Write<ByShop>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, by| {
            let (order, items) = orders::complete(db, shop, &app.env, &app.cursors, id, by.clone()).await?;
            Ok(Data { data: Order::load(db, &app, shop, &order, &items).await? })
        })
        .await
}

/// Says that the shop has handed over what was its own to deliver: goods by hand, and dynamic goods
/// whose webhook failed. Doing it again changes nothing.
#[utoipa::path(post, path = "/orders/{id}/fulfill", tag = "orders", security(("key" = ["orders.write"])),
    params(("id" = String, Path)), request_body = ByShopBody, responses((status = 200, body = Data<Order>)))]
pub async fn fulfill(
    caller: Developer<OrdersWrite>,
    PathId(id): PathId<orders::Order>,
    write: Write<ByShop>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, by| {
            let (order, items) = orders::fulfill(db, shop, &app.env, id, by.clone()).await?;
            Ok(Data { data: Order::load(db, &app, shop, &order, &items).await? })
        })
        .await
}

/// Asks the webhook again for every dynamic item that it failed to deliver, once each, under the same
/// idempotency key as before.
#[utoipa::path(post, path = "/orders/{id}/retry-delivery", tag = "orders", security(("key" = ["orders.write"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<Order>)))]
pub async fn retry_delivery(
    caller: Developer<OrdersWrite>,
    PathId(id): PathId<orders::Order>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            let (order, items) = orders::retry_delivery(db, shop, &app.env, id).await?;
            Ok(Data { data: Order::load(db, &app, shop, &order, &items).await? })
        })
        .await
}

impl Wire for ByShop {
    fn read(form: &mut Form) -> Option<Self> {
        let note = form.optional("note", prose(NOTE_CHARS_MAX));
        let quiet = form.optional("suppress_emails", truth);
        let notify = form.optional("notify_customer", truth);
        let (quiet, notify) = (quiet?, notify?);
        Some(Self { note: note?, quiet: quiet.unwrap_or(notify == Some(false)) })
    }
}

/// What the shop notes of what it did itself, and whether the buyer gets mail of it.
#[derive(ToSchema)]
#[schema(as = ByShop)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct ByShopBody {
    /// For the shop alone.
    #[schema(max_length = 2_000)]
    note: Option<String>,
    /// The buyer gets no mail of it.
    suppress_emails: Option<bool>,
    /// The other way round: false means no mail.
    notify_customer: Option<bool>,
}
