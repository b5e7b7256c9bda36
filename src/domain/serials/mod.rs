//! Pools of codes. Each code goes out exactly once: it has one owner at most, taking it is one guarded
//! statement in the transaction of the sale, and a code that was ever sold or burned cannot come back.
//!
//! `available → reserved → sold`, `reserved → available`, `available | sold → burned`.

mod code;
mod cursors;
mod lot;
mod sql;
mod stats;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use code::{CODE_BYTES_MAX, Code};
pub use cursors::Cursors;
pub use lot::{Handed, Lot, delivered_to, exchange, sell_handed};
pub use stats::{LOW_STOCK_MAX, Stats, stats};

use super::products::{PoolId, Product};
use super::shops::Tenant;
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::vault::Place;

pub type SerialId = Id<Serial>;

/// One code of a pool.
#[derive(Debug)]
pub enum Serial {}

impl Entity for Serial {
    const PREFIX: &'static str = "serial";
}

/// A signed change of a pool's stock, appended by whatever changes it.
#[derive(Debug)]
pub enum StockDelta {}

impl Entity for StockDelta {
    const PREFIX: &'static str = "delta";
}

/// What an import did: `imported + duplicates` is the number of codes sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    pub imported: i64,
    pub duplicates: i64,
    pub stock_after: i64,
}

/// A request for codes out of one pool, for one order item.
#[derive(Clone, Debug)]
pub struct Demand {
    pub pool: PoolId,
    pub item: Uuid,
    pub quantity: i64,
    /// For the refusal: what the buyer calls it.
    pub product: String,
}

/// What taking codes makes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Take {
    Reserve,
    Claim,
}

/// Adds codes to a pool that the caller has locked ([`super::products::pool_for_import`]). Codes the
/// pool ever held, and codes sent twice, are duplicates.
pub async fn import(db: &mut PgConnection, shop: Tenant, env: &Env, pool: PoolId, codes: &[Code]) -> Result<Imported> {
    let mut rng = env.fork_rng();
    let mut seen = HashSet::with_capacity(codes.len());
    let mut rows = sql::NewRows::default();
    for code in codes {
        let hash = env.vault.lookup_hash(pool.uuid(), code.as_str());
        if seen.insert(hash) {
            let id = env.id::<Serial>();
            rows.sealed.push(env.vault.seal(place(shop, *id), code.as_str().as_bytes(), &mut rng)?);
            rows.ids.push(*id);
            rows.hashes.push(hash.to_vec());
        }
    }
    let imported = sql::insert(db, shop.uuid(), *pool, &rows, env.now()).await?;
    record_delta(db, shop, env, *pool, imported).await?;
    let sent = i64::try_from(codes.len()).unwrap_or(i64::MAX);
    let stock_after = stock_of(db, shop, pool).await?;
    Ok(Imported { imported, duplicates: sent - imported, stock_after })
}

/// Makes these the pool's free codes: free ones that are not among them go, and those that it never
/// held come in. What is set aside, sold or burned stays as it is. The pool is locked as for [`import`].
pub async fn replace(db: &mut PgConnection, shop: Tenant, env: &Env, pool: PoolId, codes: &[Code]) -> Result<Imported> {
    let kept: Vec<Vec<u8>> =
        codes.iter().map(|code| env.vault.lookup_hash(pool.uuid(), code.as_str()).to_vec()).collect();
    let removed = sql::remove_free_except(db, shop.uuid(), *pool, &kept).await?;
    record_delta(db, shop, env, *pool, -i64::try_from(removed).unwrap_or(0)).await?;
    import(db, shop, env, pool, codes).await
}

/// Sets codes aside for order items until they are sold or released: all of them, or none.
///
/// # Errors
/// [`Conflict::OutOfStock`]; the transaction must then be rolled back.
pub async fn reserve(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    demands: &[Demand],
) -> Result<()> {
    take_all(db, shop, env, cursors, demands, Take::Reserve).await
}

/// Hands codes out for good, without a reservation before it.
///
/// # Errors
/// [`Conflict::OutOfStock`]; the transaction must then be rolled back.
pub async fn claim(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    demands: &[Demand],
) -> Result<()> {
    take_all(db, shop, env, cursors, demands, Take::Claim).await
}

