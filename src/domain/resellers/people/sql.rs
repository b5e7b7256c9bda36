use sqlx::PgConnection;
use uuid::Uuid;

pub async fn shop_of(db: &mut PgConnection, account: Uuid, id: Uuid) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!("select shop_id from resellers where account_id = $1 and id = $2", account, id)
        .fetch_optional(db)
        .await
}

/// Shop and id of each.
pub async fn relationships_of(
    db: &mut PgConnection,
    account: Uuid,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<(Uuid, Uuid)>> {
    sqlx::query!(
        "select shop_id, id from resellers where account_id = $1 and ($2::uuid is null or id < $2)
         order by id desc limit $3",
        account,
        after,
        rows
    )
    .map(|row| (row.shop_id, row.id))
    .fetch_all(db)
    .await
}
