//! Figures of the whole house, looked at by a task of its own: how far mail is behind, and whether the
//! books are right.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Acquire as _;
use tokio::time::MissedTickBehavior;

use super::{Stop, log};
use crate::app::App;
use crate::domain::{ledger, outbox};
use crate::error::Result;

/// Scrapers ask two to four times a minute.
const PAUSE: Duration = Duration::from_secs(15);
/// Of [`PAUSE`], between two looks at the books: each law reads whole tables, so every ten minutes.
const BOOKS_PAUSES: u32 = 40;

/// Looks until told to stop; first at once.
pub async fn run(app: Arc<App>, mut stop: Stop) {
    let mut tick = tokio::time::interval(PAUSE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = 0_u32;
    while !*stop.borrow() {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stop.changed() => continue,
        }
        if let Some(metrics) = &app.metrics {
            metrics.run_upkeep(); // or samples would pile up where nobody asks for them
        }
        log("look at waiting mails", mails(&app).await);
        if looks.is_multiple_of(BOOKS_PAUSES) {
            log("look at the books", books(&app).await);
        }
        looks = looks.wrapping_add(1);
    }
}

async fn mails(app: &App) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    let (waiting, oldest) = outbox::mail_backlog(&mut db).await?;
    let waited_s = oldest.map_or(0, |since| (app.env.now() - since).num_seconds().max(0));
    gauge("mails_waiting", waiting);
    gauge("mails_oldest_seconds", waited_s);
    Ok(())
}

async fn books(app: &App) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    let mut look = db.begin().await?;
    ledger::allow_time(&mut look).await?;
    let broken = ledger::broken_laws(&mut look).await?;
    gauge("ledger_broken_laws", i64::try_from(broken.len()).unwrap_or(i64::MAX));
    gauge("ledger_checked_seconds", app.env.now().timestamp());
    for law in broken {
        tracing::error!(law, "a law of the books does not hold");
    }
    Ok(())
}

fn gauge(name: &'static str, value: i64) {
    #[expect(clippy::cast_precision_loss, reason = "counts and seconds, far below what a double holds")]
    metrics::gauge!(name).set(value as f64);
}
