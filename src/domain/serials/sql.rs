use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Demand, Take};

#[derive(Default)]
pub struct NewRows {
    pub ids: Vec<Uuid>,
    pub hashes: Vec<Vec<u8>>,
    pub sealed: Vec<Vec<u8>>,
}

pub struct Sold {
    pub id: Uuid,
    pub item: Uuid,
    pub sealed: Vec<u8>,
}

pub async fn insert(
    db: &mut PgConnection,
    shop: Uuid,
    pool: Uuid,
    rows: &NewRows,
    now: DateTime<Utc>,
) -> sqlx::Result<i64> {
    let done = sqlx::query!(
        "insert into serials (shop_id, id, pool_id, code_hash, sealed, created_at)
         select $1, s.id, $2, s.code_hash, s.sealed, $6
         from unnest($3::uuid[], $4::bytea[], $5::bytea[]) as s (id, code_hash, sealed)
         on conflict (shop_id, pool_id, code_hash, copy) do nothing",
        shop,
        pool,
        &rows.ids,
        &rows.hashes,
        &rows.sealed,
        now
    )
    .execute(db)
    .await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}

/// Deletes the pool's free codes but these; answers how many. Codes that a sale has locked are not free.
pub async fn remove_free_except(db: &mut PgConnection, shop: Uuid, pool: Uuid, kept: &[Vec<u8>]) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "with going as materialized (
             select id from serials
             where shop_id = $1 and pool_id = $2 and status = 'available' and not code_hash = any($3)
             for update skip locked)
         delete from serials s using going g where s.shop_id = $1 and s.id = g.id and s.status = 'available'",
        shop,
        pool,
        kept
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Takes up to `missing` free codes behind `from`, skipping those that others hold; their positions.
/// Materialised, because a planner that loops over the select may take more than its limit (F4).
pub async fn take(
    db: &mut PgConnection,
    shop: Uuid,
    demand: &Demand,
    take: Take,
    now: DateTime<Utc>,
    from: i64,
    missing: i64,
) -> sqlx::Result<Vec<i64>> {
    let (status, sold_at) = becomes(take, now);
    sqlx::query_scalar!(
        r#"with picked as materialized (
             select id from serials
             where shop_id = $1 and pool_id = $2 and status = 'available' and pos > $3
             order by pos limit $4
             for update skip locked)
         update serials s set status = $5, sold_at = $6, order_item_id = $7
         from picked where s.shop_id = $1 and s.id = picked.id
         returning s.pos as "pos!""#,
        shop,
        *demand.pool,
        from,
        missing,
        status,
        sold_at,
        demand.item
    )
    .fetch_all(db)
    .await
}

/// The same once more, waiting up to 50 ms for codes that others hold; a savepoint keeps the
/// transaction alive if they do not let go.
pub async fn take_waiting(
    db: &mut PgConnection,
    shop: Uuid,
    demand: &Demand,
    take: Take,
    now: DateTime<Utc>,
    missing: i64,
) -> sqlx::Result<Vec<i64>> {
    let (status, sold_at) = becomes(take, now);
    sqlx::raw_sql("savepoint waiting; set local lock_timeout = '50ms'").execute(&mut *db).await?;
    let taken = sqlx::query_scalar!(
        r#"with picked as materialized (
             select id from serials
             where shop_id = $1 and pool_id = $2 and status = 'available'
             order by pos limit $3
             for update)
         update serials s set status = $4, sold_at = $5, order_item_id = $6
         from picked where s.shop_id = $1 and s.id = picked.id
         returning s.pos as "pos!""#,
        shop,
        *demand.pool,
        missing,
        status,
        sold_at,
        demand.item
    )
    .fetch_all(&mut *db)
    .await;
    match taken {
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("55P03") => {
            sqlx::raw_sql("rollback to savepoint waiting").execute(db).await?;
            Ok(Vec::new())
        }
        Ok(taken) => {
            sqlx::raw_sql("release savepoint waiting; set local lock_timeout to default").execute(db).await?;
            Ok(taken)
        }
        Err(e) => Err(e),
    }
}

