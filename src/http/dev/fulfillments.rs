//! What a reseller's own shop sold, as the merchant sees it: the last characters of the codes, and good ones for
//! bad ones. Paths are of a relationship and of one of its fulfillments.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::fulfillments::{self, Bad, QUANTITY_MAX, Replaced};
use crate::domain::keys::developer::{ResellerSalesRead, ResellerStockWrite};
use crate::domain::resellers;
use crate::domain::serials::{CODE_BYTES_MAX, Code, SerialId};
use crate::error::Result;
use crate::http::door::caller::Developer;
use crate::http::door::params::{PathId, PathPair, Query};
use crate::http::door::read::Read;
use crate::http::door::wire::{CursorList, Instant};
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::json::{Form, Json as Value, Reading, Wire, list as list_of, text, whole, wrong};
use crate::kit::page::Place;
use crate::kit::values::prose;

const LIMIT_DEFAULT: i64 = 50;
const REASON_CHARS_MAX: usize = 500;
/// Of one replacement.
const BAD_MAX: usize = 1_000;
const LAST: usize = 4;

#[derive(Debug, Serialize, ToSchema)]
pub struct ResellerFulfillment {
    id: String,
    reseller_id: String,
    external_order_id: String,
    product_id: String,
    variant_id: Option<String>,
    quantity: i32,
    customer_email: String,
    #[schema(value_type = f64)]
    unit_cost: Number,
    #[schema(value_type = f64)]
    total_cost: Number,
    currency: &'static str,
    items: Vec<HandedOut>,
    created_at: Instant,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HandedOut {
    id: String,
    /// The reseller sees all of it.
    #[schema(example = "WS12")]
    serial_last4: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "replacement_ids stands beside burned_ids")]
pub struct Replacement {
    /// The codes that were burned.
    burned_ids: Vec<String>,
    /// The good ones, in step.
    replacement_ids: Vec<String>,
    fulfillment: ResellerFulfillment,
}

/// Lists a reseller's fulfillments, newest first.
#[utoipa::path(get, path = "/resellers/{id}/fulfillments", tag = "resellers", operation_id = "fulfillments",
    security(("key" = ["reseller_sales.read"])), params(
    ("id" = String, Path, description = "The relationship"),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("external_order_id" = Option<String>, Query),
), responses((status = 200, body = CursorList<ResellerFulfillment>)))]
pub async fn list(
    caller: Developer<ResellerSalesRead>,
    State(app): State<Arc<App>>,
    PathId(id): PathId<resellers::Reseller>,
    query: Query,
    mut db: Read,
) -> Answer<CursorList<ResellerFulfillment>> {
    let reseller = resellers::get(&mut db, caller.shop, id).await?;
    let filters = format!("{id};{}", query.filters(&["external_order_id"]));
    let place = Place::new("reseller_fulfillments", caller.shop.uuid(), &filters);
    let window = query.window_of(LIMIT_DEFAULT, &place, &app.env.vault)?;
    let order = query.get("external_order_id");
    let page = fulfillments::list(&mut db, caller.shop, &app.env, reseller.id, order, window, &place).await?;
    Ok(Json(page.map(|one| ResellerFulfillment::from(&one)).into()))
}

/// Burns bad codes of a fulfillment and gives as many good ones, at no charge. Without `serials` or `serial_ids` the
/// newest are meant. Where the pool is too small nothing is burned.
#[utoipa::path(post, path = "/resellers/{id}/fulfillments/{fulfillment}/replace", tag = "resellers",
    operation_id = "replace_fulfillment", security(("key" = ["reseller_stock.write"])),
    params(("id" = String, Path, description = "The relationship"), ("fulfillment" = String, Path)),
    request_body = ReplaceBody, responses((status = 200, body = Data<Replacement>)))]
pub async fn replace(
    caller: Developer<ResellerStockWrite>,
    PathPair(reseller, id): PathPair<resellers::Reseller, fulfillments::Fulfillment>,
    write: Write<Replace>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, body| {
            let reason = body.reason.as_deref();
            let of = (reseller, id);
            let done = fulfillments::replace(db, shop, &app.env, &app.cursors, of, &body.bad, reason).await?;
            Ok(Data { data: Replacement::from(done) })
        })
        .await
}

impl From<&fulfillments::Fulfillment> for ResellerFulfillment {
    fn from(one: &fulfillments::Fulfillment) -> Self {
        let item =
            |item: &fulfillments::Item| HandedOut { id: item.id.uuid().to_string(), serial_last4: last4(&item.code) };
        Self {
            id: one.id.uuid().to_string(),
            reseller_id: one.reseller.uuid().to_string(),
            external_order_id: one.external_order_id.clone(),
            product_id: one.product.uuid().to_string(),
            variant_id: None,
            quantity: one.quantity,
            customer_email: one.customer_email.clone(),
            unit_cost: one.currency.major(one.unit),
            total_cost: one.currency.major(one.total),
            currency: one.currency.code(),
            items: one.items.iter().map(item).collect(),
            created_at: Instant(one.created_at),
        }
    }
}

impl From<Replaced> for Replacement {
    fn from(done: Replaced) -> Self {
        let text = |id: &SerialId| id.uuid().to_string();
        Self {
            burned_ids: done.burned.iter().map(text).collect(),
            replacement_ids: done.good.iter().map(|one| text(&one.id)).collect(),
            fulfillment: ResellerFulfillment::from(&done.fulfillment),
        }
    }
}

/// The last characters, of a code that has more than twice as many.
fn last4(code: &Code) -> String {
    let chars: Vec<char> = code.as_str().chars().collect();
    if chars.len() > 2 * LAST { chars[chars.len() - LAST..].iter().collect() } else { "…".into() }
}

/// Which codes are bad, and why.
pub struct Replace {
    bad: Bad,
    reason: Option<String>,
}

impl Wire for Replace {
    fn read(form: &mut Form) -> Option<Self> {
        let codes = form.optional("serials", list_of(1, BAD_MAX, code));
        let ids = form.optional("serial_ids", list_of(1, BAD_MAX, serial_id));
        let quantity = form.optional("quantity", whole(1, QUANTITY_MAX));
        let reason = form.optional("reason", prose(REASON_CHARS_MAX));
        let (codes, ids) = (codes?, ids?);
        if codes.is_some() && ids.is_some() {
            form.wrong("serials", "must not come with serial_ids");
        }
        let newest = usize::try_from(quantity?.unwrap_or(1)).unwrap_or(usize::MAX);
        let bad = codes.map(Bad::Codes).or_else(|| ids.map(Bad::Ids)).unwrap_or(Bad::Newest(newest));
        Some(Self { bad, reason: reason? })
    }
}

fn code(value: Value) -> Reading<String> {
    let code = text(value)?;
    if code.len() > CODE_BYTES_MAX { Err(wrong("is too long")) } else { Ok(code) }
}

fn serial_id(value: Value) -> Reading<SerialId> {
    SerialId::parse(&text(value)?).ok_or_else(|| wrong("must be the id of a serial"))
}

/// Which codes of a fulfillment are bad, and why. Without a body, its newest one.
#[derive(ToSchema)]
#[schema(as = FulfillmentReplacement)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct ReplaceBody {
    /// The bad codes themselves.
    serials: Option<Vec<String>>,
    /// Or their ids.
    serial_ids: Option<Vec<String>>,
    /// How many of the newest, where none is named: 1 unless said.
    quantity: Option<i64>,
    #[schema(max_length = 500)]
    reason: Option<String>,
}
