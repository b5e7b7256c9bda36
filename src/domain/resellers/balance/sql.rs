use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::AlertsPatch;
use crate::kit::money::Cents;

/// Whether there is such a relationship.
pub async fn set_alerts(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    patch: &AlertsPatch,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let low: Option<Vec<i64>> = patch.low.as_ref().map(|low| low.iter().map(|cents| cents.get()).collect());
    let done = sqlx::query!(
        "update resellers
         set auto_top_up = coalesce($3, auto_top_up), auto_top_up_below_cents = coalesce($4, auto_top_up_below_cents),
             auto_top_up_cents = coalesce($5, auto_top_up_cents), low_balance_cents = coalesce($6, low_balance_cents),
             updated_at = $7
         where shop_id = $1 and id = $2",
        shop,
        id,
        patch.auto_top_up,
        patch.below.map(Cents::get),
        patch.amount.map(Cents::get),
        low.as_deref(),
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn mark_top_up_due(db: &mut PgConnection, shop: Uuid, ids: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into reseller_top_ups_due (shop_id, reseller_id) select $1, due.id from unnest($2::uuid[]) as due (id)
         on conflict do nothing",
        shop,
        ids
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn shops_with_auto_top_ups(db: &mut PgConnection) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("select distinct shop_id from resellers where auto_top_up and status = 'ACTIVE'")
        .fetch_all(db)
        .await
}

/// Each with the balance below which it wants an invoice.
pub async fn auto_top_ups(db: &mut PgConnection, shop: Uuid) -> sqlx::Result<Vec<(Uuid, i64)>> {
    sqlx::query!(
        "select id, auto_top_up_below_cents from resellers where shop_id = $1 and auto_top_up and status = 'ACTIVE'",
        shop
    )
    .map(|row| (row.id, row.auto_top_up_below_cents))
    .fetch_all(db)
    .await
}

pub async fn shops_with_top_ups_due(db: &mut PgConnection) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("select distinct shop_id from reseller_top_ups_due").fetch_all(db).await
}

/// Those that another worker has taken are left to it.
pub async fn take_top_ups_due(db: &mut PgConnection, shop: Uuid, limit: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "delete from reseller_top_ups_due where shop_id = $1 and reseller_id in (
             select reseller_id from reseller_top_ups_due where shop_id = $1
             order by reseller_id limit $2 for update skip locked)
         returning reseller_id",
        shop,
        limit
    )
    .fetch_all(db)
    .await
}
