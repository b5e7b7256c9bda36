//! Fulfillments: ask for codes, and see what was asked for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::order::{OrderBody, Ordered, counted, place, scope};
use crate::app::App;
use crate::domain::fulfillments::{self, Answer as Given, Named};
use crate::domain::idempotency::Stored;
use crate::domain::keys::reseller::Full;
use crate::error::{Error, Result};
use crate::http::door::envelope::Envelope;
use crate::http::door::fulfillment::{self, Fulfillment, render};
use crate::http::door::join::Join;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::reseller::Reseller;
use crate::http::door::wire::CursorList;
use crate::http::door::{Answer, Data, Reply};

/// Debits the prepaid balance and answers with the codes, at once or not at all. Asked for again, by its order id
/// and product or by its idempotency key, it is answered again, and nothing is debited.
#[utoipa::path(post, path = "/fulfillments", tag = "fulfillments", security(("key" = [])), request_body = OrderBody,
    responses((status = 201, body = Data<Fulfillment>),
        (status = 200, description = "It was there already; nothing was debited", body = Data<Fulfillment>),
        (status = 402, body = Envelope, description = "The prepaid balance is too low; nothing was done"),
        (status = 403, body = Envelope, description = "The product is not among those that this reseller may sell, its \
                mode buys no stock, or the key's `allowed_ips` do not hold the address that calls"),
        (status = 409, body = Envelope, description = "Too few codes are free, a purchase limit is reached, the price \
                is above `max_unit_cost`, or the order's id or the idempotency key named another request")))]
pub async fn create(join: Join<Full, Ordered>) -> Response {
    counted(&join, fulfill(&join)).await
}

async fn fulfill(join: &Join<Full, Ordered>) -> Result<Reply> {
    let key = match (join.key(), &join.body.key) {
        (Some(header), Some(body)) if header.0 != body.0 => {
            return Err(Error::invalid("idempotency_key", "is not what the header Idempotency-Key says"));
        }
        (header, body) => header.or(body.as_ref()),
    };
    let named = key.map(|key| Ok::<_, Error>(Named { claim: join.claim_by(key, scope(join)?), render }));
    let answer = place(join, join.body.order.clone(), named.transpose()?).await?;
    let reply = |status, body, replayed| Reply { status, body, replayed };
    let stored = |stored: Stored, replayed| {
        let status = StatusCode::from_u16(stored.status);
        let status = status.map_err(|e| Error::Internal(format!("stored status: {e}")))?;
        Ok(reply(status, stored.body, replayed))
    };
    match answer {
        Given::Fresh(one) => Ok(reply(StatusCode::CREATED, render(&one)?, false)),
        Given::Again(one) => Ok(reply(StatusCode::OK, render(&one)?, false)),
        Given::Stored(first) => stored(first, false),
        Given::Replay(first) => stored(first, true),
    }
}

/// Fetches a fulfillment, with its codes.
#[utoipa::path(get, path = "/fulfillments/{id}", tag = "fulfillments", security(("key" = [])),
    params(("id" = String, Path)), responses((status = 200, body = Data<Fulfillment>)))]
pub async fn get(
    caller: Reseller,
    State(app): State<Arc<App>>,
    PathId(id): PathId<fulfillments::Fulfillment>,
    mut db: Read,
) -> Answer<Data<Fulfillment>> {
    let one = fulfillments::get(&mut db, caller.shop, &app.env, caller.relationship.id, id).await?;
    Ok(Json(Data { data: Fulfillment::from(&one) }))
}

/// Lists fulfillments, newest first, with their codes.
#[utoipa::path(get, path = "/fulfillments", tag = "fulfillments", security(("key" = [])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("external_order_id" = Option<String>, Query, description = "Those of this order of yours alone"),
), responses((status = 200, body = CursorList<Fulfillment>)))]
pub async fn list(
    caller: Reseller,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<CursorList<Fulfillment>> {
    fulfillment::list(&app, &mut db, (caller.shop, caller.relationship.id), &query).await
}
