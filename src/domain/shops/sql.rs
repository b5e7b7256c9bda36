use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::NewShop;

pub struct Row {
    pub id: Uuid,
    pub twin_id: Uuid,
    pub mode: String,
    pub slug: String,
    pub name: String,
    pub currency: String,
    pub owner_email: Option<String>,
    pub created_at: DateTime<Utc>,
}

pub async fn insert(
    db: &mut PgConnection,
    id: Uuid,
    twin: Uuid,
    mode: &str,
    new: &NewShop,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into shops (id, twin_id, mode, slug, name, currency, owner_email, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id,
        twin,
        mode,
        new.slug,
        new.name,
        new.currency.code(),
        new.owner_email,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn by_id(db: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(Row, "select * from shops where id = $1", id).fetch_optional(db).await
}

pub async fn by_id_and_mode(db: &mut PgConnection, id: Uuid, mode: &str) -> sqlx::Result<Option<Row>> {
    // Either of the two ids names the shop; the mode says which row is meant.
    sqlx::query_as!(
        Row,
        "select s.* from shops n join shops s on s.id in (n.id, n.twin_id) where n.id = $1 and s.mode = $2",
        id,
        mode
    )
    .fetch_optional(db)
    .await
}

pub async fn by_slug(db: &mut PgConnection, slug: &str, mode: &str) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(Row, "select * from shops where slug = $1 and mode = $2", slug, mode).fetch_optional(db).await
}

pub async fn any(db: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"select exists (select from shops) as "any!""#).fetch_one(db).await
}

pub async fn list(db: &mut PgConnection, shop: Uuid, kind: &str, hash: &[u8], id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("insert into directory (hash, kind, shop_id, id) values ($1, $2, $3, $4)", hash, kind, shop, id)
        .execute(db)
        .await
        .map(drop)
}

pub async fn unlist(db: &mut PgConnection, shop: Uuid, hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("delete from directory where shop_id = $1 and hash = $2", shop, hash).execute(db).await.map(drop)
}

pub async fn look_up(db: &mut PgConnection, kind: &str, hash: &[u8]) -> sqlx::Result<Option<(Uuid, Uuid)>> {
    sqlx::query!("select shop_id, id from directory where hash = $1 and kind = $2", hash, kind)
        .map(|row| (row.shop_id, row.id))
        .fetch_optional(db)
        .await
}
