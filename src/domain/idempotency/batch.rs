//! The keys of a group: read at once, met in memory, stored at once. Right only under locks that every
//! holder of these scopes takes first: then a row is there or it is not, and nothing waits.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Claim, KEPT_FOR, Stored, place, sql};
use crate::domain::shops::Tenant;
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;

/// Of a scope and a key: which request it named, and its answer.
type Met = HashMap<(String, [u8; 16]), ([u8; 32], Stored)>;

#[derive(Debug, Default)]
pub struct Batch {
    met: Met,
    fresh: Vec<Claim>,
}

impl Batch {
    /// Reads what is stored under these keys.
    pub async fn load<'a>(
        db: &mut PgConnection,
        shop: Tenant,
        env: &Env,
        claims: impl Iterator<Item = &'a Claim>,
    ) -> Result<Self> {
        let (mut scopes, mut keys) = (Vec::new(), Vec::new());
        for claim in claims {
            scopes.push(claim.scope.clone());
            keys.push(claim.key_hash.to_vec());
        }
        let mut batch = Self::default();
        if keys.is_empty() {
            return Ok(batch);
        }
        for row in sql::find_all(db, shop.uuid(), &scopes, &keys, env.now()).await? {
            let fault = || Error::Internal("an idempotency row has an odd size".into());
            let key_hash = <[u8; 16]>::try_from(row.key_hash).map_err(|_| fault())?;
            let fingerprint = <[u8; 32]>::try_from(row.fingerprint).map_err(|_| fault())?;
            let (Some(status), Some(body)) = (row.status, row.body) else { return Err(super::vanished()) };
            let body = env.vault.open(place(shop, &key_hash), &body)?;
            let stored = Stored { status: status.unsigned_abs(), body };
            batch.met.insert((row.scope, key_hash), (fingerprint, stored));
        }
        Ok(batch)
    }

    /// The answer under this key: of before, or of an earlier item of the group.
    ///
    /// # Errors
    /// [`Conflict::IdempotencyMismatch`] where the key named another request.
    pub fn replay(&self, claim: &Claim) -> Result<Option<Stored>> {
        match self.met.get(&(claim.scope.clone(), claim.key_hash)) {
            None => Ok(None),
            Some((fingerprint, stored)) if *fingerprint == claim.fingerprint => Ok(Some(stored.clone())),
            Some(_) => Err(Error::Conflict(Conflict::IdempotencyMismatch)),
        }
    }

    /// Keeps a fresh answer: for the items that follow, and for [`Batch::store`]. Only ever a 2xx.
    pub fn keep(&mut self, claim: &Claim, answer: Stored) {
        self.met.insert((claim.scope.clone(), claim.key_hash), (claim.fingerprint, answer));
        self.fresh.push(claim.clone());
    }

    /// Stores what was kept.
    ///
    /// # Errors
    /// [`Error::Internal`] where somebody else stored under one of these keys: the locks were not held.
    pub async fn store(&self, db: &mut PgConnection, shop: Tenant, env: &Env) -> Result<()> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let mut columns = sql::Columns::default();
        for claim in &self.fresh {
            let Some((_, answer)) = self.met.get(&(claim.scope.clone(), claim.key_hash)) else { continue };
            let sealed = env.vault.seal(place(shop, &claim.key_hash), &answer.body, &mut env.fork_rng())?;
            columns.scopes.push(claim.scope.clone());
            columns.keys.push(claim.key_hash.to_vec());
            columns.fingerprints.push(claim.fingerprint.to_vec());
            columns.statuses.push(i16::try_from(answer.status).unwrap_or(i16::MAX));
            columns.bodies.push(sealed);
        }
        let (shop, now): (Uuid, _) = (shop.uuid(), env.now());
        let stored = sql::store_all(db, shop, &columns, now, now + KEPT_FOR).await?;
        let all = stored == columns.keys.len() as u64;
        if all { Ok(()) } else { Err(Error::Internal("an idempotency key was taken by somebody else".into())) }
    }
}
