//! One row a key. Claiming it is the first thing a write does and storing its answer the last, in one
//! transaction: a twin waits in the insert and then sees the answer, and a crash leaves nothing.

mod batch;
mod sql;

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

pub use batch::Batch;

use super::shops::Tenant;
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;
use crate::kit::vault::Place;

/// How long an answer is kept (R1): a Friday's retry is still safe on Monday.
pub const KEPT_FOR: Duration = Duration::hours(72);

/// One request under one key, told apart from every other.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Within the shop, what the key is unique in: the surface, or narrower where the contract says so.
    pub scope: String,
    pub key_hash: [u8; 16],
    pub fingerprint: [u8; 32],
}

/// An answer, word for word.
#[derive(Clone, Debug)]
pub struct Stored {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What a claim found.
#[derive(Debug)]
pub enum Claimed {
    /// Nobody was here: do the work, then [`store`].
    Fresh,
    /// The work is done: this was its answer.
    Replay(Stored),
}

/// The first 16 bytes of SHA-256: keys are the clients' own and need no secrecy, only a fixed size.
#[must_use]
pub fn hash(key: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(key)[..16]);
    short
}

/// Claims the key, waiting for a twin in flight as long as the session's lock timeout allows.
///
/// # Errors
/// [`Conflict::IdempotencyInProgress`] where the twin takes longer, [`Conflict::IdempotencyMismatch`]
/// where the key named another request.
pub async fn claim(db: &mut PgConnection, shop: Tenant, env: &Env, claim: &Claim) -> Result<Claimed> {
    let now = env.now();
    match sql::claim(db, shop.uuid(), claim, now, now + KEPT_FOR).await {
        Ok(true) => Ok(Claimed::Fresh),
        Ok(false) => find(db, shop, env, claim).await?.map(Claimed::Replay).ok_or_else(vanished),
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("55P03") => {
            Err(Error::Conflict(Conflict::IdempotencyInProgress))
        }
        Err(e) => Err(e.into()),
    }
}

/// The stored answer, if there is one: also asked when the answer to a COMMIT was lost.
pub async fn find(db: &mut PgConnection, shop: Tenant, env: &Env, claim: &Claim) -> Result<Option<Stored>> {
    let Some(row) = sql::find(db, shop.uuid(), claim).await? else { return Ok(None) };
    if row.fingerprint != claim.fingerprint {
        return Err(Error::Conflict(Conflict::IdempotencyMismatch));
    }
    let (Some(status), Some(body)) = (row.status, row.body) else { return Err(vanished()) };
    let body = env.vault.open(place(shop, &claim.key_hash), &body)?;
    Ok(Some(Stored { status: status.unsigned_abs(), body }))
}

/// Stores the answer of a claimed key; only ever a 2xx.
pub async fn store(db: &mut PgConnection, shop: Tenant, env: &Env, claim: &Claim, answer: &Stored) -> Result<()> {
    let sealed = env.vault.seal(place(shop, &claim.key_hash), &answer.body, &mut env.fork_rng())?;
    let status = i16::try_from(answer.status).unwrap_or(i16::MAX);
    Ok(sql::store(db, shop.uuid(), claim, status, &sealed).await?)
}

/// Deletes up to a thousand expired rows; answers how many. Expiry is exact without it.
pub async fn sweep(db: &mut PgConnection, now: DateTime<Utc>) -> Result<u64> {
    Ok(sql::sweep(db, now).await?)
}

fn place(shop: Tenant, key_hash: &[u8; 16]) -> Place {
    Place { shop: shop.uuid(), table: "idempotency", id: Uuid::from_bytes(*key_hash) }
}

fn vanished() -> Error {
    Error::Internal("an idempotency row was there and held no answer".into())
}
