//! A payment meets its order: the row is locked first, so expiry and a second payment see the result.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::delivery::{self, Source};
use super::{Failure, Item, Order, OrderId, Payment, Status, items, sql, top_up};
use crate::domain::customers;
use crate::domain::ledger::{self, Account, Kind, Purpose, Transfer};
use crate::domain::outbox::{self, Event};
use crate::domain::payments::{Gateway, Outcome};
use crate::domain::products;
use crate::domain::serials::{self, Cursors};
use crate::domain::shops::{self, Tenant};
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;

/// What a shop says when it moves an order itself.
#[derive(Clone, Debug, Default)]
pub struct ByShop {
    /// For the shop alone.
    pub note: Option<String>,
    /// The buyer gets no mail of it.
    pub quiet: bool,
}

impl ByShop {
    pub(super) fn sign(self, order: &mut Order) {
        order.note = self.note.or(order.note.take());
        order.mail &= !self.quiet;
    }
}

/// Applies a sandbox payment. Paying a paid order changes nothing and answers it as it is; money that
/// comes after expiry revives the order (R13).
///
/// # Errors
/// [`Conflict::WrongState`] where the order was declined or refunded, or is paid elsewhere.
pub async fn pay(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    id: OrderId,
    outcome: Outcome,
) -> Result<(Order, Vec<Item>)> {
    let (mut order, items) = super::lock(db, shop, id).await?;
    if order.gateway.is_some_and(|gateway| gateway != Gateway::Sandbox) {
        return Err(wrong_state("this order is not paid through the sandbox"));
    }
    match outcome {
        Outcome::Succeeded if order.status.is_paid() => Ok((order, items)),
        Outcome::Succeeded if order.is_payable() => {
            order.payment = order.gateway.map(Payment::through);
            settle(db, shop, env, cursors, order, items).await
        }
        Outcome::Declined if order.is_open() => {
            let order = decline(db, shop, env, cursors, order, &items).await?;
            Ok((order, items))
        }
        _ => Err(wrong_state(&format!("the order is {}", order.status.word()))),
    }
}

/// The shop has the money, however it came: the order is paid. Completing a paid order changes nothing.
///
/// # Errors
/// [`Conflict::WrongState`] where the order was declined or refunded.
pub async fn complete(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    id: OrderId,
    by: ByShop,
) -> Result<(Order, Vec<Item>)> {
    let (mut order, items) = super::lock(db, shop, id).await?;
    if order.status.is_paid() {
        return Ok((order, items));
    }
    if !order.is_payable() {
        return Err(wrong_state(&format!("the order is {}", order.status.word())));
    }
    by.sign(&mut order);
    order.payment = Some(Payment::through(Gateway::Manual));
    settle(db, shop, env, cursors, order, items).await
}

/// The money is here, as `order.payment` says: hand out what can be handed out, in this transaction, and
/// tell everyone.
pub(super) async fn settle(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    mut order: Order,
    mut items: Vec<Item>,
) -> Result<(Order, Vec<Item>)> {
    let late = order.status == Status::Failed;
    let before = order.status;
    let now = env.now();
    order.status = Status::Paid;
    order.failure = None;
    order.paid_at = Some(now);
    let paid = Event::OrderPaid(order.facts());

    if let Some(payment) = &order.payment {
        let debit = Account::recording(Kind::Clearing, &payment.provider);
        let (purpose, credit) = match order.top_up {
            Some(top_up) => (Purpose::TopUp, ledger::prepaid(*top_up.reseller)),
            None => (Purpose::Sale, Account::recording(Kind::Sales, "")),
        };
        let income = Transfer::between(purpose, *order.id, order.currency, debit, credit, order.total);
        ledger::post(db, shop, env, &income).await?;
    }
    let source = if late { Source::Pool } else { Source::Reservation };
    delivery::deliver(db, shop, env, cursors, &mut items, source).await?;
    delivery::ask(db, shop, env, &items).await?;
    if late {
        retake_counted(db, shop, &mut items).await?;
    }
    order.status = delivery::status_after(&items);
    sql::settle(db, shop.uuid(), &order, before.word(), now).await?;
    let lifetime = if order.currency == shops::get(db, shop).await?.currency { order.total.get() } else { 0 };
    customers::record_payment(db, shop, order.customer, lifetime, now).await?;
    outbox::emit(db, shop, env, &[paid]).await?;
    match order.top_up {
        Some(top_up) => top_up::announce(db, shop, env, &order, top_up).await?,
        None => delivery::announce_paid(db, shop, env, &order, &items).await?,
    }
    Ok((order, items))
}

/// Counts late goods again, in product order, so that two cannot wait for each other. What is sold out by now stays
/// uncounted, so that a refund gives back no more than was taken.
async fn retake_counted(db: &mut PgConnection, shop: Tenant, items: &mut [Item]) -> Result<()> {
    let mut counted: Vec<&mut Item> = items.iter_mut().filter(|item| item.counted).collect();
    counted.sort_unstable_by_key(|item| item.product);
    for item in &mut counted {
        item.counted = products::retake_counted(db, shop, item.product, item.quantity).await?;
    }
    counted.retain(|item| !item.counted);
    items::set_uncounted(db, shop, &counted).await
}

/// The gateway refused: the order is over, and its stock goes back.
pub(super) async fn decline(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    mut order: Order,
    items: &[Item],
) -> Result<Order> {
    sql::fail(db, shop.uuid(), &[*order.id], Failure::Declined.word(), env.now()).await?;
    order.status = Status::Failed;
    order.failure = Some(Failure::Declined);
    outbox::emit(db, shop, env, &[Event::OrderFailed(order.facts())]).await?;
    release(db, shop, env, cursors, items).await?;
    Ok(order)
}

/// Gives back what the items had set aside: codes to their pools, and from there to orders that wait for
/// them, before anyone else can claim them (R14); counted stock to its product.
pub(super) async fn release(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    items: &[Item],
) -> Result<()> {
    let ids: Vec<_> = items.iter().filter(|item| item.pool.is_some()).map(|item| *item.id).collect();
    let pools: BTreeSet<_> = items.iter().filter_map(|item| item.pool).collect();
    let mut waiting = Vec::with_capacity(pools.len());
    for pool in pools {
        waiting.push((pool, delivery::lock_waiting(db, shop, pool).await?));
    }
    serials::release(db, shop, env, cursors, &ids).await?;
    for (pool, waiting) in &waiting {
        delivery::hand_out(db, shop, env, cursors, *pool, waiting).await?;
    }
    release_counted(db, shop, items).await
}

/// Counted stock goes back to its products.
pub(super) async fn release_counted(db: &mut PgConnection, shop: Tenant, items: &[Item]) -> Result<()> {
    let counted = items.iter().filter(|item| item.counted).map(|item| (item.product, item.quantity)).collect();
    products::release_counted(db, shop, counted).await
}

pub(super) fn wrong_state(text: &str) -> Error {
    Error::Conflict(Conflict::WrongState(text.to_owned()))
}
