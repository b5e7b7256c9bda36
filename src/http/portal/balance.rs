//! The prepaid balance, as who pays it sees it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::balance_body::{NewTopUp, NewTopUpBody, Watch, WatchBody};
use crate::app::App;
use crate::domain::orders::{self, Order};
use crate::domain::resellers;
use crate::domain::shops;
use crate::error::Result;
use crate::http::door::balance::{self, Balance, Reader, StatementLine};
use crate::http::door::params::Query;
use crate::http::door::person::Program;
use crate::http::door::read::Read;
use crate::http::door::wire::{CursorList, Instant};
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::page::Place;
use crate::kit::secret;

/// A payment into the balance: an invoice of the shop.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "as the settings name it")]
pub struct TopUp {
    id: String,
    /// The invoice's `uniqid`.
    invoice_id: String,
    #[schema(value_type = f64, example = 200.0)]
    amount: Number,
    #[schema(example = "USD")]
    currency: &'static str,
    /// `awaiting_payment`, `completed`, `failed` or `refunded`.
    #[schema(example = "awaiting_payment")]
    status: &'static str,
    /// Where it is paid. In the answer that opens it, the end of the address lets its holder in.
    checkout_url: String,
    /// It opened by itself.
    auto_top_up: bool,
    created_at: Instant,
    expires_at: Instant,
    paid_at: Option<Instant>,
}

/// An invoice just opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenedTopUp {
    #[serde(flatten)]
    top_up: TopUp,
    /// Opens the invoice's page; shown in this answer alone, and in the end of its `checkout_url`.
    #[schema(example = "cs_…")]
    token: String,
}

/// What was paid in and not spent, in the shop's currency.
#[utoipa::path(get, path = "/programs/{relationship}/balance", tag = "balance", security(("session" = [])),
    params(("relationship" = String, Path)), responses((status = 200, body = Data<Balance>)))]
pub async fn get(program: Program, mut db: Read) -> Answer<Data<Balance>> {
    Ok(Json(Data { data: Balance::load(&mut db, program.shop, &program.reseller).await? }))
}

/// The entries of the balance, newest first, each with what it left behind. `format=csv` answers all of them.
#[utoipa::path(get, path = "/programs/{relationship}/balance/statement", tag = "balance", security(("session" = [])),
    params(
    ("relationship" = String, Path),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("format" = Option<String>, Query, description = "json or csv"),
), responses((status = 200, description = "JSON; with `format=csv` the whole statement as CSV",
    content((CursorList<StatementLine> = "application/json"), (String = "text/csv")))))]
pub async fn statement(program: Program, State(app): State<Arc<App>>, query: Query, db: Read) -> Result<Response> {
    balance::statement(app, db, Reader::Reseller, (program.shop, program.reseller.id), &query).await
}

/// Lists the payments into the balance, newest first, paid or not.
#[utoipa::path(get, path = "/programs/{relationship}/balance/top-ups", tag = "balance", security(("session" = [])),
    params(
    ("relationship" = String, Path),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = CursorList<TopUp>)))]
pub async fn top_ups(
    program: Program,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<CursorList<TopUp>> {
    let id = program.reseller.id;
    let place = Place::new("top-ups", program.shop.uuid(), &id.to_string());
    let window = query.window(&place, &app.env.vault)?;
    let page = orders::top_ups(&mut db, program.shop, &app.env, id, window, &place).await?;
    Ok(Json(page.map(|order| TopUp::of(&order, &app)).into()))
}

/// Opens an invoice; what is paid goes to the balance.
#[utoipa::path(post, path = "/programs/{relationship}/balance/top-ups", tag = "balance", security(("session" = [])),
    params(("relationship" = String, Path)), request_body = NewTopUpBody,
    responses((status = 201, body = Data<OpenedTopUp>)))]
pub async fn top_up(program: Program, write: Write<NewTopUp>) -> Result<Reply> {
    let (app, tenant, id) = (write.app(), program.shop, program.reseller.id);
    write
        .private()
        .once(&program, StatusCode::CREATED, async move |db, body| {
            let shop = shops::get(db, tenant).await?;
            let amount = body.amount(shop.currency)?;
            let reseller = resellers::get(db, tenant, id).await?;
            let opened = orders::top_up(db, &shop, &app.env, &app.gateways, &reseller, amount).await?;
            let (mut top_up, token) = (TopUp::of(&opened.order, &app), secret::reveal(&opened.token));
            top_up.checkout_url = format!("{}#token={token}", top_up.checkout_url);
            Ok(Data { data: OpenedTopUp { top_up, token } })
        })
        .await
}

/// Sets the thresholds below which an event is written, and when an invoice opens by itself; absent fields stay.
#[utoipa::path(patch, path = "/programs/{relationship}/balance/auto-top-up", tag = "balance",
    security(("session" = [])), params(("relationship" = String, Path)), request_body = WatchBody,
    responses((status = 200, body = Data<Balance>)))]
pub async fn watch(program: Program, write: Write<Watch>) -> Result<Reply> {
    let (app, shop, id) = (write.app(), program.shop, program.reseller.id);
    write
        .once(&program, StatusCode::OK, async move |db, body| {
            let patch = body.patch(shops::get(db, shop).await?.currency)?;
            let reseller = resellers::set_alerts(db, shop, &app.env, id, patch).await?;
            Ok(Data { data: Balance::load(db, shop, &reseller).await? })
        })
        .await
}

impl TopUp {
    fn of(order: &Order, app: &App) -> Self {
        let uniqid = order.id.uuid().to_string();
        Self {
            id: uniqid.clone(),
            amount: order.currency.major(order.total),
            currency: order.currency.code(),
            status: order.status.word(),
            checkout_url: format!("{}/checkout/{uniqid}", app.public_url),
            auto_top_up: order.top_up.is_some_and(|top_up| top_up.auto),
            created_at: Instant(order.created_at()),
            expires_at: Instant(order.expires_at),
            paid_at: order.paid_at.map(Instant),
            invoice_id: uniqid,
        }
    }
}
