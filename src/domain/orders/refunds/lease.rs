//! Refunds that their gateways are to be asked for. A lease that runs out is asked for again, by whichever worker
//! comes first: a gateway gives back once for each refund's id, however often it is asked.

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;

use super::{Refund, RefundId, sql};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::money::Currency;

/// How long a gateway may take before it is asked again: half of the minute in which a refund whose worker died must
/// come to its end (promises IDM-8).
const LEASE: Duration = Duration::seconds(30);

/// A refund under lease: to be asked for, and recorded with the same attempt number.
#[derive(Clone, Debug)]
pub struct DueRefund {
    pub shop: Tenant,
    pub refund: Refund,
    pub currency: Currency,
    pub attempt: i32,
}

/// Shops with refunds that are due, without a lock.
pub async fn shops_with_refunds_due(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Tenant>> {
    Ok(sql::shops_with_refunds_due(db, now).await?.into_iter().map(Tenant::new).collect())
}

/// Takes up to `limit` due refunds of one shop, oldest first.
pub async fn lease_refunds(
    db: &mut PgConnection,
    shop: Tenant,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueRefund>> {
    let mut leased = Vec::new();
    for row in sql::lease(db, shop.uuid(), now, now + LEASE, limit).await? {
        let attempt = row.attempt;
        let refund = Refund::try_from(row)?;
        let (order, _) = crate::domain::orders::get(db, shop, refund.order).await?;
        leased.push(DueRefund { shop, refund, currency: order.currency, attempt });
    }
    Ok(leased)
}

/// Its gateway has nobody to ask: from now on it waits for the shop's operator.
pub async fn wait_for_operator(db: &mut PgConnection, shop: Tenant, id: RefundId, attempt: i32) -> Result<()> {
    Ok(sql::wait_for_operator(db, shop.uuid(), *id, attempt).await?)
}
