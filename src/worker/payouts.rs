//! Brings payouts onto their chains and watches them arrive: lease, ask the broadcaster with no connection held, record
//! where the lease still stands. A worker that dies in between leaves a lease that runs out, and the next one asks again.

use sqlx::Acquire as _;

use crate::app::App;
use crate::domain::payouts::{self, DuePayout};
use crate::error::Result;

/// Taken at once from one shop, before the next shop's turn.
const PAYOUTS_A_LEASE: i64 = 20;

/// Asks for the next step of every payout that is due; answers how many were asked for.
pub async fn due(app: &App) -> Result<usize> {
    let mut leased = Vec::new();
    {
        let mut db = app.worker.acquire().await?;
        for shop in payouts::shops_with_due(&mut db, app.env.now()).await? {
            leased.extend(payouts::lease(&mut db, shop, app.env.now(), PAYOUTS_A_LEASE).await?);
        }
    }
    for due in &leased {
        if let Err(e) = ask(app, due).await {
            // Its lease runs out, and then it is asked for again.
            metrics::counter!("worker_failures_total", "step" => "ask for a payout").increment(1);
            tracing::error!(payout = %due.payout.id, attempt = due.attempt, error = %e, "a payout was not recorded");
        }
    }
    Ok(leased.len())
}

async fn ask(app: &App, due: &DuePayout) -> Result<()> {
    let progress = app.broadcasters.ask(&due.payout).await?;
    let mut db = app.worker.acquire().await?;
    let mut transaction = db.begin().await?;
    payouts::record(&mut transaction, due.shop, &app.env, due.payout.id, Some(due.attempt), &progress).await?;
    transaction.commit().await?;
    app.work.notify_one();
    Ok(())
}
