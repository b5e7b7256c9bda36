use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Broadcast, Chain, Decimal, Payout, Route, Status};
use crate::error::{Conflict, Error, Result};
use crate::kit::id::Id;
use crate::kit::money::{Cents, Currency};

pub struct Row {
    pub id: Uuid,
    pub status: String,
    pub chain: String,
    pub asset: String,
    pub amount_cents: i64,
    pub currency: String,
    pub destination_address: String,
    pub memo: Option<String>,
    pub broadcaster: String,
    pub transfer_id: Uuid,
    pub attempt: i32,
    pub tx_hash: Option<String>,
    pub asset_quantity: Option<String>,
    pub rate: Option<String>,
    pub rate_source: Option<String>,
    pub error: Option<String>,
    pub broadcast_at: Option<DateTime<Utc>>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub failed_at: Option<DateTime<Utc>>,
}

pub async fn insert(db: &mut PgConnection, shop: Uuid, payout: &Payout, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into payouts (shop_id, id, chain, asset, amount_cents, currency, destination_address, memo, broadcaster,
                              transfer_id, due_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
        shop,
        *payout.id,
        payout.chain.word(),
        payout.asset,
        payout.amount.get(),
        payout.currency.code(),
        payout.destination_address,
        payout.memo,
        payout.route.word(),
        *payout.transfer,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn list(
    db: &mut PgConnection,
    shop: Uuid,
    statuses: Option<&[String]>,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, chain, asset, amount_cents, currency, destination_address, memo, broadcaster, transfer_id,
                attempt, tx_hash, asset_quantity, rate, rate_source, error, broadcast_at, confirmed_at, failed_at
         from payouts
         where shop_id = $1 and ($2::text[] is null or status = any($2)) and ($3::uuid is null or id < $3)
         order by id desc limit $4",
        shop,
        statuses,
        after,
        rows
    )
    .fetch_all(db)
    .await
}

pub async fn by_id(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, chain, asset, amount_cents, currency, destination_address, memo, broadcaster, transfer_id,
                attempt, tx_hash, asset_quantity, rate, rate_source, error, broadcast_at, confirmed_at, failed_at
         from payouts where shop_id = $1 and id = $2",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn lock(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, chain, asset, amount_cents, currency, destination_address, memo, broadcaster, transfer_id,
                attempt, tx_hash, asset_quantity, rate, rate_source, error, broadcast_at, confirmed_at, failed_at
         from payouts where shop_id = $1 and id = $2 for no key update",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn shops_with_due(db: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("select distinct shop_id from payouts where due_at <= $1", now).fetch_all(db).await
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
             select id from payouts where shop_id = $1 and due_at <= $2 order by due_at, id limit $4
             for update skip locked)
         update payouts p set attempt = p.attempt + 1, due_at = $3
         from due where p.shop_id = $1 and p.id = due.id
         returning p.id, p.status, p.chain, p.asset, p.amount_cents, p.currency, p.destination_address, p.memo,
                   p.broadcaster, p.transfer_id, p.attempt, p.tx_hash, p.asset_quantity, p.rate, p.rate_source, p.error,
                   p.broadcast_at, p.confirmed_at, p.failed_at",
        shop,
        now,
        until,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn set_due(db: &mut PgConnection, shop: Uuid, id: Uuid, due_at: Option<DateTime<Utc>>) -> sqlx::Result<()> {
    sqlx::query!(
        "update payouts set due_at = $3
         where shop_id = $1 and id = $2 and status in ('queued', 'broadcast')",
        shop,
        id,
        due_at
    )
    .execute(db)
    .await
    .map(drop)
}

/// Writes a step down where the payout is still as it was read under its lock.
pub async fn update(
    db: &mut PgConnection,
    shop: Uuid,
    payout: &Payout,
    before: &str,
    due_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let sent = payout.broadcast.as_ref();
    let done = sqlx::query!(
        "update payouts set status = $4, tx_hash = $5, asset_quantity = $6, rate = $7, rate_source = $8, rate_at = $9,
                            broadcast_at = $9, confirmed_at = $10, failed_at = $11, error = $12, due_at = $13
         where shop_id = $1 and id = $2 and status = $3",
        shop,
        *payout.id,
        before,
        payout.status.word(),
        sent.map(|sent| sent.tx_hash.as_str()),
        sent.map(|sent| sent.asset_amount.as_str()),
        sent.map(|sent| sent.rate.as_str()),
        sent.map(|sent| sent.rate_source.as_str()),
        payout.broadcast_at,
        payout.confirmed_at,
        payout.failed_at,
        payout.error,
        due_at
    )
    .execute(db)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(Error::Conflict(Conflict::WrongState("the payout has moved on meanwhile".into())))
}

impl TryFrom<Row> for Payout {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let fault = || Error::Internal(format!("payout {} cannot be read", row.id));
        let decimal = |text: &str| Decimal::parse(text).ok_or_else(fault);
        let broadcast = match (row.tx_hash, row.asset_quantity, row.rate, row.rate_source) {
            (Some(tx_hash), Some(asset_amount), Some(rate), Some(rate_source)) => {
                Some(Broadcast { tx_hash, asset_amount: decimal(&asset_amount)?, rate: decimal(&rate)?, rate_source })
            }
            _ => None,
        };
        Ok(Self {
            id: Id::from(row.id),
            status: Status::of(&row.status).ok_or_else(fault)?,
            chain: Chain::of(&row.chain).ok_or_else(fault)?,
            asset: row.asset,
            amount: Cents::new(row.amount_cents).ok_or_else(fault)?,
            currency: Currency::parse(&row.currency).ok_or_else(fault)?,
            destination_address: row.destination_address,
            memo: row.memo,
            route: Route::of(&row.broadcaster).ok_or_else(fault)?,
            broadcast,
            broadcast_at: row.broadcast_at,
            confirmed_at: row.confirmed_at,
            failed_at: row.failed_at,
            error: row.error,
            transfer: Id::from(row.transfer_id),
        })
    }
}
