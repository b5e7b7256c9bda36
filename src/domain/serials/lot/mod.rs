//! Codes for a group of requests: free ones of a pool are locked together and handed out whole orders at a
//! time, in the order of arrival; what is not handed out stays free. Their owner is a reseller's fulfillment.

mod sql;

use std::collections::{BTreeMap, HashMap, VecDeque};

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Code, Cursors, Delivered, Demand, SerialId, burn, open, record_deltas};
use crate::domain::products::PoolId;
use crate::domain::shops::Tenant;
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;
use crate::kit::id::Id;

/// Free codes of one pool, locked until the transaction ends.
#[derive(Debug)]
pub struct Lot {
    pool: PoolId,
    free: VecDeque<sql::Free>,
}

/// A code that was handed out, and to whom.
#[derive(Clone, Debug)]
pub struct Handed {
    pub id: SerialId,
    pub code: Code,
    pool: PoolId,
    pos: i64,
}

impl Lot {
    /// Locks up to so many free codes of each pool, as [`Lot::lock`] does: at once, where each pool has them behind
    /// its cursor.
    pub async fn lock_all(
        db: &mut PgConnection,
        shop: Tenant,
        cursors: &Cursors,
        wanted: &BTreeMap<PoolId, i64>,
    ) -> Result<HashMap<PoolId, Self>> {
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let pools: Vec<Uuid> = wanted.keys().map(|pool| pool.uuid()).collect();
        let from: Vec<i64> = wanted.keys().map(|pool| cursors.get(shop, *pool)).collect();
        let counts: Vec<i64> = wanted.values().copied().collect();
        let mut lots: HashMap<PoolId, Self> =
            wanted.keys().map(|pool| (*pool, Self { pool: *pool, free: VecDeque::new() })).collect();
        for row in sql::lock_all(db, shop.uuid(), &pools, &from, &counts).await? {
            if let Some(lot) = lots.get_mut(&PoolId::from(row.pool)) {
                lot.free.push_back(sql::Free { id: row.id, pos: row.pos, sealed: row.sealed });
            }
        }
        // In the order of the pools, so that two groups cannot wait for each other.
        for (pool, count) in wanted {
            let short = lots.get(pool).is_none_or(|lot| i64::try_from(lot.free.len()).is_ok_and(|n| n < *count));
            if short {
                lots.insert(*pool, Self::lock(db, shop, cursors, *pool, *count).await?);
            }
        }
        Ok(lots)
    }

    /// Locks up to `wanted` free codes: from the cursor on, then from the start (rows before it may have come
    /// back), then waiting a moment for those that others hold; only then is the pool short.
    pub async fn lock(
        db: &mut PgConnection,
        shop: Tenant,
        cursors: &Cursors,
        pool: PoolId,
        wanted: i64,
    ) -> Result<Self> {
        let from = cursors.get(shop, pool);
        let mut free = Vec::new();
        let enough = |free: &Vec<_>| i64::try_from(free.len()).is_ok_and(|n| n >= wanted);
        for start in [Some(from), (from > 0).then_some(0)].into_iter().flatten() {
            free = sql::lock(db, shop.uuid(), *pool, start, wanted).await?;
            if enough(&free) {
                return Ok(Self { pool, free: free.into() });
            }
        }
        if let Some(all) = sql::lock_waiting(db, shop.uuid(), *pool, wanted).await? {
            free = all;
        }
        Ok(Self { pool, free: free.into() })
    }

    /// So many codes, or none where there are fewer.
    pub fn hand_out(&mut self, shop: Tenant, env: &Env, quantity: usize) -> Result<Option<Vec<Handed>>> {
        if self.free.len() < quantity {
            return Ok(None);
        }
        let pool = self.pool;
        let hand = |free: sql::Free| {
            let code = open(shop, env, free.id, &free.sealed)?;
            Ok(Handed { id: Id::from(free.id), code, pool, pos: free.pos })
        };
        self.free.drain(..quantity).map(hand).collect::<Result<_>>().map(Some)
    }
}

/// Sells what was handed out, each code to its fulfillment: one statement, and one stock change a pool.
///
/// # Errors
/// [`Error::Internal`] where one of them was not free any more: its lock was not held.
pub async fn sell_handed(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    handed: &[(Uuid, Handed)],
) -> Result<()> {
    let (ids, owners): (Vec<Uuid>, Vec<Uuid>) = handed.iter().map(|(owner, one)| (one.id.uuid(), *owner)).unzip();
    let sold = sql::sell(db, shop.uuid(), &ids, &owners, env.now()).await?;
    if sold != ids.len() as u64 {
        return Err(Error::Internal(format!("{} codes were locked, {sold} were free to sell", ids.len())));
    }
    let mut places: Vec<(PoolId, i64)> = handed.iter().map(|(_, one)| (one.pool, one.pos)).collect();
    places.sort_unstable();
    let mut deltas = Vec::new();
    for of_pool in places.chunk_by(|a, b| a.0 == b.0) {
        let (pool, last) = of_pool[of_pool.len() - 1];
        deltas.push((*pool, -i64::try_from(of_pool.len()).unwrap_or(0)));
        cursors.advance(shop, pool, last);
    }
    record_deltas(db, shop, env, &deltas).await
}

/// The codes that these fulfillments own now, in the order of the pool.
pub async fn delivered_to(db: &mut PgConnection, shop: Tenant, env: &Env, owners: &[Uuid]) -> Result<Vec<Delivered>> {
    let rows = sql::sold_to(db, shop.uuid(), owners).await?;
    let delivered = |row: sql::Sold| {
        Ok(Delivered { item: row.owner, id: Id::from(row.id), code: open(shop, env, row.id, &row.sealed)? })
    };
    rows.into_iter().map(delivered).collect()
}

/// Burns bad codes and gives their owner, who demands as many, good ones of the pool; these, in step.
///
/// # Errors
/// [`Conflict::OutOfStock`] where the pool is too small; the transaction must then be rolled back.
pub async fn exchange(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    demand: &Demand,
    bad: &[SerialId],
) -> Result<Vec<Handed>> {
    let mut lot = Lot::lock(db, shop, cursors, demand.pool, demand.quantity).await?;
    let short = || Error::Conflict(Conflict::OutOfStock { product: demand.product.clone() });
    let good = lot.hand_out(shop, env, bad.len())?.ok_or_else(short)?;
    if burn(db, shop, env, bad).await? != bad.len() {
        return Err(Error::Conflict(Conflict::WrongState("one of these codes was replaced already".into())));
    }
    let handed: Vec<(Uuid, Handed)> = good.iter().map(|one| (demand.item, one.clone())).collect();
    sell_handed(db, shop, env, cursors, &handed).await?;
    Ok(good)
}
