//! What a room may use besides the database: time, chance, and the house's secrets, as one argument.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use rand::rngs::ChaCha20Rng;
use rand::{Rng, SeedableRng};

use super::clock::Clock;
use super::id::{Entity, Id, Sequence};
use super::jws::KeyRing;
use super::vault::Vault;

pub struct Env {
    pub clock: Clock,
    pub vault: Vault,
    pub signing: Arc<KeyRing>,
    chance: Mutex<Chance>,
}

struct Chance {
    rng: ChaCha20Rng,
    ids: Sequence,
}

impl Env {
    #[must_use]
    pub fn new(clock: Clock, rng: ChaCha20Rng, vault: Vault, signing: Arc<KeyRing>) -> Self {
        Self { clock, vault, signing, chance: Mutex::new(Chance { rng, ids: Sequence::default() }) }
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The next id: later than every id this process made before, even under a fixed clock.
    #[must_use]
    pub fn id<T: Entity>(&self) -> Id<T> {
        let now_ms = self.now().timestamp_millis();
        let mut chance = self.chance();
        let Chance { rng, ids } = &mut *chance;
        ids.next(now_ms, rng)
    }

    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.chance().rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A generator of its own for work that draws a lot, so that the lock is taken once.
    #[must_use]
    pub fn fork_rng(&self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(self.random())
    }

    fn chance(&self) -> std::sync::MutexGuard<'_, Chance> {
        self.chance.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
