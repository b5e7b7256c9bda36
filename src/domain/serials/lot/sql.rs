use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

#[derive(Debug)]
pub struct Free {
    pub id: Uuid,
    pub pos: i64,
    pub sealed: Vec<u8>,
}

pub struct FreeOf {
    pub pool: Uuid,
    pub id: Uuid,
    pub pos: i64,
    pub sealed: Vec<u8>,
}

pub struct Sold {
    pub id: Uuid,
    pub owner: Uuid,
    pub sealed: Vec<u8>,
}

/// Locks up to `wanted` free codes behind `from`, skipping those that others hold.
pub async fn lock(db: &mut PgConnection, shop: Uuid, pool: Uuid, from: i64, wanted: i64) -> sqlx::Result<Vec<Free>> {
    sqlx::query_as!(
        Free,
        r#"select id, pos as "pos!", sealed from serials
           where shop_id = $1 and pool_id = $2 and status = 'available' and pos > $3
           order by pos limit $4
           for update skip locked"#,
        shop,
        pool,
        from,
        wanted
    )
    .fetch_all(db)
    .await
}

/// The same of many pools, each from its place on. The planner cannot make anything of it but one look into the
/// claim index for each.
pub async fn lock_all(
    db: &mut PgConnection,
    shop: Uuid,
    pools: &[Uuid],
    from: &[i64],
    wanted: &[i64],
) -> sqlx::Result<Vec<FreeOf>> {
    sqlx::query_as!(
        FreeOf,
        r#"select w.pool_id as "pool!", s.id, s.pos as "pos!", s.sealed
           from unnest($2::uuid[], $3::bigint[], $4::bigint[]) as w (pool_id, place, wanted)
           cross join lateral (
               select id, pos, sealed from serials
               where shop_id = $1 and pool_id = w.pool_id and status = 'available' and pos > w.place
               order by pos limit w.wanted
               for update skip locked) s"#,
        shop,
        pools,
        from,
        wanted
    )
    .fetch_all(db)
    .await
}

/// The same from the start, waiting up to 50 ms for codes that others hold; `None` where they do not let go.
/// A savepoint keeps the transaction alive.
pub async fn lock_waiting(
    db: &mut PgConnection,
    shop: Uuid,
    pool: Uuid,
    wanted: i64,
) -> sqlx::Result<Option<Vec<Free>>> {
    sqlx::raw_sql("savepoint waiting; set local lock_timeout = '50ms'").execute(&mut *db).await?;
    let locked = sqlx::query_as!(
        Free,
        r#"select id, pos as "pos!", sealed from serials
           where shop_id = $1 and pool_id = $2 and status = 'available'
           order by pos limit $3
           for update"#,
        shop,
        pool,
        wanted
    )
    .fetch_all(&mut *db)
    .await;
    match locked {
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("55P03") => {
            sqlx::raw_sql("rollback to savepoint waiting").execute(db).await?;
            Ok(None)
        }
        Ok(locked) => {
            sqlx::raw_sql("release savepoint waiting; set local lock_timeout to default").execute(db).await?;
            Ok(Some(locked))
        }
        Err(e) => Err(e),
    }
}

pub async fn sell(
    db: &mut PgConnection,
    shop: Uuid,
    ids: &[Uuid],
    owners: &[Uuid],
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "update serials s set status = 'sold', sold_at = $4, fulfillment_id = h.owner
         from unnest($2::uuid[], $3::uuid[]) as h (id, owner)
         where s.shop_id = $1 and s.id = h.id and s.status = 'available'",
        shop,
        ids,
        owners,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

pub async fn sold_to(db: &mut PgConnection, shop: Uuid, owners: &[Uuid]) -> sqlx::Result<Vec<Sold>> {
    sqlx::query_as!(
        Sold,
        r#"select id, fulfillment_id as "owner!", sealed from serials
           where shop_id = $1 and fulfillment_id = any($2) and status = 'sold'
           order by pos"#,
        shop,
        owners
    )
    .fetch_all(db)
    .await
}