pub async fn savepoint(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("savepoint claiming").execute(db).await.map(drop)
}

pub async fn release_savepoint(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("release savepoint claiming").execute(db).await.map(drop)
}

pub async fn rollback_to_savepoint(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("rollback to savepoint claiming").execute(db).await.map(drop)
}

fn becomes(take: Take, now: DateTime<Utc>) -> (&'static str, Option<DateTime<Utc>>) {
    match take {
        Take::Reserve => ("reserved", None),
        Take::Claim => ("sold", Some(now)),
    }
}

pub async fn sell(db: &mut PgConnection, shop: Uuid, items: &[Uuid], now: DateTime<Utc>) -> sqlx::Result<i64> {
    let done = sqlx::query!(
        "update serials set status = 'sold', sold_at = $3
         where shop_id = $1 and order_item_id = any($2) and status = 'reserved'",
        shop,
        items,
        now
    )
    .execute(db)
    .await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}

/// Pool and position of each code that came back.
pub async fn release(db: &mut PgConnection, shop: Uuid, items: &[Uuid]) -> sqlx::Result<Vec<(Uuid, i64)>> {
    sqlx::query!(
        r#"update serials set status = 'available', order_item_id = null
           where shop_id = $1 and order_item_id = any($2) and status = 'reserved'
           returning pool_id, pos as "pos!""#,
        shop,
        items
    )
    .map(|row| (row.pool_id, row.pos))
    .fetch_all(db)
    .await
}

/// Pool of each burned code, and whether it was free before.
pub async fn burn(db: &mut PgConnection, shop: Uuid, ids: &[Uuid]) -> sqlx::Result<Vec<(Uuid, bool)>> {
    sqlx::query!(
        r#"with bad as materialized (
             select id, status from serials
             where shop_id = $1 and id = any($2) and status in ('available', 'sold')
             order by id for update)
         update serials s set status = 'burned' from bad
         where s.shop_id = $1 and s.id = bad.id
         returning s.pool_id, bad.status = 'available' as "was_free!""#,
        shop,
        ids
    )
    .map(|row| (row.pool_id, row.was_free))
    .fetch_all(db)
    .await
}

pub async fn sold(db: &mut PgConnection, shop: Uuid, items: &[Uuid]) -> sqlx::Result<Vec<Sold>> {
    sqlx::query_as!(
        Sold,
        r#"select id, order_item_id as "item!", sealed from serials
           where shop_id = $1 and order_item_id = any($2) and status = 'sold'
           order by pos"#,
        shop,
        items
    )
    .fetch_all(db)
    .await
}

pub async fn insert_deltas(
    db: &mut PgConnection,
    shop: Uuid,
    pools: &[Uuid],
    ids: &[Uuid],
    deltas: &[i32],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into stock_deltas (shop_id, pool_id, id, delta)
         select $1, * from unnest($2::uuid[], $3::uuid[], $4::int[])",
        shop,
        pools,
        ids,
        deltas
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn stock(db: &mut PgConnection, shop: Uuid, pools: &[Uuid]) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        r#"select coalesce(l.level, 0)
               + coalesce((select sum(d.delta) from stock_deltas d where d.shop_id = $1 and d.pool_id = p.id), 0)::bigint
               as "stock!"
           from unnest($2::uuid[]) with ordinality as p (id, place)
           left join stock_levels l on l.shop_id = $1 and l.pool_id = p.id
           order by p.place"#,
        shop,
        pools
    )
    .fetch_all(db)
    .await
}

