//! The prepaid balance.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::error::Result;
use crate::http::door::balance::{self, Balance, Reader, StatementLine};
use crate::http::door::params::Query;
use crate::http::door::read::Read;
use crate::http::door::reseller::Reseller;
use crate::http::door::wire::CursorList;
use crate::http::door::{Answer, Data};

/// What the relationship has paid in and not spent, in the shop's currency.
#[utoipa::path(get, path = "/balance", tag = "balance", security(("key" = [])),
    responses((status = 200, body = Data<Balance>)))]
pub async fn get(caller: Reseller, mut db: Read) -> Answer<Data<Balance>> {
    Ok(Json(Data { data: Balance::load(&mut db, caller.shop, &caller.relationship).await? }))
}

/// The entries of the balance, newest first, each with what it left behind. `format=csv` answers all of them.
#[utoipa::path(get, path = "/balance/statement", tag = "balance", security(("key" = [])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("format" = Option<String>, Query, description = "json or csv"),
), responses((status = 200, description = "JSON; with `format=csv` the whole statement as CSV",
    content((CursorList<StatementLine> = "application/json"), (String = "text/csv")))))]
pub async fn statement(caller: Reseller, State(app): State<Arc<App>>, query: Query, db: Read) -> Result<Response> {
    balance::statement(app, db, Reader::Reseller, (caller.shop, caller.relationship.id), &query).await
}
