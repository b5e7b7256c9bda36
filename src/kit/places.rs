//! Where the newest version of a row lies that changes all the time, per process: a hint that spares its look-up all
//! the dead versions while an old snapshot keeps them (promises F3). Never needed to be right: who finds nothing there
//! looks the row up by its key.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// Beyond these it begins anew.
const ROWS_MAX: usize = 10_000;

/// By the row's key; a place is as Postgres writes a `ctid`.
#[derive(Debug, Default)]
pub struct Places(Mutex<HashMap<Uuid, String>>);

impl Places {
    /// Those of these rows whose place is known, with it.
    #[must_use]
    pub fn of(&self, keys: &[Uuid]) -> (Vec<Uuid>, Vec<String>) {
        let places = self.lock();
        keys.iter().filter_map(|key| Some((*key, places.get(key)?.clone()))).unzip()
    }

    pub fn put(&self, key: Uuid, place: String) {
        let mut places = self.lock();
        if places.len() >= ROWS_MAX {
            places.clear();
        }
        places.insert(key, place);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_known_until_there_are_too_many() {
        let (places, key) = (Places::default(), Uuid::from_u128);
        places.put(key(0), "(0,1)".into());
        places.put(key(0), "(0,2)".into());
        assert_eq!(places.of(&[key(0), key(1)]), (vec![key(0)], vec!["(0,2)".to_owned()]));
        for n in 1..=ROWS_MAX as u128 {
            places.put(key(n), "(1,1)".into());
        }
        assert!(places.of(&[key(0)]).0.is_empty());
    }
}
