//! Housekeeping, a shop and a bounded number of rows at a time, each batch its own transaction.

use sqlx::Connection as _;

use crate::app::App;
use crate::domain::{accounts, data_keys, idempotency, keys, licenses, orders};
use crate::error::Result;

const ORDERS_A_BATCH: i64 = 100;
const LICENSES_A_BATCH: i64 = 1_000;

/// Fails checkouts that ran out of time; answers how many.
pub async fn expired(app: &App) -> Result<usize> {
    let mut db = app.worker.acquire().await?;
    let mut done = 0;
    for shop in orders::shops_with_expired(&mut db, app.env.now()).await? {
        let mut batch = db.begin().await?;
        done += orders::expire_due(&mut batch, shop, &app.env, &app.cursors, ORDERS_A_BATCH).await?;
        batch.commit().await?;
    }
    Ok(done)
}

/// Writes down which licenses have expired; answers how many.
pub async fn expired_licenses(app: &App) -> Result<usize> {
    let mut db = app.worker.acquire().await?;
    let mut done = 0;
    for shop in licenses::shops_with_expired(&mut db, app.env.now()).await? {
        let mut batch = db.begin().await?;
        done += licenses::expire_due(&mut batch, shop, &app.env, LICENSES_A_BATCH).await?;
        batch.commit().await?;
    }
    Ok(done)
}

/// Hands free codes to orders that wait for them: what an import or a release could not do itself,
/// because it did not get at the order.
pub async fn awaiting_stock(app: &App) -> Result<usize> {
    let mut db = app.worker.acquire().await?;
    let mut done = 0;
    for shop in orders::shops_awaiting_stock(&mut db).await? {
        for pool in orders::pools_awaited(&mut db, shop).await? {
            let mut batch = db.begin().await?;
            let waiting = orders::lock_waiting(&mut batch, shop, pool).await?;
            done += orders::hand_out(&mut batch, shop, &app.env, &app.cursors, pool, &waiting).await?;
            batch.commit().await?;
        }
    }
    Ok(done)
}

/// Deletes expired idempotency rows, a thousand at a time.
pub async fn idempotency(app: &App) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    while idempotency::sweep(&mut db, app.env.now()).await? > 0 {}
    Ok(())
}

/// Deletes expired sessions, a thousand at a time.
pub async fn sessions(app: &App) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    while accounts::sweep(&mut db, app.env.now()).await? > 0 {}
    Ok(())
}

/// Writes down when keys were last used.
pub async fn last_used(app: &App) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    keys::flush_last_used(&mut db, &app.last_used).await
}

/// Writes down what limits refused since the last time, a row a key.
pub async fn throttled(app: &App) -> Result<()> {
    let counted = app.throttled.take();
    if counted.is_empty() {
        return Ok(());
    }
    let mut db = app.worker.acquire().await?;
    for (shop, counts) in counted {
        licenses::write_throttled(&mut db, shop, &app.env, &counts).await?;
    }
    Ok(())
}

/// Makes the partitions of the weeks to come, and drops those whose time is over.
pub async fn partitions(app: &App) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    let now = app.env.now();
    let mut batch = db.begin().await?;
    licenses::audit::make_partitions(&mut batch, now).await?;
    batch.commit().await?;
    let mut batch = db.begin().await?;
    licenses::audit::drop_partitions(&mut batch, now, app.config.retention.license_events_days).await?;
    batch.commit().await?;
    Ok(())
}

/// Reads the signing keys again: another process may have rotated them.
pub async fn signing_keys(app: &App) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    data_keys::reload_signing(&mut db, &app.env.signing).await
}
