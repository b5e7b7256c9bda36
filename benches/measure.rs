//! Samples of ours and of the reference, and what each cost.

use std::time::Duration;

use crate::cpu::{Cpu, Used};
use crate::house::{House, Stage};
use crate::load::{Pace, Plan, Work};
use crate::pgbench::Script;
use crate::say;
use crate::table::Row;

pub const CONNECTIONS: usize = 64;
const OPEN_LOOP_SHARE: f64 = 0.7;
const CLIENTS: [usize; 6] = [1, 2, 4, 8, 16, 32];
/// Cores that strangers may use during a run; beyond that it measures them, and is repeated.
const STRANGERS_MAX: f64 = 0.2;
/// How long to wait for them to be done.
const PATIENCE: Duration = Duration::from_mins(1);
const GLANCE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub struct Sample {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub used: Used,
    /// Of all attempts: each of them has left its rows.
    pub answers: u64,
    /// Of all attempts.
    pub wrong: u64,
}

/// One run against the server.
pub async fn ours(house: &House, stage: &Stage, connections: usize, work: Work, pace: Pace) -> anyhow::Result<Sample> {
    undisturbed(house, async || once(house, stage, connections, work.clone(), pace).await).await
}

/// One attempt at it, however disturbed.
pub async fn once(house: &House, stage: &Stage, connections: usize, work: Work, pace: Pace) -> anyhow::Result<Sample> {
    let plan = Plan::new(stage.address, &stage.key, connections, work, pace);
    let cpu = || Cpu::now(Some(stage.server.pid()), house.cluster.pid);
    let before = cpu();
    let outcome = plan.run().await?;
    Ok(Sample {
        per_second: outcome.answers as f64 / outcome.seconds,
        p50_ms: outcome.p50_ms,
        p99_ms: outcome.p99_ms,
        used: cpu().since(before, outcome.answers),
        answers: outcome.answers,
        wrong: outcome.wrong,
    })
}

/// One run of the reference.
pub async fn reference(
    house: &House,
    database: &str,
    script: &Script,
    clients: usize,
    seconds: f64,
) -> anyhow::Result<Sample> {
    undisturbed(house, async || {
        let before = Cpu::now(None, house.cluster.pid);
        let told = script.run(&house.cluster.url(database), clients, seconds).await?;
        // Its backends are counted when the postmaster has seen them end.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(Sample {
            per_second: told.per_second,
            p50_ms: f64::NAN,
            p99_ms: f64::NAN,
            used: Cpu::now(None, house.cluster.pid).since(before, told.transactions),
            answers: told.transactions,
            wrong: 0,
        })
    })
    .await
}

/// Repeats a run during which others kept the machine busy; of those that all were, the least.
pub async fn undisturbed(
    house: &House,
    mut run: impl AsyncFnMut() -> anyhow::Result<Sample>,
) -> anyhow::Result<Sample> {
    let mut best = run().await?;
    for _ in 1..house.scale.attempts {
        // Where there is no /proc, nobody knows.
        if best.used.strangers <= STRANGERS_MAX || best.used.strangers.is_nan() {
            break;
        }
        say(&format!("  other processes used {:.1} cores meanwhile: again", best.used.strangers));
        wait_for_quiet(house).await;
        let next = run().await?;
        let (answers, wrong) = (best.answers + next.answers, best.wrong + next.wrong);
        let better = if next.used.strangers < best.used.strangers { next } else { best };
        best = Sample { answers, wrong, ..better };
    }
    Ok(best)
}

async fn wait_for_quiet(house: &House) {
    let patience = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < patience {
        let before = Cpu::now(None, house.cluster.pid);
        tokio::time::sleep(GLANCE).await;
        if Cpu::now(None, house.cluster.pid).since(before, 1).strangers <= STRANGERS_MAX {
            return;
        }
    }
}

/// The number of clients at which the reference is fastest.
pub async fn best_clients(house: &House, database: &str, script: &Script) -> anyhow::Result<usize> {
    let mut best = (0, 0.0);
    for clients in CLIENTS {
        let per_second = reference(house, database, script, clients, house.scale.warm_up_seconds).await?.per_second;
        say(&format!("  reference with {clients} clients: {per_second:.0}/s"));
        if per_second > best.1 {
            best = (clients, per_second);
        }
    }
    Ok(best.0)
}

/// Latency at a share of the peak, from the instant at which each request was due.
pub async fn open_loop(
    house: &House,
    stage: &Stage,
    connections: usize,
    work: Work,
    peak: f64,
) -> anyhow::Result<Sample> {
    let pace = Pace::Open { per_second: peak * OPEN_LOOP_SHARE, seconds: house.scale.seconds };
    let sample = ours(house, stage, connections, work, pace).await?;
    let Sample { per_second, p50_ms, p99_ms, .. } = sample;
    say(&format!("  open loop at {per_second:.0}/s: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms"));
    Ok(sample)
}

pub fn median(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> f64 {
    let mut figures: Vec<f64> = samples.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn peak(samples: &[Sample]) -> f64 {
    median(samples, |sample| sample.per_second)
}

impl Row {
    /// Latency, CPU and wrong answers of ours.
    pub fn of(mut self, samples: &[Sample], open: Option<&Sample>) -> Self {
        self.p50_ms = open.map(|open| open.p50_ms);
        self.p99_ms = open.map(|open| open.p99_ms);
        self.server_cpu_ms = Some(median(samples, |sample| sample.used.server_ms));
        self.postgres_cpu_ms = Some(median(samples, |sample| sample.used.postgres_ms));
        let all = || samples.iter().chain(open);
        if let Some(strangers) = all().map(|sample| sample.used.strangers).reduce(f64::max)
            && strangers > STRANGERS_MAX
        {
            self.note(&format!("disturbed: up to {strangers:.1} cores by others"));
        }
        self.wrong(all().map(|sample| sample.wrong).sum())
    }

    pub fn against(mut self, samples: &[Sample]) -> Self {
        self.reference_postgres_cpu_ms = Some(median(samples, |sample| sample.used.postgres_ms));
        self
    }
}
