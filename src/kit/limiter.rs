//! Rate limits: never more than the limit in any 60 seconds, at worst a second too strict.
//!
//! Each subject has a ring of one-second counters. A request passes if the last 60 full seconds and
//! this one together hold less than the limit: 61 slots, because a window of 60 s touches 61 seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

const SLOTS: usize = 61;
const SLOTS_I64: i64 = 61;
/// Two locks seldom meet on this many shards.
const SHARDS: usize = 64;
/// About 150 bytes each: 30 MB when every one is in use.
const SUBJECTS_MAX: usize = 200_000;

/// Whom a limit counts: a hash of what was presented, or of a client's address.
pub type Subject = [u8; 16];

/// What the limiter says of one request, and what the answer's headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub allowed: bool,
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until a slot leaves the window; obeying it as `Retry-After` always succeeds, if nobody
    /// else uses the subject meanwhile.
    pub reset_s: u64,
}

pub struct Limiter {
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    rings: HashMap<Subject, Ring>,
    /// The second in which idle subjects were last dropped: once a second is enough, however full it is.
    swept: i64,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Limiter {
    /// Counts one request of `subject` against `limit` a minute.
    pub fn take(&self, subject: Subject, limit: u32, now: DateTime<Utc>) -> Verdict {
        let second = now.timestamp();
        let shard = usize::from(subject[0]) % SHARDS;
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        // Full of busy subjects: newcomers share one ring, and those already counted keep theirs.
        let subject = if shard.has_room_for(&subject, second) { subject } else { [0; 16] };
        shard.rings.entry(subject).or_insert_with(|| Ring::new(second)).take(limit, second)
    }
}

impl Shard {
    fn has_room_for(&mut self, subject: &Subject, second: i64) -> bool {
        let full = |rings: &HashMap<Subject, Ring>| rings.len() >= SUBJECTS_MAX / SHARDS;
        if full(&self.rings) && self.swept != second {
            self.swept = second;
            self.rings.retain(|_, ring| ring.newest + SLOTS_I64 > second);
        }
        !full(&self.rings) || self.rings.contains_key(subject)
    }
}

struct Ring {
    counts: [u16; SLOTS],
    /// The second that the newest slot counts.
    newest: i64,
}

impl Ring {
    const fn new(second: i64) -> Self {
        Self { counts: [0; SLOTS], newest: second }
    }

    fn take(&mut self, limit: u32, second: i64) -> Verdict {
        self.turn_to(second);
        let used: u32 = self.counts.iter().copied().map(u32::from).sum();
        let allowed = used < limit;
        let slot = Self::slot(self.newest);
        if allowed {
            self.counts[slot] = self.counts[slot].saturating_add(1);
        }
        let used = used + u32::from(allowed);
        Verdict { allowed, limit, remaining: limit.saturating_sub(used), reset_s: self.oldest_leaves_in() }
    }

    /// Empties the slots of the seconds that have passed. A clock that steps back counts on in the newest.
    fn turn_to(&mut self, second: i64) {
        let passed = (second - self.newest).clamp(0, SLOTS_I64);
        for step in 1..=passed {
            self.counts[Self::slot(self.newest + step)] = 0;
        }
        self.newest = self.newest.max(second);
        if passed == SLOTS_I64 {
            self.counts = [0; SLOTS];
        }
    }

    fn oldest_leaves_in(&self) -> u64 {
        (0..SLOTS_I64)
            .find(|ahead| self.counts[Self::slot(self.newest + 1 + ahead)] > 0)
            .map_or(0, |ahead| (ahead + 1).unsigned_abs())
    }

    fn slot(second: i64) -> usize {
        usize::try_from(second.rem_euclid(SLOTS_I64)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + ms).unwrap()
    }

    proptest! {
        #[test]
        fn no_window_of_60_seconds_holds_more_than_the_limit(
            gaps in proptest::collection::vec(0_i64..4_000, 1..400), limit in 1_u32..30)
        {
            let limiter = Limiter::default();
            let mut now = 0;
            let mut passed = Vec::new();
            for gap in gaps {
                now += gap;
                if limiter.take([1; 16], limit, at(now)).allowed {
                    passed.push(now);
                }
            }
            for (i, start) in passed.iter().enumerate() {
                let within = passed[i..].iter().take_while(|t| **t < start + 60_000).count();
                prop_assert!(within <= limit as usize);
            }
        }

        #[test]
        fn obeying_retry_after_succeeds(gaps in proptest::collection::vec(0_i64..900, 1..200), limit in 1_u32..30) {
            let limiter = Limiter::default();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                let verdict = limiter.take([1; 16], limit, at(now));
                if !verdict.allowed {
                    now += i64::try_from(verdict.reset_s).unwrap() * 1_000;
                    prop_assert!(limiter.take([1; 16], limit, at(now)).allowed);
                }
            }
        }
    }

    #[test]
    fn subjects_are_counted_apart() {
        let limiter = Limiter::default();
        assert!(limiter.take([1; 16], 1, at(0)).allowed);
        assert!(!limiter.take([1; 16], 1, at(0)).allowed);
        assert!(limiter.take([2; 16], 1, at(0)).allowed);
    }

    #[test]
    fn the_table_is_bounded() {
        let limiter = Limiter::default();
        for i in 0..(SUBJECTS_MAX as u64 * 2) {
            let mut subject = [0; 16];
            subject[..8].copy_from_slice(&i.to_le_bytes());
            limiter.take(subject, 10, at(0));
        }
        let held: usize = limiter.shards.iter().map(|shard| shard.lock().unwrap().rings.len()).sum();
        assert!(held <= SUBJECTS_MAX + SHARDS, "{held}");
    }
}
