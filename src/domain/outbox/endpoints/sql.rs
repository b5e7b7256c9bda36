use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Endpoint;

pub struct Row {
    pub id: Uuid,
    pub url: String,
    pub events: Vec<String>,
    pub description: Option<String>,
    pub disabled_reason: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// Answers whether there was room for it.
pub async fn insert(
    db: &mut PgConnection,
    shop: Uuid,
    endpoint: &Endpoint,
    sealed: &[u8],
    max: i64,
) -> sqlx::Result<bool> {
    sqlx::query!(
        "insert into webhook_endpoints (shop_id, id, url, events, description, secret, created_at)
         select $1, $2, $3, $4, $5, $6, $7
         where (select count(*) from webhook_endpoints e where e.shop_id = $1) < $8",
        shop,
        *endpoint.id,
        endpoint.url.as_str(),
        &endpoint.events,
        endpoint.description,
        sealed,
        endpoint.created_at,
        max
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected() == 1)
}

pub async fn list(db: &mut PgConnection, shop: Uuid, after: Option<Uuid>, rows: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, url, events, description, disabled_reason, created_at from webhook_endpoints
         where shop_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        shop,
        after,
        rows
    )
    .fetch_all(db)
    .await
}

pub async fn get(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, url, events, description, disabled_reason, created_at from webhook_endpoints
         where shop_id = $1 and id = $2",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn secret(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!("select secret from webhook_endpoints where shop_id = $1 and id = $2", shop, id)
        .fetch_optional(db)
        .await
}

pub async fn delete(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<bool> {
    sqlx::query!("delete from webhook_endpoints where shop_id = $1 and id = $2", shop, id)
        .execute(db)
        .await
        .map(|done| done.rows_affected() == 1)
}

pub async fn enable(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "update webhook_endpoints set status = 'active', disabled_reason = null,
                failing_since = case when status = 'active' then failing_since end
         where shop_id = $1 and id = $2
         returning id, url, events, description, disabled_reason, created_at",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn succeeded(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "update webhook_endpoints set failing_since = null
         where shop_id = $1 and id = $2 and failing_since is not null",
        shop,
        id
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn failed(db: &mut PgConnection, shop: Uuid, id: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "update webhook_endpoints set failing_since = $3
         where shop_id = $1 and id = $2 and failing_since is null",
        shop,
        id,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

/// Where it is active and has failed since then, or whenever.
pub async fn disable(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    reason: &str,
    failing_before: Option<DateTime<Utc>>,
) -> sqlx::Result<bool> {
    sqlx::query!(
        "update webhook_endpoints set status = 'disabled', disabled_reason = $3
         where shop_id = $1 and id = $2 and status = 'active'
           and ($4::timestamptz is null or failing_since <= $4)",
        shop,
        id,
        reason,
        failing_before
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected() == 1)
}
