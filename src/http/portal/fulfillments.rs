//! What the reseller's own shop sold through the API.

use std::sync::Arc;

use axum::extract::State;

use crate::app::App;
use crate::http::door::Answer;
use crate::http::door::fulfillment::{self, Fulfillment};
use crate::http::door::params::Query;
use crate::http::door::person::Program;
use crate::http::door::read::Read;
use crate::http::door::wire::CursorList;

/// Lists what the reseller's own shop sold through the API, newest first, with the codes: as `/reseller/v1` does.
#[utoipa::path(get, path = "/programs/{relationship}/fulfillments", tag = "fulfillments", security(("session" = [])),
    params(
    ("relationship" = String, Path),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("external_order_id" = Option<String>, Query, description = "Those of this order of yours alone"),
), responses((status = 200, body = CursorList<Fulfillment>)))]
pub async fn list(
    program: Program,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<CursorList<Fulfillment>> {
    fulfillment::list(&app, &mut db, (program.shop, program.reseller.id), &query).await
}
