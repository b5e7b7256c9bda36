//! Refunds of orders.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::keys::merchant::OrdersWrite;
use crate::domain::orders::{self, Item, NewRefund, Reason};
use crate::error::Result;
use crate::http::door::Reply;
use crate::http::door::caller::Merchant;
use crate::http::door::params::PathId;
use crate::http::door::wire::Instant;
use crate::http::door::write::Write;
use crate::kit::json::{Form, Wire, whole};
use crate::kit::money::{Cents, MAX_CENTS};
use crate::kit::values::{one_of, prose};

const NOTE_CHARS_MAX: usize = 2_000;

/// A refund of an order, in part or in full.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refund {
    #[schema(example = "rf_01J2PVS78B0000000000000000")]
    id: String,
    order_id: String,
    /// `processing`, then `completed` or `failed`; what failed can be refunded anew.
    #[schema(example = "processing")]
    status: &'static str,
    amount_cents: i64,
    #[schema(example = "requested_by_buyer")]
    reason: &'static str,
    /// For the shop alone.
    note: Option<String>,
    /// The transaction that carried the money back, once it is sent.
    destination_tx: Option<String>,
    /// Why it failed.
    error: Option<String>,
    created_at: Instant,
}

/// A refund just begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewlyRefunded {
    #[serde(flatten)]
    refund: Refund,
    /// What a refund in full cannot take back, because the buyer has seen it or holds it. A refund in part
    /// takes nothing back, and has none of these.
    irrevocable: Vec<Irrevocable>,
}

/// Delivered goods that stay with the buyer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Irrevocable {
    /// Its name when it was sold.
    product: String,
    qty: i32,
    #[schema(example = "license_key")]
    kind: String,
}

/// Refunds an order, in full or in part. The money goes back the way it came; once all of it is back the order is
/// `refunded`, its licenses are revoked, its download links end, and what was not delivered is not delivered any more.
#[utoipa::path(post, path = "/orders/{id}/refund", tag = "orders", security(("key" = ["orders:write"])),
    params(("id" = String, Path, description = "`ord_…` or the order's UUID")),
    request_body = NewRefundBody, responses((status = 200, body = NewlyRefunded)))]
pub async fn refund(
    caller: Merchant<OrdersWrite>,
    PathId(id): PathId<orders::Order>,
    write: Write<NewRefund>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, new| {
            let begun = orders::refund(db, shop, &app.env, id, new.clone()).await?;
            let irrevocable = begun.irrevocable.iter().map(Irrevocable::of).collect();
            Ok(NewlyRefunded { refund: begun.refund.into(), irrevocable })
        })
        .await
}

impl From<orders::Refund> for Refund {
    fn from(refund: orders::Refund) -> Self {
        Self {
            id: refund.id.to_string(),
            order_id: refund.order.to_string(),
            status: refund.status.word(),
            amount_cents: refund.amount.get(),
            reason: refund.reason.word(),
            created_at: Instant(refund.created_at()),
            note: refund.note,
            destination_tx: refund.destination_tx,
            error: refund.error,
        }
    }
}

impl Irrevocable {
    fn of(item: &Item) -> Self {
        Self { product: item.product_name.clone(), qty: item.quantity, kind: item.kind.clone() }
    }
}

impl Wire for NewRefund {
    fn read(form: &mut Form) -> Option<Self> {
        let amount = form.optional("amount_cents", whole(1, MAX_CENTS));
        let reason = form.optional("reason", one_of(Reason::WORDS));
        let note = form.optional("note", prose(NOTE_CHARS_MAX));
        Some(Self { amount: amount?.and_then(Cents::new), reason: reason?.unwrap_or(Reason::Other), note: note? })
    }
}

/// How much of an order is paid back, and why.
#[derive(ToSchema)]
#[schema(as = NewRefund)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct NewRefundBody {
    /// All that is still refundable, unless said.
    #[schema(minimum = 1, example = 900)]
    amount_cents: Option<i64>,
    /// `requested_by_buyer`, `duplicate`, `fraud` or `other`.
    #[schema(example = "requested_by_buyer")]
    reason: Option<String>,
    /// For the shop alone. In the sandbox a refund with the note `fail` fails.
    #[schema(max_length = 2_000)]
    note: Option<String>,
}