/// As [`claim`], but a refusal leaves the transaction as it was before.
///
/// # Errors
/// [`Conflict::OutOfStock`].
pub async fn try_claim(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    demands: &[Demand],
) -> Result<()> {
    sql::savepoint(db).await?;
    let claimed = claim(db, shop, env, cursors, demands).await;
    match &claimed {
        Ok(()) => sql::release_savepoint(db).await?,
        Err(_) => sql::rollback_to_savepoint(db).await?,
    }
    claimed
}

async fn take_all(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    demands: &[Demand],
    take: Take,
) -> Result<()> {
    // Pools in one fixed order, so that two carts cannot wait for each other.
    let mut demands: Vec<&Demand> = demands.iter().collect();
    demands.sort_unstable_by_key(|demand| (demand.pool, demand.item));
    for demand in demands {
        take_one(db, shop, env, cursors, demand, take).await?;
        record_delta(db, shop, env, *demand.pool, -demand.quantity).await?;
    }
    Ok(())
}

/// Takes from the cursor on, then from the start (rows before it may have come back), then once more
/// waiting a moment for rows that others hold; only then is the pool short.
async fn take_one(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    demand: &Demand,
    take: Take,
) -> Result<()> {
    let mut missing = demand.quantity;
    let from = cursors.get(shop, demand.pool);
    for start in [Some(from), (from > 0).then_some(0)].into_iter().flatten() {
        let taken = sql::take(db, shop.uuid(), demand, take, env.now(), start, missing).await?;
        missing -= i64::try_from(taken.len()).unwrap_or(0);
        if let Some(last) = taken.iter().max() {
            cursors.advance(shop, demand.pool, *last);
        }
        if missing == 0 {
            return Ok(());
        }
    }
    let taken = sql::take_waiting(db, shop.uuid(), demand, take, env.now(), missing).await?;
    match missing - i64::try_from(taken.len()).unwrap_or(0) {
        0 => Ok(()),
        1.. => Err(Error::Conflict(Conflict::OutOfStock { product: demand.product.clone() })),
        // The statement is built so that it cannot; if it ever does, nothing of it may stand.
        _ => Err(Error::Internal("more codes were taken than asked for".into())),
    }
}

/// Turns the reservations of these order items into sales.
///
/// # Errors
/// [`Error::Internal`] where their number is not `expected`: then a reservation was lost, and the
/// transaction must be rolled back.
pub async fn sell(db: &mut PgConnection, shop: Tenant, env: &Env, items: &[Uuid], expected: i64) -> Result<()> {
    let sold = sql::sell(db, shop.uuid(), items, env.now()).await?;
    if sold == expected {
        return Ok(());
    }
    Err(Error::Internal(format!("{expected} codes were reserved, {sold} are there to sell")))
}

/// Gives the reserved codes of these order items back to their pools.
pub async fn release(db: &mut PgConnection, shop: Tenant, env: &Env, cursors: &Cursors, items: &[Uuid]) -> Result<()> {
    let mut released = sql::release(db, shop.uuid(), items).await?;
    released.sort_unstable();
    for of_pool in released.chunk_by(|a, b| a.0 == b.0) {
        let pool = of_pool[0].0;
        record_delta(db, shop, env, pool, i64::try_from(of_pool.len()).unwrap_or(0)).await?;
        cursors.lower(shop, PoolId::from(pool), of_pool[0].1);
    }
    Ok(())
}

/// Burns codes: bad ones, never to be handed out again. Answers how many it burned.
pub async fn burn(db: &mut PgConnection, shop: Tenant, env: &Env, ids: &[SerialId]) -> Result<usize> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let burned = sql::burn(db, shop.uuid(), &ids).await?;
    let mut free: Vec<Uuid> = burned.iter().filter(|(_, was_free)| *was_free).map(|(pool, _)| *pool).collect();
    free.sort_unstable();
    for of_pool in free.chunk_by(|a, b| a == b) {
        record_delta(db, shop, env, of_pool[0], -i64::try_from(of_pool.len()).unwrap_or(0)).await?;
    }
    Ok(burned.len())
}

/// A code in clear, with its owner: for the one answer or mail that shows it.
#[derive(Debug)]
pub struct Delivered {
    pub item: Uuid,
    pub id: SerialId,
    pub code: Code,
}

/// The sold codes of these order items, in the order of the pool.
pub async fn delivered(db: &mut PgConnection, shop: Tenant, env: &Env, items: &[Uuid]) -> Result<Vec<Delivered>> {
    let rows = sql::sold(db, shop.uuid(), items).await?;
    rows.into_iter()
        .map(|row| Ok(Delivered { item: row.item, id: Id::from(row.id), code: open(shop, env, row.id, &row.sealed)? }))
        .collect()
}

