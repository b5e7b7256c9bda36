use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Claim;

pub struct Row {
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
