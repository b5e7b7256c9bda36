//! What became of an attempt, and what follows from it (contract 5.4).

use chrono::{DateTime, Duration, Utc};
use rand::RngExt as _;

use super::Delivery;
use crate::kit::env::Env;

/// Before the second attempt, the third, and so on.
const WAITS: [Duration; 7] = [
    Duration::minutes(1),
    Duration::minutes(2),
    Duration::minutes(5),
    Duration::minutes(15),
    Duration::hours(1),
    Duration::hours(6),
    Duration::hours(24),
];
/// Of one delivery, until it is recovered.
pub const TRIES_MAX: i32 = 8;
/// A wait is up to so many hundredths longer than the schedule says, so that what failed together does not
/// come back together.
const JITTER_PERCENT: i64 = 10;
/// A receiver that asks for more patience than this gets no more.
pub const RETRY_AFTER_MAX: Duration = Duration::hours(24);

/// What one attempt came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub started_at: DateTime<Utc>,
    pub duration_ms: i32,
    pub http_status: Option<u16>,
    /// Why there is no answer, or why it is none; never with the address in it.
    pub error: Option<String>,
    /// The beginning of what was answered, fit to be kept.
    pub answer: Option<String>,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Any 2xx.
    Delivered,
    Failed {
        /// How long the receiver asks us to wait.
        retry_after: Option<Duration>,
    },
    /// 410: it wants nothing any more.
    Gone,
}

/// Where the delivery goes from here.
pub(super) struct Next {
    pub state: &'static str,
    pub due_at: DateTime<Utc>,
}

impl Outcome {
    pub(super) fn next(&self, delivery: &Delivery, env: &Env) -> Next {
        let now = env.now();
        let state = |state| Next { state, due_at: now };
        match self.verdict {
            Verdict::Delivered => state("delivered"),
            Verdict::Gone => state("failed"),
            Verdict::Failed { retry_after } => match wait(delivery.tries) {
                None => state("failed"),
                Some(wait) => {
                    let spread_ms = wait.num_milliseconds() * JITTER_PERCENT / 100;
                    let later = Duration::milliseconds(env.fork_rng().random_range(0..=spread_ms));
                    let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
                    Next { state: "queued", due_at: now + (wait + later).max(asked) }
                }
            },
        }
    }
}

/// After so many tries; `None` after the last one.
fn wait(tries: i32) -> Option<Duration> {
    let before = usize::try_from(tries - 1).ok()?;
    WAITS.get(before).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_eight_tries_with_the_published_waits_between() {
        let minutes: Vec<i64> = (1..TRIES_MAX).map(|tries| wait(tries).unwrap().num_minutes()).collect();
        assert_eq!(minutes, [1, 2, 5, 15, 60, 360, 1_440]);
        assert_eq!(wait(TRIES_MAX), None);
        assert_eq!(wait(TRIES_MAX + 1), None);
    }
}
