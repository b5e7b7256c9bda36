use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Delivery;
use super::outcome::{Next, Outcome};

pub struct DueRow {
    pub shop_id: Uuid,
    pub endpoint_id: Uuid,
    pub due_at: DateTime<Utc>,
    /// `None`: the endpoint is deleted or disabled.
    pub failing: Option<bool>,
}

pub struct LeasedRow {
    pub endpoint_id: Uuid,
    pub event_id: Uuid,
    pub topic: String,
    pub payload: Value,
    pub queued_at: DateTime<Utc>,
    pub attempt: i32,
    pub tries: i32,
    pub url: String,
    pub secret: Vec<u8>,
}

pub async fn due(
    db: &mut PgConnection,
    now: DateTime<Utc>,
    after_shop: Uuid,
    after_endpoint: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<DueRow>> {
    // A loose index scan: one probe an endpoint, however long the queues are.
    sqlx::query_as!(
        DueRow,
        r#"with recursive front as (
             (select shop_id, endpoint_id, due_at from webhook_deliveries
              where state = 'queued' and (shop_id, endpoint_id) > ($2, $3)
              order by shop_id, endpoint_id, due_at limit 1)
             union all
             select next.shop_id, next.endpoint_id, next.due_at
             from front, lateral (
                 select d.shop_id, d.endpoint_id, d.due_at from webhook_deliveries d
                 where d.state = 'queued' and (d.shop_id, d.endpoint_id) > (front.shop_id, front.endpoint_id)
                 order by d.shop_id, d.endpoint_id, d.due_at limit 1) next)
         select f.shop_id as "shop_id!", f.endpoint_id as "endpoint_id!", f.due_at as "due_at!",
                case when e.status = 'active' then e.failing_since is not null end as failing
         from front f left join webhook_endpoints e on e.shop_id = f.shop_id and e.id = f.endpoint_id
         where f.due_at <= $1 or e.status is distinct from 'active' limit $4"#,
        now,
        after_shop,
        after_endpoint,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn lease(
    db: &mut PgConnection,
    shop: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    endpoints: &[Uuid],
    limits: &[i32],
) -> sqlx::Result<Vec<LeasedRow>> {
    // The endpoint's row is locked first, so that its deletion comes before this whole lease, or after it.
    sqlx::query_as!(
        LeasedRow,
        r#"with open as materialized (
             select e.id, e.url, e.secret, w.room
             from unnest($4::uuid[], $5::int[]) as w (id, room)
             join webhook_endpoints e on e.shop_id = $1 and e.id = w.id and e.status = 'active'
             order by e.id
             for key share of e),
         due as materialized (
             select one.endpoint_id, one.event_id from open, lateral (
                 select d.endpoint_id, d.event_id from webhook_deliveries d
                 where d.shop_id = $1 and d.endpoint_id = open.id and d.state = 'queued' and d.due_at <= $2
                 order by d.due_at limit open.room
                 for update skip locked) one)
         update webhook_deliveries l set attempt = l.attempt + 1, tries = l.tries + 1, due_at = $3
         from due
         join open on open.id = due.endpoint_id
         join events v on v.shop_id = $1 and v.id = due.event_id
         where l.shop_id = $1 and l.endpoint_id = due.endpoint_id and l.event_id = due.event_id
         returning l.endpoint_id, l.event_id, v.topic, v.payload, l.created_at as queued_at, l.attempt, l.tries,
                   open.url, open.secret"#,
        shop,
        now,
        until,
        endpoints,
        limits
    )
    .fetch_all(db)
    .await
}

/// Of endpoints that are deleted or disabled, so many at most: a queue may be longer than one statement's time.
pub async fn cancel_closed(
    db: &mut PgConnection,
    shop: Uuid,
    endpoints: &[Uuid],
    now: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update webhook_deliveries set state = 'cancelled', finished_at = $3
         where ctid = any(array(
             select d.ctid from webhook_deliveries d
             where d.shop_id = $1 and d.endpoint_id = any($2) and d.state = 'queued'
               and not exists (select from webhook_endpoints e
                               where e.shop_id = $1 and e.id = d.endpoint_id and e.status = 'active')
             limit $4 for update of d skip locked))",
        shop,
        endpoints,
        now,
        limit
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn record(
    db: &mut PgConnection,
    delivery: &Delivery,
    outcome: &Outcome,
    next: &Next,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"with attempted as (
             insert into webhook_attempts (shop_id, endpoint_id, event_id, attempt, started_at, duration_ms,
                                           http_status, error, answer)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             on conflict do nothing),
         recorded as (
             update webhook_deliveries set state = $10, due_at = $11,
                    finished_at = case when $10 <> 'queued' then $12::timestamptz end
             where shop_id = $1 and endpoint_id = $2 and event_id = $3 and attempt = $4 and state = 'queued'
             returning 1)
         select exists (select from recorded) as "recorded!""#,
        delivery.shop.uuid(),
        *delivery.endpoint,
        *delivery.event,
        delivery.attempt,
        outcome.started_at,
        outcome.duration_ms,
        outcome.http_status.and_then(|status| i16::try_from(status).ok()),
        outcome.error,
        outcome.answer,
        next.state,
        next.due_at,
        now
    )
    .fetch_one(db)
    .await
}

