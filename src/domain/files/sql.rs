use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::File;

pub struct Row {
    pub id: Uuid,
    pub name: String,
    pub size_bytes: i64,
    pub sha256: Vec<u8>,
    pub content_type: String,
    pub created_at: DateTime<Utc>,
}

pub async fn insert(db: &mut PgConnection, shop: Uuid, file: &File) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into files (shop_id, id, name, size_bytes, sha256, content_type, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        shop,
        *file.id,
        file.name,
        file.size_bytes,
        file.sha256.as_slice(),
        file.content_type,
        file.created_at
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn by_ids(db: &mut PgConnection, shop: Uuid, ids: &[Uuid]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, name, size_bytes, sha256, content_type, created_at
         from files where shop_id = $1 and id = any($2) order by id",
        shop,
        ids
    )
    .fetch_all(db)
    .await
}
