//! Codes go out in the transaction of the payment; what the pool cannot give waits, oldest first, and
//! is handed out by whatever brings codes: an import, a release, or the sweep (R14).

use sqlx::PgConnection;
use uuid::Uuid;

use super::{DeliveryState, Item, Method, Order, OrderId, Status, items, licensing, sql};
use crate::domain::dynamic::{self, NewCall};
use crate::domain::outbox::{self, Event, Template};
use crate::domain::products::PoolId;
use crate::domain::serials::{self, Cursors, Demand};
use crate::domain::shops::Tenant;
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;

/// Orders served by one import or sweep of a pool.
const WAITING_MAX: i64 = 500;

/// Where an order's codes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// They were set aside at the checkout.
    Reservation,
    /// The reservation is gone: from whatever is free now.
    Pool,
}

/// What the pooled items ask of their pools.
pub(super) fn demands(items: &[Item]) -> Vec<Demand> {
    items
        .iter()
        .filter_map(|item| {
            Some(Demand {
                pool: item.pool?,
                item: *item.id,
                quantity: item.quantity.into(),
                product: item.product_name.clone(),
            })
        })
        .collect()
}

/// Delivers what needs nobody else: codes of the items that have none yet, and what is handed over at
/// once. Writes down how far each of them is.
pub(super) async fn deliver(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    items: &mut [Item],
    source: Source,
) -> Result<()> {
    let delivered_at = Some(env.now());
    let open = items.iter_mut().filter(|item| item.delivery != DeliveryState::Delivered);
    let mut ours: Vec<&mut Item> = open.filter(|i| i.method == Method::Codes || i.method.is_instant()).collect();
    if ours.is_empty() {
        return Ok(());
    }
    for item in ours.iter_mut().filter(|item| item.method.is_instant()) {
        item.settle(DeliveryState::Delivered, delivered_at);
    }
    let mut coded: Vec<&mut Item> =
        ours.iter_mut().map(|item| &mut **item).filter(|i| i.method == Method::Codes).collect();
    match source {
        Source::Reservation => {
            let ids: Vec<Uuid> = coded.iter().map(|item| *item.id).collect();
            let expected = coded.iter().map(|item| i64::from(item.quantity)).sum();
            if expected > 0 {
                serials::sell(db, shop, env, &ids, expected).await?;
            }
            for item in &mut coded {
                item.settle(DeliveryState::Delivered, delivered_at);
            }
        }
        Source::Pool => {
            for item in &mut coded {
                let demand = demands(std::slice::from_ref(&**item));
                match serials::try_claim(db, shop, env, cursors, &demand).await {
                    Ok(()) => item.settle(DeliveryState::Delivered, delivered_at),
                    Err(Error::Conflict(Conflict::OutOfStock { .. })) => {
                        item.settle(DeliveryState::AwaitingStock, None);
                    }
                    Err(e) => return Err(e),
                }
            }
        }
    }
    items::set_delivery(db, shop, &ours).await?;
    let delivered: Vec<&Item> = ours.iter().map(|item| &**item).filter(|item| item.licensed).collect();
    licensing::issue(db, shop, env, &delivered).await
}

/// Queues a call for each item whose goods the merchant's webhook answers with.
pub(super) async fn ask(db: &mut PgConnection, shop: Tenant, env: &Env, items: &[Item]) -> Result<()> {
    let asked = items.iter().filter(|item| item.method == Method::Dynamic && item.delivery == DeliveryState::Pending);
    let call = |item: &Item| NewCall { item: *item.id, order: *item.order, product: item.product };
    let calls: Vec<NewCall> = asked.map(call).collect();
    dynamic::queue(db, shop, env.now(), &calls).await
}

/// `completed` once everything is delivered; until then `delivering`.
pub(super) fn status_after(items: &[Item]) -> Status {
    let done = items.iter().all(|item| item.delivery == DeliveryState::Delivered);
    if done { Status::Completed } else { Status::Delivering }
}

/// Tells the buyer of an order that was just paid: of the delivery where it is complete already, which says what
/// was paid too; else by a receipt, for the goods may take their time.
pub(super) async fn announce_paid(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    order: &Order,
    items: &[Item],
) -> Result<()> {
    if order.mail && status_after(items) != Status::Completed {
        outbox::queue_mail(db, shop, env, Template::OrderPaid, *order.id, &order.customer_email).await?;
    }
    announce(db, shop, env, order, items).await
}

/// Tells of a delivery that is complete: the event, and the buyer's mail.
async fn announce(db: &mut PgConnection, shop: Tenant, env: &Env, order: &Order, items: &[Item]) -> Result<()> {
    if status_after(items) != Status::Completed {
        return Ok(());
    }
    outbox::emit(db, shop, env, &[Event::OrderDelivered(order.facts())]).await?;
    if order.mail {
        outbox::queue_mail(db, shop, env, Template::OrderDelivered, *order.id, &order.customer_email).await?;
    }
    Ok(())
}

/// Completes an order that was being delivered, once its last item is.
pub(super) async fn finish(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    order: &mut Order,
    items: &[Item],
) -> Result<()> {
    let after = status_after(items);
    if after == Status::Completed && order.status == Status::Delivering {
        order.status = after;
        sql::set_status(db, shop.uuid(), *order.id, &["delivering"], after.word(), env.now()).await?;
        announce(db, shop, env, order, items).await?;
    }
    Ok(())
}

/// Orders that wait for codes of a pool, oldest first, locked: taken before the codes are there, so
/// that the lock order holds (orders before serials).
#[derive(Debug)]
pub struct Waiting(Vec<OrderId>);

/// Locks the orders that wait for this pool, skipping those that others are working on.
pub async fn lock_waiting(db: &mut PgConnection, shop: Tenant, pool: PoolId) -> Result<Waiting> {
    let ids = sql::lock_waiting(db, shop.uuid(), *pool, WAITING_MAX).await?;
    Ok(Waiting(ids.into_iter().map(OrderId::from).collect()))
}

/// Hands the pool's free codes to the waiting orders, oldest first, until it is empty. In the
/// transaction that brought the codes nobody else can see them yet. Answers how many orders got some.
pub async fn hand_out(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    pool: PoolId,
    waiting: &Waiting,
) -> Result<usize> {
    let mut served = 0;
    for id in &waiting.0 {
        if serials::stock_of(db, shop, pool).await? <= 0 {
            break;
        }
        let (mut order, mut items) = super::get(db, shop, *id).await?;
        if order.status != Status::Delivering {
            continue; // refunded meanwhile: out of the queue
        }
        let before = delivered(&items);
        deliver(db, shop, env, cursors, &mut items, Source::Pool).await?;
        served += usize::from(delivered(&items) > before);
        finish(db, shop, env, &mut order, &items).await?;
    }
    Ok(served)
}

fn delivered(items: &[Item]) -> usize {
    items.iter().filter(|item| item.delivery == DeliveryState::Delivered).count()
}
