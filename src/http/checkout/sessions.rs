//! Checkout sessions: open one, look at it, pay it in the sandbox.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::sessions::body::{NewSession, NewSessionBody, Pay, PayBody};
use crate::app::App;
use crate::domain::orders::{self, Goods, Item, NewOrder, Opened, Order};
use crate::domain::payments::{Gateway, Provider, Reference};
use crate::domain::shops::{self, Tenant};
use crate::error::{Error, Result};
use crate::http::door::caller::{Buyer, Visitor};
use crate::http::door::params::PathId;
use crate::http::door::read::Read;
use crate::http::door::wire::Instant;
use crate::http::door::write::Write;
use crate::http::door::{Answer, Reply};
use crate::kit::secret;

#[path = "session_body.rs"]
mod body;

/// Of an Idempotency-Key at the public door: the answer carries the buyer's token, so it must not be guessed (R24).
const KEY_CHARS_MIN: usize = 22;

/// A fresh session, with the buyer's token.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenedSession {
    /// The order's `uniqid`.
    id: String,
    #[schema(example = "ord_01J2PVP4XJZ8W3Y5V8N9QK2R7T")]
    order_id: String,
    /// Opens this session, and nothing else; shown in this answer alone.
    #[schema(example = "cs_…")]
    token: String,
    status: &'static str,
    currency: &'static str,
    subtotal_cents: i64,
    discount_cents: i64,
    total_cents: i64,
    /// Until then the stock is set aside.
    expires_at: Instant,
    checkout_url: String,
    payment: SessionPayment,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SessionPayment {
    /// Null where there is nothing to pay.
    gateway: Option<&'static str>,
    redirect_url: Option<String>,
    instructions: Option<&'static str>,
    /// Names the order in a gateway's callback.
    reference: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    id: String,
    order_id: String,
    status: &'static str,
    total_cents: i64,
    currency: &'static str,
    items: Vec<SessionItem>,
    delivery: SessionDelivery,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SessionItem {
    product: String,
    qty: i32,
    subtotal_cents: i64,
    /// Filled once delivered.
    codes: Vec<String>,
    /// Of the licenses that came with it, those that are not among the codes; once delivered.
    license_keys: Vec<String>,
    /// The shop's text, or what its webhook answered; once delivered.
    text: Option<String>,
    /// Where its file is, once delivered. The link lives for 24 hours; each look at the session makes a fresh one.
    download_url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SessionDelivery {
    kind: String,
    /// `pending`, `awaiting_stock`, `delivered` or `failed`.
    state: &'static str,
    delivered_at: Option<Instant>,
}

/// Opens a checkout: prices the cart and sets its stock aside for 30 minutes.
#[utoipa::path(post, path = "/sessions", tag = "sessions", request_body = NewSessionBody,
    responses((status = 201, body = OpenedSession)))]
pub async fn open(write: Write<NewSession>) -> Result<Reply> {
    if write.key().is_some_and(|key| key.0.len() < KEY_CHARS_MIN) {
        return Err(Error::Malformed(format!("Idempotency-Key must have at least {KEY_CHARS_MIN} characters here")));
    }
    let shop = {
        let mut db = write.read().await?;
        let found = shops::find(&mut db, &write.body.shop, write.body.mode).await;
        found.map_err(|e| match e {
            Error::NotFound(_) => Error::invalid("shop", "is not a shop here"),
            other => other,
        })?
    };
    let app = write.app();
    let visitor = Visitor { shop: shop.tenant, email_key: write.body.email.key() };
    write
        .once(&visitor, StatusCode::CREATED, async move |db, body| {
            let new = NewOrder {
                items: body.items.clone(),
                email: body.email.clone(),
                gateway: body.gateway,
                return_url: body.return_url.clone(),
                custom_fields: body.custom_fields.clone(),
            };
            let opened = orders::open(db, &shop, &app.env, &app.cursors, &app.gateways, new).await?;
            OpenedSession::of(&app, shop.tenant, &opened)
        })
        .await
}

