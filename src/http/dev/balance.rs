//! A reseller's prepaid balance, as its shop sees it and puts it right.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::keys::developer::{ResellersRead, ResellersWrite};
use crate::domain::resellers;
use crate::domain::shops;
use crate::error::{Error, Fields, Result};
use crate::http::door::balance::{self, Balance, Reader, ShopStatementLine};
use crate::http::door::caller::Developer;
use crate::http::door::envelope::Envelope;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::wire::CursorList;
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::json::{Form, Wire};
use crate::kit::values::{Major, major, name};

/// What a shop put right.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalanceAdjustment {
    /// The statement's `reference`.
    id: String,
    #[schema(value_type = f64, example = -10.0)]
    amount: Number,
    #[schema(value_type = f64, example = 190.0)]
    balance_after: Number,
    #[schema(example = "USD")]
    currency: &'static str,
    reason: String,
    /// The API key that it was made with.
    made_by: String,
}

/// What a reseller has paid in and not spent, in the shop's currency.
#[utoipa::path(get, path = "/resellers/{id}/balance", tag = "balance", security(("key" = ["resellers.read"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<Balance>)))]
pub async fn get(
    caller: Developer<ResellersRead>,
    PathId(id): PathId<resellers::Reseller>,
    mut db: Read,
) -> Answer<Data<Balance>> {
    let reseller = resellers::get(&mut db, caller.shop, id).await?;
    Ok(Json(Data { data: Balance::load(&mut db, caller.shop, &reseller).await? }))
}

/// The entries of a balance, newest first, each with what it left behind. `format=csv` answers all of them.
#[utoipa::path(get, path = "/resellers/{id}/balance/statement", tag = "balance",
    security(("key" = ["resellers.read"])), params(
    ("id" = String, Path),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("format" = Option<String>, Query, description = "json or csv"),
), responses((status = 200, description = "JSON; with `format=csv` the whole statement as CSV",
    content((CursorList<ShopStatementLine> = "application/json"), (String = "text/csv")))))]
pub async fn statement(
    caller: Developer<ResellersRead>,
    State(app): State<Arc<App>>,
    PathId(id): PathId<resellers::Reseller>,
    query: Query,
    mut db: Read,
) -> Result<Response> {
    resellers::get(&mut db, caller.shop, id).await?;
    balance::statement(app, db, Reader::Shop, (caller.shop, id), &query).await
}

/// Puts a balance right by hand: a positive amount credits it, a negative one debits it, never below zero. It
/// stands in the statement with its reason, which the reseller reads.
#[utoipa::path(post, path = "/resellers/{id}/balance/adjustments", tag = "balance",
    security(("key" = ["resellers.write"])), params(("id" = String, Path)), request_body = AdjustBody,
    responses((status = 201, body = Data<BalanceAdjustment>),
        (status = 402, body = Envelope, description = "It would take more than there is; nothing was done")))]
pub async fn adjust(
    caller: Developer<ResellersWrite>,
    PathId(id): PathId<resellers::Reseller>,
    write: Write<Adjust>,
) -> Result<Reply> {
    let (app, shop, key) = (write.app(), caller.shop, caller.key);
    write
        .once(&caller, StatusCode::CREATED, async move |db, body| {
            let currency = shops::get(db, shop).await?.currency;
            let amount = body.amount.signed(currency).map_err(|inner| {
                let mut fields = Fields::default();
                fields.absorb("amount", inner);
                Error::Invalid(fields)
            })?;
            let reason = body.reason.clone();
            let (id, after) = resellers::adjust(db, shop, &app.env, id, amount, (key, reason.clone())).await?;
            let (amount, balance_after) = (currency.major(amount), currency.major(after));
            let (id, made_by) = (id.uuid().to_string(), key.uuid().to_string());
            let currency = currency.code();
            Ok(Data { data: BalanceAdjustment { id, amount, balance_after, currency, reason, made_by } })
        })
        .await
}

pub struct Adjust {
    amount: Major,
    reason: String,
}

impl Wire for Adjust {
    fn read(form: &mut Form) -> Option<Self> {
        let amount = form.required("amount", major);
        let reason = form.required("reason", name);
        Some(Self { amount: amount?, reason: reason? })
    }
}

/// By how much a balance is put right, and why.
#[derive(ToSchema)]
#[schema(as = Adjust)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct AdjustBody {
    /// Major units of the shop's currency; negative takes away.
    #[schema(example = -10.0)]
    amount: f64,
    /// For the statement; the reseller reads it.
    #[schema(max_length = 200)]
    reason: String,
}
