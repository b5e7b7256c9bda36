use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Claim;

pub struct Row {
    pub fingerprint: Vec<u8>,
    pub status: Option<i16>,
    pub body: Option<Vec<u8>>,
}

pub struct NamedRow {
    pub scope: String,
    pub key_hash: Vec<u8>,
    pub fingerprint: Vec<u8>,
    pub status: Option<i16>,
    pub body: Option<Vec<u8>>,
}

/// Whether the key is ours now: never seen, or expired. An expired row is taken over in place, so
/// expiry is exact whatever the sweeper does.
pub async fn claim(
    db: &mut PgConnection,
    shop: Uuid,
    claim: &Claim,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "insert into idempotency as i (shop_id, scope, key_hash, fingerprint, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (shop_id, scope, key_hash) do update
         set fingerprint = excluded.fingerprint, status = null, body = null,
             created_at = excluded.created_at, expires_at = excluded.expires_at
         where i.expires_at <= $5",
        shop,
        claim.scope,
        &claim.key_hash,
        &claim.fingerprint,
        now,
        until
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn find(db: &mut PgConnection, shop: Uuid, claim: &Claim) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select fingerprint, status, body from idempotency where shop_id = $1 and scope = $2 and key_hash = $3",
        shop,
        claim.scope,
        &claim.key_hash
    )
    .fetch_optional(db)
    .await
}

pub async fn store(db: &mut PgConnection, shop: Uuid, claim: &Claim, status: i16, body: &[u8]) -> sqlx::Result<()> {
    sqlx::query!(
        "update idempotency set status = $4, body = $5 where shop_id = $1 and scope = $2 and key_hash = $3",
        shop,
        claim.scope,
        &claim.key_hash,
        status,
        body
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn find_all(
    db: &mut PgConnection,
    shop: Uuid,
    scopes: &[String],
    keys: &[Vec<u8>],
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<NamedRow>> {
    sqlx::query_as!(
        NamedRow,
        "select i.scope, i.key_hash, i.fingerprint, i.status, i.body
         from unnest($2::text[], $3::bytea[]) as k (scope, key_hash)
         join idempotency i on i.shop_id = $1 and i.scope = k.scope and i.key_hash = k.key_hash
         where i.expires_at > $4",
        shop,
        scopes,
        keys,
        now
    )
    .fetch_all(db)
    .await
}

/// Answers to store, column by column.
#[derive(Default)]
pub struct Columns {
    pub scopes: Vec<String>,
    pub keys: Vec<Vec<u8>>,
    pub fingerprints: Vec<Vec<u8>>,
    pub statuses: Vec<i16>,
    pub bodies: Vec<Vec<u8>>,
}

/// Stores answers with their claims, taking expired rows over; answers how many it could.
pub async fn store_all(
    db: &mut PgConnection,
    shop: Uuid,
    rows: &Columns,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "insert into idempotency as i (shop_id, scope, key_hash, fingerprint, status, body, created_at, expires_at)
         select $1, k.scope, k.key_hash, k.fingerprint, k.status, k.body, $7, $8
         from unnest($2::text[], $3::bytea[], $4::bytea[], $5::smallint[], $6::bytea[])
             as k (scope, key_hash, fingerprint, status, body)
         on conflict (shop_id, scope, key_hash) do update
         set fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body,
             created_at = excluded.created_at, expires_at = excluded.expires_at
         where i.expires_at <= $7",
        shop,
        &rows.scopes,
        &rows.keys,
        &rows.fingerprints,
        &rows.statuses,
        &rows.bodies,
        now,
        until
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

pub async fn sweep(db: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "with gone as materialized (
             select shop_id, scope, key_hash from idempotency
             where expires_at <= $1 order by expires_at limit 1000
             for update skip locked)
         delete from idempotency i using gone
         where (i.shop_id, i.scope, i.key_hash) = (gone.shop_id, gone.scope, gone.key_hash)",
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
