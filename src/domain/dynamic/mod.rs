//! Calls to merchants' addresses that answer with the goods (contract 5.3). Queued in the transaction of
//! the payment, made by the worker with no connection held, recorded where the lease still stands.
//!
//! A call is made once for each time it is queued. One that failed, or whose outcome nobody knows because
//! its worker died, waits for the merchant, who alone may repeat it ([`retry`]); the same item is always
//! asked for under the same idempotency key, so that a repetition hands nothing out twice.

mod sql;

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::products::ProductId;
use super::shops::Tenant;
use crate::error::Result;
use crate::kit::id::Id;

/// How long a call may take with all that belongs to it, before it counts as lost; several times the
/// deadline of the call itself.
const LEASE: Duration = Duration::seconds(60);

/// An item to ask for.
#[derive(Clone, Copy, Debug)]
pub struct NewCall {
    pub item: Uuid,
    pub order: Uuid,
    pub product: ProductId,
}

/// A call under lease: to be made, and recorded with the same attempt number.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub shop: Tenant,
    pub item: Uuid,
    pub order: Uuid,
    pub product: ProductId,
    pub attempt: i32,
    /// An earlier lease of it ran out: what became of that call is unknown, and it is not made again.
    pub lost: bool,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Delivered,
    /// Waits for the merchant to try again.
    Failed,
    /// No longer wanted: the order was refunded, or never got its money.
    Cancelled,
}

impl State {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is written down of a call that has ended; no goods, and nothing of the answer's text.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub state: State,
    pub http_status: Option<u16>,
    pub error: Option<String>,
}

/// Queues one call for each item, in the transaction that pays for them.
pub async fn queue(db: &mut PgConnection, shop: Tenant, now: DateTime<Utc>, calls: &[NewCall]) -> Result<()> {
    if calls.is_empty() {
        return Ok(());
    }
    Ok(sql::queue(db, shop.uuid(), now, calls).await?)
}

/// Shops with calls that are due, without a lock: the worker takes a few of each in turn.
pub async fn shops_with_due(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Tenant>> {
    Ok(sql::shops_with_due(db, now).await?.into_iter().map(Tenant::new).collect())
}

/// Takes up to `limit` due calls of one shop, oldest first.
pub async fn lease(db: &mut PgConnection, shop: Tenant, now: DateTime<Utc>, limit: i64) -> Result<Vec<Call>> {
    let rows = sql::lease(db, shop.uuid(), now, now + LEASE, limit).await?;
    let call = |row: sql::Row| Call {
        shop,
        item: row.item_id,
        order: row.order_id,
        product: Id::from(row.product_id),
        attempt: row.attempt,
        lost: row.lost,
    };
    Ok(rows.into_iter().map(call).collect())
}

/// Records how a call ended. `false` where a later lease has taken it over: then nothing was recorded,
/// and nothing may come of it.
pub async fn record(db: &mut PgConnection, call: &Call, now: DateTime<Utc>, outcome: &Outcome) -> Result<bool> {
    Ok(sql::record(db, call, now, outcome).await?)
}

/// Queues these items' calls again, where they failed.
pub async fn retry(db: &mut PgConnection, shop: Tenant, now: DateTime<Utc>, items: &[Uuid]) -> Result<()> {
    Ok(sql::retry(db, shop.uuid(), now, items).await?)
}
