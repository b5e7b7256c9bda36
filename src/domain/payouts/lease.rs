//! Payouts that their broadcasters are to be asked for. A lease that runs out is asked for again, by whichever worker
//! comes first: a broadcaster sends once for each payout's id, however often it is asked.

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;

use super::{Payout, sql};
use crate::domain::shops::Tenant;
use crate::error::Result;

/// How long a broadcaster may take before it is asked again: half of the minute in which a step whose worker died must
/// come to its end (promises IDM-8).
const LEASE: Duration = Duration::seconds(30);

/// A payout under lease: to be asked for, and recorded with the same attempt number.
#[derive(Clone, Debug)]
pub struct DuePayout {
    pub shop: Tenant,
    pub payout: Payout,
    pub attempt: i32,
}

/// Shops with payouts that are due, without a lock.
pub async fn shops_with_due(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Tenant>> {
    Ok(sql::shops_with_due(db, now).await?.into_iter().map(Tenant::new).collect())
}

/// Takes up to `limit` due payouts of one shop, oldest first.
pub async fn lease(db: &mut PgConnection, shop: Tenant, now: DateTime<Utc>, limit: i64) -> Result<Vec<DuePayout>> {
    let rows = sql::lease(db, shop.uuid(), now, now + LEASE, limit).await?;
    let due = |row: sql::Row| {
        let attempt = row.attempt;
        Ok(DuePayout { shop, payout: Payout::try_from(row)?, attempt })
    };
    rows.into_iter().map(due).collect()
}