/// Shows a session; its codes once they are delivered.
#[utoipa::path(get, path = "/sessions/{id}", tag = "sessions", security(("token" = [])),
    params(("id" = String, Path)), responses((status = 200, body = Session)))]
pub async fn get(
    buyer: Buyer,
    PathId(id): PathId<Order>,
    State(app): State<Arc<App>>,
    mut db: Read,
) -> Answer<Session> {
    own(&buyer, id)?;
    let (order, items) = orders::get(&mut db, buyer.shop, id).await?;
    Session::load(&mut db, buyer.shop, &app, &order, &items).await.map(Json)
}

/// Pays a session of a sandbox shop; the answer is the session, delivered. Paying twice changes nothing.
#[utoipa::path(post, path = "/sessions/{id}/pay", tag = "sessions", security(("token" = [])),
    params(("id" = String, Path)), request_body = PayBody, responses((status = 200, body = Session)))]
pub async fn pay(buyer: Buyer, PathId(id): PathId<Order>, write: Write<Pay>) -> Result<Reply> {
    own(&buyer, id)?;
    let (app, shop) = (write.app(), buyer.shop);
    write
        .once(&buyer, StatusCode::OK, async move |db, body| {
            let (order, items) = orders::pay(db, shop, &app.env, &app.cursors, id, body.outcome).await?;
            Session::load(db, shop, &app, &order, &items).await
        })
        .await
}

/// A token opens its own session; every other one is not there.
fn own(buyer: &Buyer, id: orders::OrderId) -> Result<()> {
    if buyer.order == *id { Ok(()) } else { Err(Error::NotFound("session")) }
}

impl OpenedSession {
    fn of(app: &App, shop: Tenant, opened: &Opened) -> Result<Self> {
        let order = &opened.order;
        let unpaid = order.gateway.filter(|_| order.status == orders::Status::AwaitingPayment);
        Ok(Self {
            id: order.id.uuid().to_string(),
            order_id: order.id.to_string(),
            token: secret::reveal(&opened.token),
            status: order.status.word(),
            currency: order.currency.code(),
            subtotal_cents: order.subtotal.get(),
            discount_cents: order.discount.get(),
            total_cents: order.total.get(),
            expires_at: Instant(order.expires_at),
            checkout_url: format!("{}/checkout/{}", app.public_url, order.id.uuid()),
            payment: SessionPayment {
                gateway: order.gateway.map(Gateway::word),
                redirect_url: None,
                instructions: unpaid.map(|gateway| app.gateways.get(gateway)).transpose()?.map(Provider::instructions),
                reference: unpaid.map(|_| Reference::text(shop, *order.id)),
            },
        })
    }
}

impl Session {
    async fn load(db: &mut PgConnection, shop: Tenant, app: &App, order: &Order, items: &[Item]) -> Result<Self> {
        let goods = orders::goods(db, shop, &app.env, order, items).await?;
        let url = &app.public_url;
        let delivery = orders::delivery_of(order, items);
        Ok(Self {
            id: order.id.uuid().to_string(),
            order_id: order.id.to_string(),
            status: order.status.word(),
            total_cents: order.total.get(),
            currency: order.currency.code(),
            items: items.iter().zip(goods).map(|(item, goods)| SessionItem::of(item, goods, url)).collect(),
            delivery: SessionDelivery {
                kind: delivery.kind.to_owned(),
                state: delivery.state.word(),
                delivered_at: delivery.delivered_at.map(Instant),
            },
        })
    }
}

impl SessionItem {
    fn of(item: &Item, goods: Goods, url: &str) -> Self {
        Self {
            product: item.product_name.clone(),
            qty: item.quantity,
            subtotal_cents: item.subtotal.get(),
            codes: goods.codes.iter().map(|code| code.as_str().to_owned()).collect(),
            license_keys: goods.license_keys.iter().map(|key| key.as_str().to_owned()).collect(),
            text: goods.text,
            download_url: goods.download.map(|file| format!("{url}/checkout/v1/downloads/{}", file.token)),
        }
    }
}
