//! One event on its way to one endpoint: leased, sent by the worker with no connection held, recorded where
//! the lease still stands. At least once: a worker that dies between answer and record has its row sent again.

mod outcome;
mod sql;

use chrono::{DateTime, Duration, Utc};
use secrecy::SecretString;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

pub use outcome::{Outcome, RETRY_AFTER_MAX, TRIES_MAX, Verdict};

use super::EventId;
use super::endpoints::{self, EndpointId};
use crate::domain::shops::Tenant;
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;
use crate::kit::id::Id;
use crate::kit::web_address::{Reach, WebAddress};

/// How long one sender has a delivery before another one takes it over: twice the deadline of a call.
pub const LEASE: Duration = Duration::seconds(30);
/// An endpoint of which nothing but failures is known for this long is disabled (contract 5.4).
pub const FAILING_MAX: Duration = Duration::hours(48);
/// How far back a recovery reaches, and how long deliveries and attempts are kept (R20).
pub const KEPT_FOR: Duration = Duration::days(30);
/// Queued again by one recovery: what one statement does within its time. There may be more.
pub const RECOVERED_MAX: i64 = 10_000;
/// Longer than what is sent of them, so that a delivery that was recovered on the last day finds its event at its last
/// try too.
const EVENTS_KEPT_FOR: Duration = Duration::days(40);
/// Events that one recovery looks at: within the time of a statement too, however few of them were missed.
const LOOKED_AT_MAX: i64 = 100_000;
/// A small part of the time of a statement.
const CANCELLED_AT_ONCE: i64 = 5_000;
const SWEPT_AT_ONCE: i64 = 1_000;

/// An endpoint with something due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub shop: Tenant,
    pub endpoint: EndpointId,
    /// Since when its oldest delivery waits.
    pub since: DateTime<Utc>,
    /// What is known of it.
    pub state: EndpointState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    Good,
    /// Its last attempt failed, or an earlier one that none has made good since.
    Failing,
    /// Deleted or disabled: nothing is sent there.
    Closed,
}

/// A delivery under lease: to be sent, and recorded with the same attempt number.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub shop: Tenant,
    pub endpoint: EndpointId,
    pub event: EventId,
    pub topic: String,
    pub payload: Value,
    /// When it was first queued.
    pub queued_at: DateTime<Utc>,
    pub attempt: i32,
    pub tries: i32,
    url: String,
    sealed: Vec<u8>,
}

impl Delivery {
    /// Where to; `None` for an address that is none.
    #[must_use]
    pub fn url(&self) -> Option<WebAddress> {
        WebAddress::parse(&self.url, Reach::Loopback).ok()
    }

    /// What signs it.
    pub fn secret(&self, env: &Env) -> Result<SecretString> {
        endpoints::open_secret(&self.sealed, self.shop, self.endpoint, env)
    }
}

/// Up to `limit` endpoints with something due, in the order of their ids from `after` on, without a lock: the
/// worker goes round and takes a few deliveries of each, so that none delays another.
pub async fn due(
    db: &mut PgConnection,
    now: DateTime<Utc>,
    after: Option<(Tenant, EndpointId)>,
    limit: i64,
) -> Result<Vec<Due>> {
    let (shop, endpoint) = after.map_or((Uuid::nil(), Uuid::nil()), |(shop, endpoint)| (shop.uuid(), *endpoint));
    let rows = sql::due(db, now, shop, endpoint, limit).await?;
    let due = |row: sql::DueRow| Due {
        shop: Tenant::new(row.shop_id),
        endpoint: Id::from(row.endpoint_id),
        since: row.due_at,
        state: match row.failing {
            Some(false) => EndpointState::Good,
            Some(true) => EndpointState::Failing,
            None => EndpointState::Closed,
        },
    };
    Ok(rows.into_iter().map(due).collect())
}

