//! What happens after the commit: mails go out, endpoints are told of events, money goes back and out, merchants are
//! asked for goods, expired checkouts give their stock back, figures are folded, what is spent is swept. Any number of
//! workers may run; rows are leased or locked, never shared.

mod bells;
mod deliver;
mod dynamic;
mod fold;
mod gauges;
pub mod mail;
mod payouts;
mod refunds;
mod sweep;
mod top_ups;
mod wake;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};

use crate::app::App;
use crate::error::{Error, Result};
use bells::Bells;

pub use wake::SESSIONS as WAKE_SESSIONS;

/// Alone enough, should no commit of this process ring the bell.
const TICK: Duration = Duration::from_secs(1);
/// A bell that rings all the time is answered this often.
const PAUSE: Duration = Duration::from_millis(20);
/// Of [`TICK`], for what may wait.
const SLOW_TICKS: u32 = 60;

/// Tells the worker to finish what it is at and end.
pub type Stop = watch::Receiver<bool>;

/// Works until told to stop. Nothing here is ever cancelled half-way: the signal is looked at between steps.
pub async fn run(app: Arc<App>, mut stop: Stop) {
    let (mut tick, mut ticks) = (every_tick(), 0_u32);
    let bells = Bells::default();
    // Whatever calls somebody else, or may take long, has a task of its own: it holds up nothing else.
    let mut others = JoinSet::new();
    others.spawn(bells.clone().follow(app.work.clone(), stop.clone()));
    others.spawn(dynamic::run(app.clone(), bells.calls.clone(), stop.clone()));
    others.spawn(webhooks::run(app.clone(), bells.webhooks.clone(), stop.clone()));
    others.spawn(money(app.clone(), stop.clone()));
    others.spawn(fold::run(app.clone(), stop.clone()));
    others.spawn(deliver::run(app.clone(), bells.mails.clone(), stop.clone()));
    others.spawn(gauges::run(app.clone(), stop.clone()));
    others.spawn(wake::run(app.clone(), bells.clone(), stop.clone()));
    while next(&mut tick, &mut stop).await {
        sweep(&app, ticks.is_multiple_of(SLOW_TICKS)).await;
        ticks = ticks.wrapping_add(1);
    }
    log("write down throttled validations", sweep::throttled(&app).await);
    log("write down when keys were last used", sweep::last_used(&app).await);
    while let Some(ended) = others.join_next().await {
        log("finish calls", ended.map_err(|e| Error::Internal(format!("a task of the worker: {e}"))));
    }
}

/// Gives money back and pays it out, which gateways and broadcasters may be slow to answer.
async fn money(app: Arc<App>, mut stop: Stop) {
    let mut tick = every_tick();
    while next(&mut tick, &mut stop).await {
        // A round takes a few of each shop; there is no pause while there are more.
        while !*stop.borrow() && move_money(&app).await > 0 {}
    }
}

/// Answers how many refunds and payouts it has seen to.
async fn move_money(app: &App) -> usize {
    let (refunded, sent) = (refunds::due(app).await, payouts::due(app).await);
    let moved = [&refunded, &sent].into_iter().flatten().sum();
    log("give money back", refunded);
    log("send payouts", sent);
    moved
}

fn every_tick() -> Interval {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// Waits for the next tick; `false` when told to stop.
async fn next(tick: &mut Interval, stop: &mut Stop) -> bool {
    if *stop.borrow() {
        return false;
    }
    tokio::select! {
        _ = tick.tick() => true,
        _ = stop.changed() => false,
    }
}

/// Everything that is due; `slow` includes what is looked at once a minute.
async fn sweep(app: &App, slow: bool) {
    log("write down throttled validations", sweep::throttled(app).await);
    log("expire checkouts", sweep::expired(app).await);
    log("expire licenses", sweep::expired_licenses(app).await);
    log("serve waiting orders", sweep::awaiting_stock(app).await);
    log("open due top-ups", top_ups::due(app).await);
    if slow {
        app.cursors.reset();
        log("look for balances without an invoice", top_ups::remind(app).await);
        log("make and drop partitions", sweep::partitions(app).await);
        log("read the signing keys", sweep::signing_keys(app).await);
        log("sweep idempotency keys", sweep::idempotency(app).await);
        log("sweep sessions", sweep::sessions(app).await);
        log("sweep webhook deliveries", webhooks::sweep(app).await);
        log("write down when keys were last used", sweep::last_used(app).await);
    }
}

/// Works until nothing is due: for tests, which have no patience.
pub async fn settle(app: &Arc<App>) -> Result<()> {
    top_ups::remind(app).await?;
    loop {
        let called = dynamic::settle(app).await? + webhooks::settle(app).await?;
        fold::since(app, DateTime::UNIX_EPOCH).await?;
        let expired = sweep::expired(app).await? + sweep::expired_licenses(app).await?;
        let done = deliver::settle(app).await? + sweep::awaiting_stock(app).await? + top_ups::due(app).await?;
        let moved = refunds::due(app).await? + payouts::due(app).await?;
        if called + expired + done + moved == 0 {
            break;
        }
    }
    fold::since(app, DateTime::UNIX_EPOCH).await?;
    sweep::throttled(app).await?;
    sweep::signing_keys(app).await?;
    sweep::sessions(app).await?;
    webhooks::sweep(app).await?;
    sweep::last_used(app).await
}

/// A step that failed is tried again at the next tick.
fn log<T>(what: &str, done: Result<T>) {
    if let Err(e) = done {
        metrics::counter!("worker_failures_total", "step" => what.to_owned()).increment(1);
        tracing::error!(step = what, error = %e, "the worker could not finish a step");
    }
}
