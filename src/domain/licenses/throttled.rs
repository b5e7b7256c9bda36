//! Attempts that a limit refused. They are no validations (R33), and not lost either: counted in memory,
//! and written down once a second, one row a key.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::PgConnection;

use super::audit::{self, Kind, Note};
use super::{License, sql};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::env::Env;

/// Between two flushes. Beyond these a shop's attempts are counted together, whatever their keys.
const KEYS_MAX: usize = 10_000;
/// As which those are counted.
const OTHERS: [u8; 16] = [0; 16];

/// Attempts, by the hash of their key.
pub type Counts = Vec<([u8; 16], i32)>;

#[derive(Debug, Default)]
pub struct Throttled(Mutex<HashMap<Tenant, HashMap<[u8; 16], i32>>>);

impl Throttled {
    pub fn note(&self, shop: Tenant, key_hash: [u8; 16]) {
        let mut counts = self.counts();
        let held: usize = counts.values().map(HashMap::len).sum();
        let of_shop = counts.entry(shop).or_default();
        let known = held < KEYS_MAX || of_shop.contains_key(&key_hash);
        let count = of_shop.entry(if known { key_hash } else { OTHERS }).or_default();
        *count = count.saturating_add(1);
    }

    /// What was counted since the last time.
    #[must_use]
    pub fn take(&self) -> Vec<(Tenant, Counts)> {
        let counts = std::mem::take(&mut *self.counts());
        counts.into_iter().map(|(shop, counts)| (shop, counts.into_iter().collect())).collect()
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Tenant, HashMap<[u8; 16], i32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one shop's counts down.
pub async fn write(db: &mut PgConnection, shop: Tenant, env: &Env, counts: &[([u8; 16], i32)]) -> Result<()> {
    let hashes: Vec<Vec<u8>> = counts.iter().map(|(hash, _)| hash.to_vec()).collect();
    let mut notes = Vec::with_capacity(counts.len());
    let licenses: Vec<License> =
        sql::by_keys(db, shop.uuid(), &hashes).await?.into_iter().map(License::try_from).collect::<Result<_>>()?;
    for (hash, attempts) in counts {
        let license = licenses.iter().find(|license| license.key_hash == *hash).map(|license| license.id);
        notes.push(Note {
            key_hash: license.is_none().then_some(*hash),
            attempts: *attempts,
            ..Note::of(Kind::Throttled, license, None)
        });
    }
    audit::write(db, shop, env, &notes).await
}
