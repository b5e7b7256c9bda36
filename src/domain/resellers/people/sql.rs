use sqlx::PgConnection;
use uuid::Uuid;

pub async fn shop_of(db: &mut PgConnection, account: Uuid, id: Uuid) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!("select shop_id from resellers where account_id = $1 and id = $2", account, id)
        .fetch_optional(db)
        .await
}

pub async fn relationships_of(db: &mut PgConnection, account: Uuid) -> sqlx::Result<Vec<(Uuid, Uuid)>> {
    sqlx::query!("select shop_id, id from resellers where account_id = $1 order by id desc", account)
        .map(|row| (row.shop_id, row.id))
        .fetch_all(db)
        .await
}
