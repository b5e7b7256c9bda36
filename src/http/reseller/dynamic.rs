//! The dynamic URL: a fulfillment for tools that can only call an address, and hand its body to the buyer (R41).
//! The order's id makes it safe to call again.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::order::{Ordered, counted, place, scope};
use crate::domain::fulfillments::{self, Answer, Named, Order};
use crate::domain::keys::reseller::Full;
use crate::error::{Error, Fields, Result};
use crate::http::door::envelope::Envelope;
use crate::http::door::fulfillment::{Fulfillment, render};
use crate::http::door::join::Join;
use crate::http::door::params::Query;
use crate::http::door::{Data, Reply};
use crate::kit::json::{Form, Json, Nothing, Unknown};

const REQUIRED: [&str; 4] = ["external_order_id", "customer_email", "product_id", "quantity"];
const OPTIONAL: [&str; 2] = ["variant_id", "max_unit_cost"];

/// Delivers, and answers with the codes alone: plain text, one a line. `Accept: application/json` asks for the
/// whole fulfillment instead. Called again for the same order it answers the same codes, and debits nothing.
#[utoipa::path(get, path = "/fulfillments/dynamic", tag = "fulfillments", operation_id = "dynamic_get", security(("key" = [])),
    params(
        ("api_key" = Option<String>, Query, description = "The key, where no Authorization header can be sent"),
        ("external_order_id" = String, Query), ("customer_email" = String, Query), ("product_id" = String, Query),
        ("quantity" = i64, Query), ("variant_id" = Option<String>, Query), ("max_unit_cost" = Option<f64>, Query),
        ("format" = Option<String>, Query, description = "`text` or `json`, whatever the Accept header says"),
    ),
    responses((status = 200, content((String = "text/plain"), (Data<Fulfillment> = "application/json"))),
        (status = 402, body = Envelope, description = "The prepaid balance is too low; nothing was done"),
        (status = 403, body = Envelope, description = "The product is not among those that this reseller may sell, its \
                mode buys no stock, or the key's `allowed_ips` do not hold the address that calls"),
        (status = 409, body = Envelope, description = "Too few codes are free, a purchase limit is reached, the price \
                is above `max_unit_cost`, or the order's id or the idempotency key named another request")))]
pub async fn get(query: Query, headers: HeaderMap, join: Join<Full, Nothing>) -> Response {
    counted(&join, deliver(&join, &query, &headers)).await
}

/// The same, for tools that post; the body is empty.
#[utoipa::path(post, path = "/fulfillments/dynamic", tag = "fulfillments", operation_id = "dynamic_post", security(("key" = [])),
    params(
        ("api_key" = Option<String>, Query, description = "The key, where no Authorization header can be sent"),
        ("external_order_id" = String, Query), ("customer_email" = String, Query), ("product_id" = String, Query),
        ("quantity" = i64, Query), ("variant_id" = Option<String>, Query), ("max_unit_cost" = Option<f64>, Query),
        ("format" = Option<String>, Query, description = "`text` or `json`, whatever the Accept header says"),
    ),
    responses((status = 200, content((String = "text/plain"), (Data<Fulfillment> = "application/json"))),
        (status = 402, body = Envelope, description = "The prepaid balance is too low; nothing was done"),
        (status = 403, body = Envelope, description = "The product is not among those that this reseller may sell, its \
                mode buys no stock, or the key's `allowed_ips` do not hold the address that calls"),
        (status = 409, body = Envelope, description = "Too few codes are free, a purchase limit is reached, the price \
                is above `max_unit_cost`, or the order's id or the idempotency key named another request")))]
pub async fn post(query: Query, headers: HeaderMap, join: Join<Full, Nothing>) -> Response {
    counted(&join, deliver(&join, &query, &headers)).await
}

async fn deliver(join: &Join<Full, Nothing>, query: &Query, headers: &HeaderMap) -> Result<Response> {
    let as_json = wants_json(query, headers)?;
    let render = if as_json { render } else { plain };
    let form = if as_json { "json" } else { "text" };
    let named = join.claim_in(form, scope(join)?).map(|claim| Named { claim, render });
    let (body, replayed) = match place(join, order(query)?, named).await? {
        Answer::Fresh(one) | Answer::Again(one) => (render(&one)?, false),
        Answer::Stored(first) => (first.body, false),
        Answer::Replay(first) => (first.body, true),
    };
    let mut response = Reply { status: StatusCode::OK, body, replayed }.into_response();
    if !as_json {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
    }
    Ok(response)
}

/// One code a line.
#[expect(clippy::unnecessary_wraps, reason = "as `render`, in whose place it stands")]
fn plain(one: &fulfillments::Fulfillment) -> Result<Vec<u8>> {
    let codes: Vec<&str> = one.items.iter().map(|item| item.code.as_str()).collect();
    Ok(format!("{}\n", codes.join("\n")).into_bytes())
}

fn wants_json(query: &Query, headers: &HeaderMap) -> Result<bool> {
    match query.get("format") {
        Some("text") => Ok(false),
        Some("json") => Ok(true),
        Some(_) => Err(Error::invalid("format", "must be text or json")),
        None => Ok(headers.get_all(header::ACCEPT).iter().any(|accept| {
            accept.to_str().is_ok_and(|accept| accept.to_ascii_lowercase().contains("application/json"))
        })),
    }
}

/// The same fields as the body of the POST, each as text.
fn order(query: &Query) -> Result<Order> {
    let mut missing = Fields::default();
    REQUIRED.iter().filter(|name| query.get(name).is_none()).for_each(|name| missing.missing(*name));
    if !missing.is_empty() {
        return Err(missing.into());
    }
    let mut members = BTreeMap::new();
    for name in REQUIRED.into_iter().chain(OPTIONAL) {
        let Some(text) = query.get(name).filter(|text| !text.is_empty() || REQUIRED.contains(&name)) else { continue };
        let number = text.parse().ok().filter(|_| name == "quantity").map(Json::Int);
        members.insert(name.to_owned(), number.unwrap_or_else(|| Json::Text(text.to_owned())));
    }
    Ok(Form::new(members).finish::<Ordered>(Unknown::Ignored)?.order)
}
