//! A balance that fell below its threshold gets an invoice, one at a time.

use sqlx::Acquire as _;

use crate::app::App;
use crate::domain::{orders, resellers, shops};
use crate::error::Result;

/// Opens the invoices that are due; answers how many balances were looked at. A row goes in the transaction that opens its
/// invoice: a crash in between leaves both undone, and the next step does them.
pub async fn due(app: &App) -> Result<usize> {
    let mut db = app.worker.acquire().await?;
    let mut done = 0;
    for tenant in resellers::shops_with_top_ups_due(&mut db).await? {
        let shop = shops::get(&mut db, tenant).await?;
        let mut batch = db.begin().await?;
        let (looked_at, due) = resellers::take_top_ups_due(&mut batch, tenant).await?;
        for reseller in &due {
            orders::auto_top_up(&mut batch, &shop, &app.env, &app.gateways, reseller).await?;
        }
        batch.commit().await?;
        done += looked_at;
    }
    Ok(done)
}

/// Looks again for balances that are below and have no invoice: it lapsed or was declined, or the relationship was
/// suspended when it was due.
pub async fn remind(app: &App) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    for tenant in resellers::shops_with_auto_top_ups(&mut db).await? {
        resellers::remark_top_ups_due(&mut db, tenant).await?;
    }
    Ok(())
}
