use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Account;

pub struct Row {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub password_hash: String,
    pub created_at: DateTime<Utc>,
}

pub async fn insert(db: &mut PgConnection, new: &Account) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into accounts (id, email, email_key, name, password_hash, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
        new.id,
        new.email.as_str(),
        new.email.key(),
        new.name,
        new.password_hash,
        new.created_at
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn by_email(db: &mut PgConnection, key: &str) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(Row, "select id, email, name, password_hash, created_at from accounts where email_key = $1", key)
        .fetch_optional(db)
        .await
}

pub async fn lock_while_password_is(db: &mut PgConnection, account: Uuid, hash: &str) -> sqlx::Result<bool> {
    let found =
        sqlx::query_scalar!("select id from accounts where id = $1 and password_hash = $2 for share", account, hash);
    found.fetch_optional(db).await.map(|found| found.is_some())
}

pub async fn set_password(db: &mut PgConnection, account: Uuid, hash: &str, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("update accounts set password_hash = $2, updated_at = $3 where id = $1", account, hash, now)
        .execute(db)
        .await
        .map(drop)
}

pub async fn insert_session(
    db: &mut PgConnection,
    hash: &[u8],
    kind: &str,
    account: Uuid,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into sessions (hash, kind, account_id, created_at, expires_at) values ($1, $2, $3, $4, $5)",
        hash,
        kind,
        account,
        now,
        expires_at
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn by_session(db: &mut PgConnection, hash: &[u8], now: DateTime<Utc>) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select a.id, a.email, a.name, a.password_hash, a.created_at
         from sessions s join accounts a on a.id = s.account_id
         where s.hash = $1 and s.kind = 'session' and s.expires_at > $2",
        hash,
        now
    )
    .fetch_optional(db)
    .await
}

pub async fn lock_session(db: &mut PgConnection, hash: &[u8], now: DateTime<Utc>) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!(
        "select account_id from sessions where hash = $1 and kind = 'session' and expires_at > $2 for share",
        hash,
        now
    );
    found.fetch_optional(db).await.map(|found| found.is_some())
}

pub async fn end_session(db: &mut PgConnection, hash: &[u8], now: DateTime<Utc>) -> sqlx::Result<bool> {
    let done = sqlx::query!("delete from sessions where hash = $1 and kind = 'session' and expires_at > $2", hash, now);
    done.execute(db).await.map(|done| done.rows_affected() > 0)
}

pub async fn is_reset_open(db: &mut PgConnection, hash: &[u8], now: DateTime<Utc>) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!(
        "select account_id from sessions where hash = $1 and kind = 'password_reset' and expires_at > $2",
        hash,
        now
    );
    found.fetch_optional(db).await.map(|found| found.is_some())
}

pub async fn use_reset(db: &mut PgConnection, hash: &[u8], now: DateTime<Utc>) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "delete from sessions where hash = $1 and kind = 'password_reset' and expires_at > $2 returning account_id",
        hash,
        now
    )
    .fetch_optional(db)
    .await
}

/// Sessions and resets.
pub async fn end_all(db: &mut PgConnection, account: Uuid) -> sqlx::Result<()> {
    sqlx::query!("delete from sessions where account_id = $1", account).execute(db).await.map(drop)
}

pub async fn sweep(db: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "with gone as materialized (
             select hash from sessions where expires_at <= $1 order by expires_at limit 1000 for update skip locked)
         delete from sessions s using gone where s.hash = gone.hash",
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
