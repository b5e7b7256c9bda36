use chrono::{DateTime, Utc};
use sqlx::PgConnection;

pub struct Row {
    pub id: i32,
    pub purpose: String,
    pub sealed: Vec<u8>,
}

/// Until the transaction ends, nobody else makes keys. The table is tiny and written once.
pub async fn lock(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("lock table data_keys in share row exclusive mode").execute(db).await.map(drop)
}

pub async fn any_master_id(db: &mut PgConnection) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("select master_id from data_keys order by id limit 1").fetch_optional(db).await
}

pub async fn all(db: &mut PgConnection) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(Row, "select id, purpose, sealed from data_keys order by id desc").fetch_all(db).await
}

pub async fn insert(
    db: &mut PgConnection,
    id: i32,
    purpose: &str,
    sealed: &[u8],
    master_id: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into data_keys (id, purpose, sealed, master_id, created_at) values ($1, $2, $3, $4, $5)",
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