/// Those of these pools whose stock changed at that instant or later: in their levels, or in what is not folded yet.
pub async fn changed_since(
    db: &mut PgConnection,
    shop: Uuid,
    pools: &[Uuid],
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"select p.id as "id!" from unnest($2::uuid[]) as p (id)
           where exists (select from stock_levels l where l.shop_id = $1 and l.pool_id = p.id and l.changed_at >= $3)
              or exists (select from stock_deltas d where d.shop_id = $1 and d.pool_id = p.id)"#,
        shop,
        pools,
        since
    )
    .fetch_all(db)
    .await
}

/// A loose index scan: one probe a shop, however many deltas are open. `after` is looked at in the index.
pub async fn shops_to_fold(db: &mut PgConnection, after: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"with recursive shop as (
             (select shop_id from stock_deltas where id > $1 order by shop_id limit 1)
             union all
             select (select d.shop_id from stock_deltas d where d.shop_id > shop.shop_id and d.id > $1
                     order by d.shop_id limit 1)
             from shop where shop.shop_id is not null)
         select shop_id as "shop_id!" from shop where shop_id is not null"#,
        after
    )
    .fetch_all(db)
    .await
}

/// Levels are locked in pool order, so that two workers cannot deadlock. The deltas are deleted by their places, as the
/// ledger's open entries are, and for the same reason. Of the deltas after that id: how many were folded, and the pools that had more than `low` left before and have not now.
pub async fn fold_stock(
    db: &mut PgConnection,
    shop: Uuid,
    after: Uuid,
    low: i64,
    now: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<(u64, Vec<Uuid>)> {
    let done = sqlx::query!(
        r#"with gone as (
             delete from stock_deltas where ctid = any(array(
                 select ctid from stock_deltas where shop_id = $1 and id > $3
                 order by pool_id, id limit $5
                 for update skip locked))
             returning pool_id, delta),
         change as (
             select pool_id, sum(delta) as delta from gone group by pool_id),
         folded as (
             insert into stock_levels as l (shop_id, pool_id, level, changed_at)
             select $1, pool_id, delta, $4 from change order by pool_id
             on conflict (shop_id, pool_id) do update set level = l.level + excluded.level, changed_at = excluded.changed_at
             returning l.pool_id, l.level),
         fallen as (
             select f.pool_id from folded f join change c using (pool_id) where f.level <= $2 and f.level - c.delta > $2)
         select (select count(*) from gone) as "folded!",
                coalesce((select array_agg(pool_id) from fallen), '{}') as "fallen!""#,
        shop,
        low,
        after,
        now,
        limit
    )
    .fetch_one(db)
    .await?;
    Ok((done.folded.unsigned_abs(), done.fallen))
}

/// Figures that were counted, and when.
pub struct Figures {
    pub total: i64,
    pub published: i64,
    pub low_stock: i64,
    pub out_of_stock: i64,
    pub counted_at: DateTime<Utc>,
}

pub async fn stats(db: &mut PgConnection, shop: Uuid) -> sqlx::Result<Option<Figures>> {
    sqlx::query_as!(
        Figures,
        "select total, published, low_stock, out_of_stock, counted_at from product_stats where shop_id = $1",
        shop
    )
    .fetch_optional(db)
    .await
}

/// Of all who found the same old figures, one is told to count them.
pub async fn begin_count(
    db: &mut PgConnection,
    shop: Uuid,
    counted_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update product_stats set counted_at = $3 where shop_id = $1 and counted_at = $2",
        shop,
        counted_at,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn count_products(db: &mut PgConnection, shop: Uuid, low: i64, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into product_stats (shop_id, total, published, low_stock, out_of_stock, counted_at)
         select $1, count(*), count(*) filter (where p.published), count(*) filter (where p.stock between 1 and $2),
                count(*) filter (where p.stock <= 0), $3
         from product_stock p where p.shop_id = $1
         on conflict (shop_id) do update
         set total = excluded.total, published = excluded.published, low_stock = excluded.low_stock,
             out_of_stock = excluded.out_of_stock, counted_at = excluded.counted_at",
        shop,
        low,
        now
    )
    .execute(db)
    .await
    .map(drop)
}