/// Free codes of each pool, in the order asked: exact in every snapshot.
pub async fn stock(db: &mut PgConnection, shop: Tenant, pools: &[PoolId]) -> Result<Vec<i64>> {
    if pools.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = pools.iter().map(|pool| pool.uuid()).collect();
    Ok(sql::stock(db, shop.uuid(), &ids).await?)
}

pub async fn stock_of(db: &mut PgConnection, shop: Tenant, pool: PoolId) -> Result<i64> {
    Ok(stock(db, shop, &[pool]).await?.first().copied().unwrap_or(0))
}

/// Those of these pools whose stock changed since then: all that did, and maybe some that did a little earlier.
pub async fn changed_since(
    db: &mut PgConnection,
    shop: Tenant,
    pools: &[PoolId],
    since: DateTime<Utc>,
) -> Result<HashSet<PoolId>> {
    let ids: Vec<Uuid> = pools.iter().map(|pool| pool.uuid()).collect();
    Ok(sql::changed_since(db, shop.uuid(), &ids, since).await?.into_iter().map(PoolId::from).collect())
}

/// The stock of each product, as the contract counts it (R10): free codes of a pooled one, counted
/// stock of another; `None` is unlimited.
pub async fn stock_of_products(db: &mut PgConnection, shop: Tenant, products: &[Product]) -> Result<Vec<Option<i64>>> {
    let pools: Vec<PoolId> = products.iter().filter_map(|product| product.pool).collect();
    let mut of_pools = stock(db, shop, &pools).await?.into_iter();
    let stock = |product: &Product| match product.pool {
        Some(_) => of_pools.next(),
        None => product.counted.map(i64::from),
    };
    Ok(products.iter().map(stock).collect())
}

/// Shops with open stock deltas, made at `since` or later (as the ledger's).
pub async fn shops_to_fold(db: &mut PgConnection, since: DateTime<Utc>) -> Result<Vec<Tenant>> {
    Ok(sql::shops_to_fold(db, *Id::<StockDelta>::earliest(since)).await?.into_iter().map(Tenant::new).collect())
}

/// Open deltas that one statement folds, within its time.
pub const FOLDED_AT_ONCE: u64 = 10_000;

/// Adds up to [`FOLDED_AT_ONCE`] open deltas of a shop to its levels; answers how many.
pub async fn fold_stock(db: &mut PgConnection, shop: Tenant, env: &Env, since: DateTime<Utc>) -> Result<u64> {
    let after = *Id::<StockDelta>::earliest(since);
    let limit = FOLDED_AT_ONCE.cast_signed();
    let (folded, fallen) = sql::fold_stock(db, shop.uuid(), after, LOW_STOCK_MAX, env.now(), limit).await?;
    if !fallen.is_empty() {
        stats::tell_owner(db, shop, env, &fallen).await?;
    }
    Ok(folded)
}

async fn record_delta(db: &mut PgConnection, shop: Tenant, env: &Env, pool: Uuid, delta: i64) -> Result<()> {
    record_deltas(db, shop, env, &[(pool, delta)]).await
}

/// One row a pool; a change of nothing is none.
async fn record_deltas(db: &mut PgConnection, shop: Tenant, env: &Env, deltas: &[(Uuid, i64)]) -> Result<()> {
    let (mut pools, mut ids, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    for (pool, delta) in deltas.iter().filter(|(_, delta)| *delta != 0) {
        pools.push(*pool);
        ids.push(*env.id::<StockDelta>());
        changes.push(i32::try_from(*delta).map_err(|_| Error::Internal("a stock change beyond 2^31".into()))?);
    }
    if pools.is_empty() {
        return Ok(());
    }
    Ok(sql::insert_deltas(db, shop.uuid(), &pools, &ids, &changes).await?)
}

fn open(shop: Tenant, env: &Env, id: Uuid, sealed: &[u8]) -> Result<Code> {
    let plain = env.vault.open(place(shop, id), sealed)?;
    let code = String::from_utf8(plain).ok().and_then(|text| Code::parse(&text).ok());
    code.ok_or_else(|| Error::Internal(format!("serial {id} holds no code")))
}

fn place(shop: Tenant, id: Uuid) -> Place {
    Place { shop: shop.uuid(), table: "serials", id }
}
