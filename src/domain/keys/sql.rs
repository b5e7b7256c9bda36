use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::ApiKey;

pub struct Row {
    pub id: Uuid,
    pub surface: String,
    pub mode: String,
    pub name: String,
    pub scopes: Vec<String>,
    pub allowed_ips: Vec<String>,
    pub last4: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

pub struct CallerRow {
    pub shop_id: Uuid,
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub surface: String,
    pub mode: String,
    pub name: String,
    pub scopes: Vec<String>,
    pub reseller_id: Option<Uuid>,
    pub allowed_ips: Vec<String>,
}

pub async fn by_hash(db: &mut PgConnection, hash: &[u8]) -> sqlx::Result<Option<CallerRow>> {
    sqlx::query_as!(
        CallerRow,
        "select k.shop_id, k.id, k.tenant_id, k.surface, k.mode, k.name, k.scopes, k.reseller_id, k.allowed_ips
         from directory d join api_keys k on k.shop_id = d.shop_id and k.id = d.id
         where d.hash = $1 and d.kind = 'api_key' and k.revoked_at is null",
        hash
    )
    .fetch_optional(db)
    .await
}

pub struct StandingRow {
    pub id: Uuid,
    pub scopes: Vec<String>,
}

pub async fn standing(db: &mut PgConnection, shop: Uuid, keys: &[Uuid]) -> sqlx::Result<Vec<StandingRow>> {
    sqlx::query_as!(
        StandingRow,
        "select id, scopes from api_keys where shop_id = $1 and id = any($2) and revoked_at is null",
        shop,
        keys
    )
    .fetch_all(db)
    .await
}

pub async fn get(db: &mut PgConnection, shop: Uuid, key: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, surface, mode, name, scopes, allowed_ips, last4, created_at, last_used_at, revoked_at
         from api_keys where shop_id = $1 and id = $2 and revoked_at is null",
        shop,
        key
    )
    .fetch_optional(db)
    .await
}

pub async fn stands(db: &mut PgConnection, shop: Uuid, key: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from api_keys where shop_id = $1 and id = $2 and revoked_at is null) as "stands!""#,
        shop,
        key
    )
    .fetch_one(db)
    .await
}

pub async fn insert(
    db: &mut PgConnection,
    shop: Uuid,
    tenant: Uuid,
    key: &ApiKey,
    reseller: Option<Uuid>,
    hash: &[u8],
) -> sqlx::Result<()> {
    let allowed_ips: Vec<String> = key.allowed_ips.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "insert into api_keys (shop_id, id, tenant_id, surface, mode, name, scopes, last4, created_at, hash,
                               reseller_id, allowed_ips)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        shop,
        *key.id,
        tenant,
        key.surface.word(),
        key.mode.word(),
        key.name,
        &key.scopes,
        key.last4,
        key.created_at,
        hash,
        reseller,
        &allowed_ips
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn list(
    db: &mut PgConnection,
    shop: Uuid,
    surface: &str,
    mode: Option<&str>,
    revoked_since: DateTime<Utc>,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, surface, mode, name, scopes, allowed_ips, last4, created_at, last_used_at, revoked_at
         from api_keys
         where shop_id = $1 and surface = $2 and ($3::text is null or mode = $3)
           and (revoked_at is null or revoked_at > $4) and ($5::uuid is null or id < $5)
         order by id desc limit $6",
        shop,
        surface,
        mode,
        revoked_since,
        after,
        rows
    )
    .fetch_all(db)
    .await
}

pub async fn hash_of(
    db: &mut PgConnection,
    shop: Uuid,
    surface: &str,
    mode: Option<&str>,
    key: Uuid,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!(
        "select hash from api_keys
         where shop_id = $1 and surface = $2 and ($3::text is null or mode = $3) and id = $4",
        shop,
        surface,
        mode,
        key
    )
    .fetch_optional(db)
    .await
}

/// A relationship's keys.
pub async fn list_of(
    db: &mut PgConnection,
    shop: Uuid,
    tenant: Uuid,
    reseller: Uuid,
    revoked_since: DateTime<Utc>,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, surface, mode, name, scopes, allowed_ips, last4, created_at, last_used_at, revoked_at
         from api_keys
         where shop_id = $1 and tenant_id = $2 and reseller_id = $3
           and (revoked_at is null or revoked_at > $4) and ($5::uuid is null or id < $5)
         order by id desc limit $6",
        shop,
        tenant,
        reseller,
        revoked_since,
        after,
        rows
    )
    .fetch_all(db)
    .await
}

pub async fn count_of(db: &mut PgConnection, shop: Uuid, tenant: Uuid, reseller: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "standing!" from api_keys
           where shop_id = $1 and tenant_id = $2 and reseller_id = $3 and revoked_at is null"#,
        shop,
        tenant,
        reseller
    )
    .fetch_one(db)
    .await
}

pub async fn hash_of_resellers(
    db: &mut PgConnection,
    shop: Uuid,
    tenant: Uuid,
    reseller: Uuid,
    key: Uuid,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!(
        "select hash from api_keys where shop_id = $1 and tenant_id = $2 and reseller_id = $3 and id = $4",
        shop,
        tenant,
        reseller,
        key
    )
    .fetch_optional(db)
    .await
}

pub async fn lock_exclusively(db: &mut PgConnection, lock: i64) -> sqlx::Result<()> {
    sqlx::query!(r#"select pg_advisory_xact_lock($1)::text as "done""#, lock).fetch_one(db).await.map(drop)
}

pub async fn revoke(db: &mut PgConnection, shop: Uuid, key: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    // A second revocation keeps the first one's date.
    sqlx::query!(
        "update api_keys set revoked_at = coalesce(revoked_at, $3) where shop_id = $1 and id = $2",
        shop,
        key,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn touch(
    db: &mut PgConnection,
    shops: &[Uuid],
    keys: &[Uuid],
    instants: &[DateTime<Utc>],
) -> sqlx::Result<()> {
    sqlx::query!(
        "update api_keys k set last_used_at = greatest(k.last_used_at, u.at)
         from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as u (shop_id, id, at)
         where k.shop_id = u.shop_id and k.id = u.id",
        shops,
        keys,
        instants
    )
    .execute(db)
    .await
    .map(drop)
}
