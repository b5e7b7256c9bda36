//! Tells endpoints of events: lease, send, record. A task of its own with a bounded number of attempts at once,
//! few of them one shop's and fewer one endpoint's, so that whoever hangs delays nobody else (promises WHK-5).

mod attempt;
mod flights;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::{Stop, TICK, log};
use crate::app::App;
use crate::domain::outbox::deliveries;
use crate::error::Result;
use flights::Flights;

/// Between two rounds: what is emitted meanwhile goes out together, at a bounded number of leases a second.
const PAUSE: Duration = Duration::from_millis(10);

/// Works until told to stop, and then until the attempts under way have ended: their deadline bounds that.
pub async fn run(app: Arc<App>, bell: Arc<Notify>, mut stop: Stop) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut flights = Flights::default();
    while !*stop.borrow() {
        tokio::select! {
            _ = tick.tick() => {}
            () = bell.notified() => {}
            () = flights.one_ends(), if flights.held_back() => {}
            _ = stop.changed() => continue,
        }
        log("start attempts", flights.start(&app).await);
        tokio::time::sleep(PAUSE).await;
    }
    flights.end().await;
}

/// Makes every attempt that is due; answers how many.
pub async fn settle(app: &Arc<App>) -> Result<usize> {
    let (mut flights, mut made) = (Flights::default(), 0);
    loop {
        let started = flights.start(app).await?;
        if started == 0 && flights.is_idle() {
            return Ok(made);
        }
        made += started;
        flights.one_ends().await;
    }
}

/// Deletes what is past its time.
pub async fn sweep(app: &App) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    while deliveries::sweep(&mut db, app.env.now()).await? > 0 {}
    Ok(())
}
