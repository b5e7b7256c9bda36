use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Stats;
use crate::domain::licenses::sql::Row;

/// What a list is narrowed to; null narrows nothing.
pub struct Wanted {
    pub statuses: Option<Vec<String>>,
    pub product: Option<Uuid>,
    /// These three: any of them, where one is given.
    pub key_hash: Option<Vec<u8>>,
    pub id: Option<Uuid>,
    pub email: Option<String>,
    pub now: DateTime<Utc>,
}

pub async fn list(
    db: &mut PgConnection,
    shop: Uuid,
    wanted: &Wanted,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    if wanted.key_hash.is_some() {
        return search(db, shop, wanted, after, rows).await;
    }
    sqlx::query_as!(
        Row,
        "select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from licenses l
         where l.shop_id = $1 and ($2::uuid is null or l.product_id = $2) and ($3::uuid is null or l.id < $3)
           and ($4::text[] is null
                or (case when l.status = 'active' and l.expires_at <= $5 then 'expired' else l.status end) = any($4))
         order by l.id desc limit $6",
        shop,
        wanted.product,
        after,
        wanted.statuses.as_deref(),
        wanted.now,
        rows
    )
    .fetch_all(db)
    .await
}

/// Each of the three has its index; one condition over all would have none.
async fn search(
    db: &mut PgConnection,
    shop: Uuid,
    wanted: &Wanted,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "with found as materialized (
             select id from licenses where shop_id = $1 and key_hash = $7
             union select id from licenses where shop_id = $1 and id = $8
             union select id from licenses where shop_id = $1 and invoice_id = $8
             union select id from licenses where shop_id = $1 and lower(customer_email) = $9)
         select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from found join licenses l on l.shop_id = $1 and l.id = found.id
         where ($2::uuid is null or l.product_id = $2) and ($3::uuid is null or l.id < $3)
           and ($4::text[] is null
                or (case when l.status = 'active' and l.expires_at <= $5 then 'expired' else l.status end) = any($4))
         order by l.id desc limit $6",
        shop,
        wanted.product,
        after,
        wanted.statuses.as_deref(),
        wanted.now,
        rows,
        wanted.key_hash.as_deref(),
        wanted.id,
        wanted.email
    )
    .fetch_all(db)
    .await
}

pub async fn stats(db: &mut PgConnection, shop: Uuid) -> sqlx::Result<Option<(Stats, DateTime<Utc>)>> {
    let row =
        sqlx::query!("select total, active, used, expired, counted_at from license_stats where shop_id = $1", shop)
            .fetch_optional(db)
            .await?;
    Ok(row.map(|row| {
        (Stats { total: row.total, active: row.active, used: row.used, expired: row.expired }, row.counted_at)
    }))
}

/// Of all who found the same old figures, one is told to count them.
pub async fn begin_count(
    db: &mut PgConnection,
    shop: Uuid,
    counted_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update license_stats set counted_at = $3 where shop_id = $1 and counted_at = $2",
        shop,
        counted_at,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn count(db: &mut PgConnection, shop: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into license_stats (shop_id, total, active, used, expired, counted_at)
         select $1, count(*), count(*) filter (where l.status = 'active' and (l.expires_at is null or l.expires_at > $2)),
                count(*) filter (where l.uses > 0),
                count(*) filter (where l.status = 'expired' or l.status = 'active' and l.expires_at <= $2), $2
         from licenses l where l.shop_id = $1
         on conflict (shop_id) do update
         set total = excluded.total, active = excluded.active, used = excluded.used, expired = excluded.expired,
             counted_at = excluded.counted_at",
        shop,
        now
    )
    .execute(db)
    .await
    .map(drop)
}
