//! Where the last claim of a pool ended, per process: a hint that spares the claim the graveyard of
//! sold codes while an old snapshot keeps them in the index (promises F3). Never needed to be right.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::domain::products::PoolId;
use crate::domain::shops::Tenant;

#[derive(Debug, Default)]
pub struct Cursors(Mutex<HashMap<(Uuid, Uuid), i64>>);

impl Cursors {
    /// The position after which to look; 0 is the start.
    #[must_use]
    pub fn get(&self, shop: Tenant, pool: PoolId) -> i64 {
        self.lock().get(&(shop.uuid(), *pool)).copied().unwrap_or(0)
    }

    pub fn advance(&self, shop: Tenant, pool: PoolId, to: i64) {
        let mut cursors = self.lock();
        let cursor = cursors.entry((shop.uuid(), *pool)).or_insert(0);
        *cursor = to.max(*cursor);
    }

    /// A code at `pos` came back.
    pub fn lower(&self, shop: Tenant, pool: PoolId, pos: i64) {
        if let Some(cursor) = self.lock().get_mut(&(shop.uuid(), *pool)) {
            *cursor = (*cursor).min(pos - 1);
        }
    }

    /// Once a minute, so that codes which other processes released are not stranded.
    pub fn reset(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Uuid, Uuid), i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
