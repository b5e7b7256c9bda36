//! What happens after the commit: mails go out, merchants are asked for goods, expired checkouts give their stock back, figures are
//! folded, what is spent is swept. Any number of workers may run; rows are leased or locked, never shared.

mod deliver;
mod dynamic;
mod mail;
mod sweep;
mod top_ups;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::error::{Error, Result};

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
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticks = 0_u32;
    // Calls to merchants have a task of their own: one that hangs holds up no mail.
    let bell = Arc::new(Notify::new());
    let calls = tokio::spawn(dynamic::run(app.clone(), bell.clone(), stop.clone()));
    while !*stop.borrow() {
        tokio::select! {
            _ = tick.tick() => {
                sweep(&app, ticks.is_multiple_of(SLOW_TICKS)).await;
                ticks = ticks.wrapping_add(1);
            }
            () = app.work.notified() => {
                // A permit that was stored while we worked is taken here at once, so no commit is missed.
                bell.notify_one();
                log("deliver mails", deliver::mails(&app).await);
                tokio::time::sleep(PAUSE).await;
            }
            _ = stop.changed() => {}
        }
    }
    log("write down throttled validations", sweep::throttled(&app).await);
    log("write down when keys were last used", sweep::last_used(&app).await);
    log("finish calls", calls.await.map_err(|e| Error::Internal(format!("calls: {e}"))));
}

/// Everything that is due; `slow` includes what is looked at once a minute.
async fn sweep(app: &App, slow: bool) {
    log("deliver mails", deliver::mails(app).await);
    log("write down throttled validations", sweep::throttled(app).await);
    log("expire checkouts", sweep::expired(app).await);
    log("expire licenses", sweep::expired_licenses(app).await);
    log("serve waiting orders", sweep::awaiting_stock(app).await);
    log("open due top-ups", top_ups::due(app).await);
    log("fold stock", sweep::stock(app).await);
    log("fold the ledger", sweep::ledger(app).await);
    if slow {
        app.cursors.reset();
        log("make and drop partitions", sweep::partitions(app).await);
        log("read the signing keys", sweep::signing_keys(app).await);
        log("sweep idempotency keys", sweep::idempotency(app).await);
        log("sweep sessions", sweep::sessions(app).await);
        log("write down when keys were last used", sweep::last_used(app).await);
    }
}

/// Works until nothing is due: for tests, which have no patience.
pub async fn settle(app: &Arc<App>) -> Result<()> {
    loop {
        let called = dynamic::settle(app).await?;
        let expired = sweep::expired(app).await? + sweep::expired_licenses(app).await?;
        let done = deliver::mails(app).await? + sweep::awaiting_stock(app).await? + top_ups::due(app).await?;
        if called + expired + done == 0 {
            break;
        }
    }
    sweep::stock(app).await?;
    sweep::ledger(app).await?;
    sweep::throttled(app).await?;
    sweep::signing_keys(app).await?;
    sweep::sessions(app).await?;
    sweep::last_used(app).await
}

/// A step that failed is tried again at the next tick.
fn log<T>(what: &str, done: Result<T>) {
    if let Err(e) = done {
        metrics::counter!("worker_failures_total", "step" => what.to_owned()).increment(1);
        tracing::error!(step = what, error = %e, "the worker could not finish a step");
    }
}
