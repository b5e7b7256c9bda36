//! Open stock changes and ledger entries are added to their totals, by a task of its own: figures are right without
//! it, and quicker to read with it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection as _, PgConnection};

use super::{Stop, every_tick, log, next};
use crate::app::App;
use crate::domain::shops::Tenant;
use crate::domain::{ledger, serials};
use crate::error::Result;

/// How much later than its instant a row may be seen: its transaction's time, and clocks that differ.
const LATE: TimeDelta = TimeDelta::seconds(15);
/// Between two looks at everything, for rows that were later still. What is folded already and kept by an old snapshot
/// costs time at each such look.
const ALL_EVERY: TimeDelta = TimeDelta::minutes(10);

/// Folds at every tick until told to stop: what was made since the last time, and everything now and then.
pub async fn run(app: Arc<App>, mut stop: Stop) {
    let mut tick = every_tick();
    let (mut until, mut all_at) = (app.env.now(), None);
    while next(&mut tick, &mut stop).await {
        let now = app.env.now();
        if all_at.is_none_or(|at| now - at >= ALL_EVERY) {
            all_at = Some(now);
            log("fold everything", since(&app, DateTime::UNIX_EPOCH).await);
        }
        match since(&app, until - LATE).await {
            Ok(()) => until = now,
            failed => log("fold", failed),
        }
    }
}

/// Folds what was made since then; where one half fails, the other is done.
pub async fn since(app: &App, instant: DateTime<Utc>) -> Result<()> {
    stock(app, instant).await.and(ledger(app, instant).await)
}

/// Adds open stock deltas to their levels, and tells owners what falls low.
async fn stock(app: &App, since: DateTime<Utc>) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    for shop in serials::shops_to_fold(&mut db, since).await? {
        while fold_stock(&mut db, shop, app, since).await? >= serials::FOLDED_AT_ONCE {}
    }
    Ok(())
}

async fn fold_stock(db: &mut PgConnection, shop: Tenant, app: &App, since: DateTime<Utc>) -> Result<u64> {
    let mut batch = db.begin().await?;
    let folded = serials::fold_stock(&mut batch, shop, &app.env, since).await?;
    batch.commit().await?;
    Ok(folded)
}

async fn ledger(app: &App, since: DateTime<Utc>) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    for shop in ledger::shops_to_fold(&mut db, since).await? {
        while ledger::fold(&mut db, shop, since).await? >= ledger::FOLDED_AT_ONCE {}
    }
    Ok(())
}
