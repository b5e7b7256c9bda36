//! Who a key is, remembered: what never changes of a key, so that a lane can group its callers by shop
//! without a query. Whether the key still stands, the lane's own transaction asks.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::Caller;

/// Of a few hundred bytes each. Beyond these everything is forgotten, and learned again.
const KEYS_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub struct Known(RwLock<HashMap<[u8; 32], Caller>>);

impl Known {
    #[must_use]
    pub fn find(&self, hash: &[u8; 32]) -> Option<Caller> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    pub fn learn(&self, hash: [u8; 32], caller: Caller) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEYS_MAX {
            known.clear();
        }
        known.insert(hash, caller);
    }

    /// It was found not to stand any more.
    pub fn forget(&self, hash: &[u8; 32]) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }
}
