//! Requests under the same idempotency key meet here, in memory, before they take a connection: the
//! first one works, the others wait for it and then find its answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// How long a twin waits before it is told that the first is still at work (promises, section 1).
const PATIENCE: Duration = Duration::from_secs(2);

type Gate = AsyncMutex<()>;

#[derive(Default)]
pub struct Twins(Mutex<HashMap<[u8; 16], Weak<Gate>>>);

impl Twins {
    /// Passes the gate of this key, alone; `None` where the one before takes too long.
    pub async fn enter(&self, key: [u8; 16]) -> Option<OwnedMutexGuard<()>> {
        let gate = self.gate(key);
        tokio::time::timeout(PATIENCE, gate.lock_owned()).await.ok()
    }

    fn gate(&self, key: [u8; 16]) -> Arc<Gate> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&key).and_then(Weak::upgrade) {
            return gate;
        }
        // Gates that nobody stands at are swept when their number has doubled since the last sweep.
        if gates.len() == gates.capacity() {
            gates.retain(|_, gate| gate.strong_count() > 0);
        }
        let gate = Arc::new(Gate::default());
        gates.insert(key, Arc::downgrade(&gate));
        gate
    }
}
