//! When keys were last used, kept in memory and written once a minute: a write a request would cost
//! more than many requests do.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Caller;

/// Between two flushes; a key beyond these is written down later, never lost for good.
const KEYS_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub struct LastUsed(Mutex<HashMap<(Uuid, Uuid), DateTime<Utc>>>);

impl LastUsed {
    pub fn touch(&self, caller: &Caller, now: DateTime<Utc>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (caller.owner.uuid(), *caller.key);
        if seen.len() < KEYS_MAX || seen.contains_key(&key) {
            seen.insert(key, now);
        }
    }

    /// Empties it: shops, keys and instants, in step, in key order so that two flushes cannot deadlock.
    pub(super) fn take(&self) -> (Vec<Uuid>, Vec<Uuid>, Vec<DateTime<Utc>>) {
        let seen = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut seen: Vec<_> = seen.into_iter().collect();
        seen.sort_unstable();
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for ((shop, key), at) in seen {
            columns.0.push(shop);
            columns.1.push(key);
            columns.2.push(at);
        }
        columns
    }
}
