use chrono::{DateTime, Utc};
use sqlx::PgConnection;

pub struct Row {
    pub id: i32,
    pub purpose: String,
    pub sealed: Vec<u8>,
}

pub struct Signing {
    pub id: i32,
    pub sealed: Vec<u8>,
    pub created_at: DateTime<Utc>,
}

pub struct Newest {
    pub id: i32,
    pub master_id: String,
}

/// Until the transaction ends, nobody else makes keys. The table is tiny and seldom written.
pub async fn lock(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("lock table data_keys in share row exclusive mode").execute(db).await.map(drop)
}

pub async fn any_master_id(db: &mut PgConnection) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("select master_id from data_keys order by id limit 1").fetch_optional(db).await
}

pub async fn all(db: &mut PgConnection) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(Row, "select id, purpose, sealed from data_keys order by id desc").fetch_all(db).await
}

/// Newest first.
pub async fn signing(db: &mut PgConnection) -> sqlx::Result<Vec<Signing>> {
    sqlx::query_as!(Signing, "select id, sealed, created_at from data_keys where purpose = 'signing' order by id desc")
        .fetch_all(db)
        .await
}

pub async fn newest(db: &mut PgConnection) -> sqlx::Result<Option<Newest>> {
    sqlx::query_as!(Newest, "select id, master_id from data_keys order by id desc limit 1").fetch_optional(db).await
}

/// Does nothing where another process took the number just before.
pub async fn insert(
    db: &mut PgConnection,
    id: i32,
    purpose: &str,
    sealed: &[u8],
    master_id: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into data_keys (id, purpose, sealed, master_id, created_at) values ($1, $2, $3, $4, $5)
         on conflict (id) do nothing",
        id,
        purpose,
        sealed,
        master_id,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

/// Deletes the signing keys beyond the newest `stays`: a private key that is not needed is a risk.
pub async fn retire(db: &mut PgConnection, stays: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from data_keys where purpose = 'signing'
         and id not in (select id from data_keys where purpose = 'signing' order by id desc limit $1)",
        stays
    )
    .execute(db)
    .await
    .map(drop)
}
