use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{IpRule, License, Stats};

pub struct Row {
    pub id: Uuid,
    pub product_id: Uuid,
    pub invoice_id: Option<Uuid>,
    pub key_hash: Vec<u8>,
    pub status: String,
    pub hardware_id: Option<String>,
    pub allowed_ips: Vec<String>,
    pub uses: i64,
    pub max_uses: Option<i64>,
    pub limit_told: bool,
    pub expires_at: Option<DateTime<Utc>>,
    pub customer_email: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub count_uses: String,
}

pub struct SealedRow {
    pub id: Uuid,
    pub sealed: Vec<u8>,
}

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

/// What an attempt may change, in columns.
#[derive(Default)]
pub struct Used {
    pub ids: Vec<Uuid>,
    pub statuses: Vec<String>,
    pub hwids: Vec<Option<String>>,
    pub uses: Vec<i64>,
    pub limits_told: Vec<bool>,
    pub updated: Vec<DateTime<Utc>>,
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

pub async fn by_id(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from licenses l
         where l.shop_id = $1 and l.id = $2",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn by_keys(db: &mut PgConnection, shop: Uuid, key_hashes: &[Vec<u8>]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from licenses l
         where l.shop_id = $1 and l.key_hash = any($2)",
        shop,
        key_hashes
    )
    .fetch_all(db)
    .await
}

pub async fn lock(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from licenses l
         where l.shop_id = $1 and l.id = $2 for no key update",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

/// Locked in the order of their ids, so that two groups cannot deadlock.
pub async fn lock_by_keys(db: &mut PgConnection, shop: Uuid, key_hashes: &[Vec<u8>]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from licenses l
         where l.shop_id = $1 and l.key_hash = any($2)
         order by l.id for no key update",
        shop,
        key_hashes
    )
    .fetch_all(db)
    .await
}

pub async fn sealed(db: &mut PgConnection, shop: Uuid, ids: &[Uuid]) -> sqlx::Result<Vec<SealedRow>> {
    sqlx::query_as!(SealedRow, "select id, sealed from licenses where shop_id = $1 and id = any($2)", shop, ids)
        .fetch_all(db)
        .await
}

pub async fn insert(
    db: &mut PgConnection,
    shop: Uuid,
    license: &License,
    sealed: &[u8],
    unit: Option<(Uuid, i32)>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into licenses (shop_id, id, product_id, invoice_id, order_item_id, unit, key_hash, sealed, status,
                               hardware_id, allowed_ips, max_uses, count_uses, expires_at, customer_email, created_at,
                               updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        shop,
        *license.id,
        *license.product,
        license.invoice,
        unit.map(|(item, _)| item),
        unit.map(|(_, number)| number),
        &license.key_hash,
        sealed,
        license.status.kept(),
        license.hwid.as_ref().map(super::Hwid::as_str),
        &rules(license),
        license.max_uses,
        license.count_uses.word(),
        license.expires_at,
        license.customer_email,
        license.created_at,
        license.updated_at
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn is_issued(db: &mut PgConnection, shop: Uuid, item: Uuid, unit: i32) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from licenses where shop_id = $1 and order_item_id = $2 and unit = $3) as "is!""#,
        shop,
        item,
        unit
    )
    .fetch_one(db)
    .await
}

pub async fn update(db: &mut PgConnection, shop: Uuid, license: &License) -> sqlx::Result<()> {
    sqlx::query!(
        "update licenses set status = $3, hardware_id = $4, allowed_ips = $5, max_uses = $6, limit_told = $7,
                expires_at = $8, updated_at = $9
         where shop_id = $1 and id = $2",
        shop,
        *license.id,
        license.status.kept(),
        license.hwid.as_ref().map(super::Hwid::as_str),
        &rules(license),
        license.max_uses,
        license.limit_told,
        license.expires_at,
        license.updated_at
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn update_used(db: &mut PgConnection, shop: Uuid, used: &Used) -> sqlx::Result<()> {
    sqlx::query!(
        "update licenses l set status = u.status, hardware_id = u.hardware_id, uses = u.uses, limit_told = u.limit_told,
                updated_at = u.updated_at
         from unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bool[], $7::timestamptz[])
             as u (id, status, hardware_id, uses, limit_told, updated_at)
         where l.shop_id = $1 and l.id = u.id",
        shop,
        &used.ids,
        &used.statuses,
        &used.hwids as &[Option<String>],
        &used.uses,
        &used.limits_told,
        &used.updated
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn rotate(db: &mut PgConnection, shop: Uuid, license: &License, sealed: &[u8]) -> sqlx::Result<()> {
    sqlx::query!(
        "update licenses set key_hash = $3, sealed = $4, updated_at = $5 where shop_id = $1 and id = $2",
        shop,
        *license.id,
        &license.key_hash,
        sealed,
        license.updated_at
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn delete(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("delete from licenses where shop_id = $1 and id = $2", shop, id).execute(db).await.map(drop)
}

pub async fn pattern(db: &mut PgConnection, shop: Uuid, product: Uuid) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("select pattern from license_patterns where shop_id = $1 and product_id = $2", shop, product)
        .fetch_optional(db)
        .await
}

pub async fn set_pattern(db: &mut PgConnection, shop: Uuid, product: Uuid, pattern: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into license_patterns (shop_id, product_id, pattern) values ($1, $2, $3)
         on conflict (shop_id, product_id) do update set pattern = excluded.pattern",
        shop,
        product,
        pattern
    )
    .execute(db)
    .await
    .map(drop)
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

fn rules(license: &License) -> Vec<String> {
    license.allowed_ips.iter().map(IpRule::to_string).collect()
}
