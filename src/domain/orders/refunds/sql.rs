use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Refund;
use crate::domain::orders::{Order, sql::moved};
use crate::error::Result;

pub struct Row {
    pub id: Uuid,
    pub order_id: Uuid,
    pub amount_cents: i64,
    pub reason: String,
    pub note: Option<String>,
    pub status: String,
    pub gateway: String,
    pub transfer_id: Uuid,
    pub attempt: i32,
    pub destination_tx: Option<String>,
    pub error: Option<String>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Sets an amount of the order's aside; its constraint refuses what is beyond the total.
pub async fn hold(db: &mut PgConnection, shop: Uuid, order: Uuid, amount: i64, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "update orders set refunding_cents = refunding_cents + $3, updated_at = $4 where shop_id = $1 and id = $2",
        shop,
        order,
        amount,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

/// What was set aside has gone out. The order is as it was read under its lock.
pub async fn give_back(
    db: &mut PgConnection,
    shop: Uuid,
    order: &Order,
    before: &str,
    amount: i64,
    now: DateTime<Utc>,
) -> Result<()> {
    let done = sqlx::query!(
        "update orders set refunding_cents = refunding_cents - $5, refunded_cents = refunded_cents + $5, status = $4,
                           updated_at = $6
         where shop_id = $1 and id = $2 and status = $3",
        shop,
        *order.id,
        before,
        order.status.word(),
        amount,
        now
    )
    .execute(db)
    .await?;
    moved(done.rows_affected(), 1)
}

/// What was set aside stays with the shop.
pub async fn keep(db: &mut PgConnection, shop: Uuid, order: Uuid, amount: i64, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "update orders set refunding_cents = refunding_cents - $3, updated_at = $4 where shop_id = $1 and id = $2",
        shop,
        order,
        amount,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn insert(db: &mut PgConnection, shop: Uuid, refund: &Refund, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into refunds (shop_id, id, order_id, amount_cents, reason, note, gateway, transfer_id, due_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        shop,
        *refund.id,
        *refund.order,
        refund.amount.get(),
        refund.reason.word(),
        refund.note,
        refund.gateway.word(),
        *refund.transfer,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn of_order(db: &mut PgConnection, shop: Uuid, order: Uuid) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, order_id, amount_cents, reason, note, status, gateway, transfer_id, attempt, destination_tx, error,
                ended_at
         from refunds where shop_id = $1 and order_id = $2 order by id",
        shop,
        order
    )
    .fetch_all(db)
    .await
}

pub async fn processing(db: &mut PgConnection, shop: Uuid, limit: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, order_id, amount_cents, reason, note, status, gateway, transfer_id, attempt, destination_tx, error,
                ended_at
         from refunds where shop_id = $1 and status = 'processing' order by id limit $2",
        shop,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn order_of(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!("select order_id from refunds where shop_id = $1 and id = $2", shop, id)
        .fetch_optional(db)
        .await
}

pub async fn shops_with_refunds_due(db: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("select distinct shop_id from refunds where due_at <= $1", now).fetch_all(db).await
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
        "with due as materialized (
             select id from refunds where shop_id = $1 and due_at <= $2 order by due_at, id limit $4
             for update skip locked)
         update refunds r set attempt = r.attempt + 1, due_at = $3
         from due where r.shop_id = $1 and r.id = due.id
         returning r.id, r.order_id, r.amount_cents, r.reason, r.note, r.status, r.gateway, r.transfer_id, r.attempt,
                   r.destination_tx, r.error, r.ended_at",
        shop,
        now,
        until,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn wait_for_operator(db: &mut PgConnection, shop: Uuid, id: Uuid, attempt: i32) -> sqlx::Result<()> {
    sqlx::query!(
        "update refunds set due_at = null
         where shop_id = $1 and id = $2 and attempt = $3 and status = 'processing'",
        shop,
        id,
        attempt
    )
    .execute(db)
    .await
    .map(drop)
}

pub struct End<'a> {
    pub status: &'a str,
    pub tx: Option<&'a str>,
    pub error: Option<&'a str>,
}

/// The refund as it ended; `None` where it had ended, or is under another lease. Without an attempt it is the
/// operator who ends it: one of the gateway that has nobody else.
pub async fn end(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    attempt: Option<i32>,
    end: &End<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "update refunds set status = $4, destination_tx = $5, error = $6, ended_at = $7, due_at = null
         where shop_id = $1 and id = $2 and status = 'processing'
           and case when $3::int is null then gateway = 'manual' else attempt = $3 end
         returning id, order_id, amount_cents, reason, note, status, gateway, transfer_id, attempt, destination_tx, error,
                   ended_at",
        shop,
        id,
        attempt,
        end.status,
        end.tx,
        end.error,
        now
    )
    .fetch_optional(db)
    .await
}