pub struct Recovered {
    pub queued: i64,
    /// The last event that was looked at, where there are more behind it.
    pub up_to: Option<Uuid>,
}

pub async fn recover(
    db: &mut PgConnection,
    shop: Uuid,
    endpoint: Uuid,
    since: Uuid,
    now: DateTime<Utc>,
    (queued, looked_at): (i64, i64),
) -> sqlx::Result<Recovered> {
    // The endpoint's row is locked: it is deleted before this, and nothing is queued, or after it, and all is cancelled.
    sqlx::query_as!(
        Recovered,
        r#"with open as materialized (
             select id, events from webhook_endpoints where shop_id = $1 and id = $2 and status = 'active'
             for key share),
         looked_at as materialized (
             select v.id, v.topic from events v where v.shop_id = $1 and v.id >= $3 order by v.id limit $6),
         missed as materialized (
             select v.id from open join looked_at v on strpos(v.topic, '.') > 0
               and open.events && array['*', split_part(v.topic, '.', 1) || '.*', v.topic]
             where not exists (select from webhook_deliveries d
                               where d.shop_id = $1 and d.endpoint_id = $2 and d.event_id = v.id
                                 and d.state in ('queued', 'delivered'))
             order by v.id limit $5),
         queued as (
             insert into webhook_deliveries as old (shop_id, endpoint_id, event_id, due_at, created_at)
             select $1, $2, id, $4, $4 from missed
             on conflict (shop_id, endpoint_id, event_id) do update
                 set state = 'queued', tries = 0, due_at = $4, finished_at = null
                 where old.state in ('failed', 'cancelled')
             returning 1)
         select (select count(*) from queued) as "queued!",
                case when (select count(*) from missed) = $5 then (select id from missed order by id desc limit 1)
                     when (select count(*) from looked_at) = $6 then (select id from looked_at order by id desc limit 1)
                end as up_to"#,
        shop,
        endpoint,
        since,
        now,
        queued,
        looked_at
    )
    .fetch_one(db)
    .await
}

pub async fn sweep_attempts(db: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> sqlx::Result<u64> {
    sqlx::query!(
        "delete from webhook_attempts where ctid = any(array(
             select ctid from webhook_attempts where started_at < $1 order by started_at limit $2
             for update skip locked))",
        before,
        limit
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected())
}

pub async fn sweep_deliveries(db: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> sqlx::Result<u64> {
    sqlx::query!(
        "delete from webhook_deliveries where ctid = any(array(
             select ctid from webhook_deliveries where state <> 'queued' and created_at < $1 order by created_at limit $2
             for update skip locked))",
        before,
        limit
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected())
}

/// Not those that are still to be sent.
pub async fn sweep_events(db: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> sqlx::Result<u64> {
    sqlx::query!(
        "delete from events where ctid = any(array(
             select v.ctid from events v
             where v.created_at < $1
               and not exists (select from webhook_endpoints e
                               join webhook_deliveries d on d.shop_id = e.shop_id and d.endpoint_id = e.id
                               where e.shop_id = v.shop_id and d.event_id = v.id and d.state = 'queued')
             limit $2 for update of v skip locked))",
        before,
        limit
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected())
}