/// Takes due deliveries of one shop's endpoints, of each up to the number beside it, oldest first. An endpoint
/// that is just being deleted is waited for; of one that is gone nothing is taken.
pub async fn lease(
    db: &mut PgConnection,
    shop: Tenant,
    now: DateTime<Utc>,
    room: &[(EndpointId, i32)],
) -> Result<Vec<Delivery>> {
    let endpoints: Vec<Uuid> = room.iter().map(|(endpoint, _)| endpoint.uuid()).collect();
    let limits: Vec<i32> = room.iter().map(|(_, limit)| *limit).collect();
    let rows = sql::lease(db, shop.uuid(), now, now + LEASE, &endpoints, &limits).await?;
    let delivery = |row: sql::LeasedRow| Delivery {
        shop,
        endpoint: Id::from(row.endpoint_id),
        event: Id::from(row.event_id),
        topic: row.topic,
        payload: row.payload,
        queued_at: row.queued_at,
        attempt: row.attempt,
        tries: row.tries,
        url: row.url,
        sealed: row.secret,
    };
    Ok(rows.into_iter().map(delivery).collect())
}

/// Cancels what waits for endpoints that are deleted or disabled, 5,000 deliveries at most. What is left of a long queue,
/// and what transactions bring that were under way then, is the worker's to cancel; none of it is sent.
pub async fn cancel_closed(
    db: &mut PgConnection,
    shop: Tenant,
    now: DateTime<Utc>,
    endpoints: &[EndpointId],
) -> Result<()> {
    let ids: Vec<Uuid> = endpoints.iter().map(|id| id.uuid()).collect();
    Ok(sql::cancel_closed(db, shop.uuid(), &ids, now, CANCELLED_AT_ONCE).await?)
}

/// Records what became of an attempt. The attempt is written down in any case; the delivery moves only where
/// no later lease has taken it over and nobody has cancelled it: `false` otherwise.
///
/// Several statements, so within a transaction. Endpoint before delivery, as everywhere.
pub async fn record(db: &mut PgConnection, env: &Env, delivery: &Delivery, outcome: &Outcome) -> Result<bool> {
    let disabled = if outcome.verdict == Verdict::Delivered {
        endpoints::succeeded(db, delivery.shop, delivery.endpoint).await?;
        None
    } else {
        let gone = outcome.verdict == Verdict::Gone;
        endpoints::failed(db, delivery.shop, env, delivery.endpoint, gone).await?
    };
    let recorded = sql::record(db, delivery, outcome, &outcome.next(delivery, env), env.now()).await?;
    if let Some(reason) = disabled {
        tracing::warn!(endpoint = %delivery.endpoint, reason = reason.word(), "an endpoint was disabled");
        cancel_closed(db, delivery.shop, env.now(), &[delivery.endpoint]).await?;
    }
    Ok(recorded)
}

/// Queues again every event since then that the endpoint asks for and has not been sent successfully, oldest
/// first; also what happened while it was disabled, or not there yet. Answers how many, up to [`RECOVERED_MAX`], and
/// from which instant to go on where there may be more.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] for a disabled endpoint; [`Error::Invalid`] on `since` for an
/// instant to come, or further back than [`KEPT_FOR`].
pub async fn recover(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: EndpointId,
    since: DateTime<Utc>,
) -> Result<(i64, Option<DateTime<Utc>>)> {
    if endpoints::get(db, shop, id).await?.disabled.is_some() {
        return Err(Error::Conflict(Conflict::WrongState("the endpoint is disabled; enable it first".into())));
    }
    let now = env.now();
    if since > now || since < now - KEPT_FOR {
        return Err(Error::invalid("since", format!("must lie within the last {} days", KEPT_FOR.num_days())));
    }
    let limits = (RECOVERED_MAX, LOOKED_AT_MAX);
    let done = sql::recover(db, shop.uuid(), *id, *EventId::earliest(since), now, limits).await?;
    Ok((done.queued, done.up_to.map(|event| EventId::from(event).created_at())))
}

/// Deletes what ended before [`KEPT_FOR`], its attempts, and events that nobody can ask for any more; answers how many
/// rows, a thousand of each at most.
pub async fn sweep(db: &mut PgConnection, now: DateTime<Utc>) -> Result<u64> {
    let attempts = sql::sweep_attempts(db, now - KEPT_FOR, SWEPT_AT_ONCE).await?;
    let deliveries = sql::sweep_deliveries(db, now - KEPT_FOR, SWEPT_AT_ONCE).await?;
    Ok(attempts + deliveries + sql::sweep_events(db, now - EVENTS_KEPT_FOR, SWEPT_AT_ONCE).await?)
}
