use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Invitation;

pub struct Row {
    pub id: Uuid,
    pub email: String,
    pub terms: Value,
    pub token_number: i32,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// With the hash of its token before, where the invitation was there already.
pub async fn upsert(
    db: &mut PgConnection,
    shop: Uuid,
    new: &Invitation,
    terms: &Value,
    hash: &[u8],
) -> sqlx::Result<(Row, Vec<u8>)> {
    sqlx::query!(
        "insert into reseller_invitations as i
             (shop_id, id, email, email_key, terms, token_hash, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (shop_id, email_key) where accepted_at is null and revoked_at is null
         do update set terms = excluded.terms, expires_at = excluded.expires_at, token_number = i.token_number + 1
         returning id, email, terms, token_number, created_at, expires_at, accepted_at, revoked_at, token_hash",
        shop,
        *new.id,
        new.email.as_str(),
        new.email.key(),
        terms,
        hash,
        new.created_at,
        new.expires_at
    )
    .map(|row| {
        let kept = Row {
            id: row.id,
            email: row.email,
            terms: row.terms,
            token_number: row.token_number,
            created_at: row.created_at,
            expires_at: row.expires_at,
            accepted_at: row.accepted_at,
            revoked_at: row.revoked_at,
        };
        (kept, row.token_hash)
    })
    .fetch_one(db)
    .await
}

pub async fn set_token(db: &mut PgConnection, shop: Uuid, id: Uuid, hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("update reseller_invitations set token_hash = $3 where shop_id = $1 and id = $2", shop, id, hash)
        .execute(db)
        .await
        .map(drop)
}

pub async fn get(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, email, terms, token_number, created_at, expires_at, accepted_at, revoked_at
         from reseller_invitations where shop_id = $1 and id = $2",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn list_open(
    db: &mut PgConnection,
    shop: Uuid,
    now: DateTime<Utc>,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, email, terms, token_number, created_at, expires_at, accepted_at, revoked_at
         from reseller_invitations
         where shop_id = $1 and accepted_at is null and revoked_at is null and expires_at > $2
           and ($3::uuid is null or id < $3)
         order by id desc limit $4",
        shop,
        now,
        after,
        rows
    )
    .fetch_all(db)
    .await
}

pub async fn accept(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    token_hash: &[u8],
    email_key: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "update reseller_invitations set accepted_at = $4
         where shop_id = $1 and id = $2 and email_key = $3 and token_hash = $5
           and accepted_at is null and revoked_at is null and expires_at > $4
         returning id, email, terms, token_number, created_at, expires_at, accepted_at, revoked_at",
        shop,
        id,
        email_key,
        now,
        token_hash
    )
    .fetch_optional(db)
    .await
}
