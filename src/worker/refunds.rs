//! Gives money back: lease, ask the gateway with no connection held, record where the lease still stands. A worker that
//! dies in between leaves a lease that runs out, and the next one asks again.

use sqlx::Acquire as _;

use crate::app::App;
use crate::domain::orders::{self, DueRefund};
use crate::domain::payments::{RefundCall, RefundOutcome};
use crate::error::Result;

/// Taken at once from one shop, before the next shop's turn.
const REFUNDS_A_LEASE: i64 = 20;

/// Asks for every refund that is due; answers how many were asked for.
pub async fn due(app: &App) -> Result<usize> {
    let mut leased = Vec::new();
    {
        let mut db = app.worker.acquire().await?;
        for shop in orders::shops_with_refunds_due(&mut db, app.env.now()).await? {
            leased.extend(orders::lease_refunds(&mut db, shop, app.env.now(), REFUNDS_A_LEASE).await?);
        }
    }
    for due in &leased {
        if let Err(e) = ask(app, due).await {
            // Its lease runs out, and then it is asked for again.
            metrics::counter!("worker_failures_total", "step" => "ask for a refund").increment(1);
            tracing::error!(refund = %due.refund.id, attempt = due.attempt, error = %e, "a refund was not recorded");
        }
    }
    Ok(leased.len())
}

async fn ask(app: &App, due: &DueRefund) -> Result<()> {
    let refund = &due.refund;
    let call = RefundCall {
        shop: due.shop,
        id: *refund.id,
        order: *refund.order,
        amount: refund.amount,
        currency: due.currency,
        note: refund.note.clone(),
    };
    let outcome = app.gateways.get(refund.gateway)?.refund(&call).await?;
    let mut db = app.worker.acquire().await?;
    if outcome == RefundOutcome::ByHand {
        return orders::wait_for_operator(&mut db, due.shop, refund.id, due.attempt).await;
    }
    let mut transaction = db.begin().await?;
    orders::end_refund(&mut transaction, due.shop, &app.env, refund.id, Some(due.attempt), &outcome).await?;
    transaction.commit().await?;
    app.work.notify_one();
    Ok(())
}
