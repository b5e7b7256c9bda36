//! CPU time of processes, from `/proc`; not a number where there is none.

use std::time::Instant;

/// Linux shows times to programs in hundredths of a second, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU used up to a moment.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    at: Instant,
    server: f64,
    postgres: f64,
    /// By this process, and by the load generators and clients that it has started and seen end.
    clients: f64,
    /// By everything on this machine.
    machine: f64,
}

/// Between two moments.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Milliseconds for each request.
    pub server_ms: f64,
    /// Milliseconds for each request.
    pub postgres_ms: f64,
    /// Cores that were busy with what is none of ours.
    pub strangers: f64,
}

impl Cpu {
    pub fn now(server: Option<u32>, postmaster: u32) -> Self {
        let own = |pid| Stat::read(pid).map_or(f64::NAN, |stat| stat.own);
        Self {
            at: Instant::now(),
            server: server.map_or(f64::NAN, own),
            postgres: cluster(postmaster).unwrap_or(f64::NAN),
            clients: Stat::read(std::process::id()).map_or(f64::NAN, |stat| stat.own + stat.ended_children),
            machine: machine().unwrap_or(f64::NAN),
        }
    }

    /// What was used since then, for `n` requests.
    pub fn since(self, before: Self, n: u64) -> Used {
        let each = |seconds: f64| seconds * 1_000.0 / n.max(1) as f64;
        let (server, postgres) = (self.server - before.server, self.postgres - before.postgres);
        let ours = postgres + self.clients - before.clients + if server.is_nan() { 0.0 } else { server };
        let elapsed = self.at.duration_since(before.at).as_secs_f64();
        Used {
            server_ms: each(server),
            postgres_ms: each(postgres),
            strangers: (self.machine - before.machine - ours) / elapsed,
        }
    }
}

/// The postmaster, those of its children that have ended (their time is in its own), and those that run.
fn cluster(postmaster: u32) -> Option<f64> {
    let parent = Stat::read(postmaster)?;
    let mut seconds = parent.own + parent.ended_children;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(stat) = pid.and_then(Stat::read).filter(|stat| stat.parent == postmaster) {
            seconds += stat.own;
        }
    }
    Some(seconds)
}

/// User, nice and system time. Interrupts are left out: they are nobody's in particular.
fn machine() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let fields = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(3);
    Some(fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND)
}

struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything; what follows begins with the third field.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: (field(14)? + field(15)?) / TICKS_PER_SECOND,
            ended_children: (field(16)? + field(17)?) / TICKS_PER_SECOND,
        })
    }
}
