use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Call, NewCall, Outcome};

pub struct Row {
    pub item_id: Uuid,
    pub order_id: Uuid,
    pub product_id: Uuid,
    pub attempt: i32,
    pub lost: bool,
}

pub async fn queue(db: &mut PgConnection, shop: Uuid, now: DateTime<Utc>, calls: &[NewCall]) -> sqlx::Result<()> {
    let column = |id: fn(&NewCall) -> Uuid| calls.iter().map(id).collect::<Vec<_>>();
    sqlx::query!(
        "insert into dynamic_calls (shop_id, item_id, order_id, product_id, due_at, created_at, updated_at)
         select $1, c.item, c.of_order, c.product, $5, $5, $5
         from unnest($2::uuid[], $3::uuid[], $4::uuid[]) as c (item, of_order, product)",
        shop,
        &column(|call| call.item),
        &column(|call| call.order),
        &column(|call| *call.product),
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn shops_with_due(db: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<Vec<Uuid>> {
    // A loose index scan: one probe a shop, however long the queues are.
    sqlx::query_scalar!(
        r#"with recursive shop as (
             (select shop_id, due_at from dynamic_calls where state in ('queued', 'leased')
              order by shop_id, due_at limit 1)
             union all
             select next.shop_id, next.due_at
             from shop, lateral (
                 select c.shop_id, c.due_at from dynamic_calls c
                 where c.state in ('queued', 'leased') and c.shop_id > shop.shop_id
                 order by c.shop_id, c.due_at limit 1) next)
         select shop_id as "shop_id!" from shop where due_at <= $1"#,
        now
    )
    .fetch_all(db)
    .await
}

pub async fn lease(
    db: &mut PgConnection,
    shop: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"with due as materialized (
             select item_id, state = 'leased' as lost from dynamic_calls
             where shop_id = $1 and state in ('queued', 'leased') and due_at <= $2
             order by due_at, item_id limit $4
             for update skip locked)
         update dynamic_calls c set state = 'leased', attempt = c.attempt + 1, due_at = $3, updated_at = $2
         from due where c.shop_id = $1 and c.item_id = due.item_id
         returning c.item_id, c.order_id, c.product_id, c.attempt, due.lost as "lost!""#,
        shop,
        now,
        until,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn record(db: &mut PgConnection, call: &Call, now: DateTime<Utc>, outcome: &Outcome) -> sqlx::Result<bool> {
    sqlx::query!(
        "update dynamic_calls set state = $4, http_status = $5, error = $6, updated_at = $7
         where shop_id = $1 and item_id = $2 and attempt = $3 and state = 'leased'",
        call.shop.uuid(),
        call.item,
        call.attempt,
        outcome.state.word(),
        outcome.http_status.and_then(|status| i16::try_from(status).ok()),
        outcome.error,
        now
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected() == 1)
}

pub async fn retry(db: &mut PgConnection, shop: Uuid, now: DateTime<Utc>, items: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!(
        "update dynamic_calls set state = 'queued', due_at = $3, http_status = null, error = null, updated_at = $3
         where shop_id = $1 and item_id = any($2) and state = 'failed'",
        shop,
        items,
        now
    )
    .execute(db)
    .await
    .map(drop)
}
