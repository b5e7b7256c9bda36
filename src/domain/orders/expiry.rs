//! A checkout that nobody paid gives its stock back.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Failure, Order, OrderId, items, payment, sql};
use crate::domain::outbox::{self, Event};
use crate::domain::serials::Cursors;
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::env::Env;

/// Shops in which a checkout has run out of time.
pub async fn shops_with_expired(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Tenant>> {
    Ok(sql::shops_with_expired(db, now).await?.into_iter().map(Tenant::new).collect())
}

/// Fails up to `limit` expired checkouts of a shop and releases their stock; answers how many. Rows
/// that a payment holds are skipped: it wins, and the next sweep sees its result.
pub async fn expire_due(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    limit: i64,
) -> Result<usize> {
    let rows = sql::lock_expired(db, shop.uuid(), env.now(), limit).await?;
    let orders: Vec<Order> = rows.into_iter().map(Order::try_from).collect::<Result<_>>()?;
    if orders.is_empty() {
        return Ok(0);
    }
    let ids: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
    let raw: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    sql::fail(db, shop.uuid(), &raw, Failure::Expired.word(), env.now()).await?;
    let events: Vec<Event> = orders
        .iter()
        .map(|order| {
            let mut facts = order.facts();
            facts.status = super::Status::Failed.word();
            Event::OrderFailed(facts)
        })
        .collect();
    outbox::emit(db, shop, env, &events).await?;
    let items = items::of_orders(db, shop, &ids).await?;
    payment::release(db, shop, env, cursors, &items).await?;
    Ok(orders.len())
}
