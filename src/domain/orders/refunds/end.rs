//! A refund ends: the money went back, or it did not. What hangs on it moves in the same transaction.

use sqlx::PgConnection;

use super::{Refund, RefundId, order_of, source, sql};
use crate::domain::customers;
use crate::domain::ledger::{self, Account, Kind};
use crate::domain::licenses;
use crate::domain::orders::payment::{release_counted, wrong_state};
use crate::domain::orders::{DeliveryState, Item, Order, Status, items, lock};
use crate::domain::outbox::{self, Event, RefundFacts, RefundedFacts, Template};
use crate::domain::payments::RefundOutcome;
use crate::domain::shops::{self, Tenant};
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::money::Cents;

/// Records how a refund ended: as the gateway said under the lease of this `attempt`, or as the operator says, who has
/// none. `None` where a later lease, or an end, came first: then nothing is recorded.
///
/// # Errors
/// [`Error::NotFound`]; for the operator [`Conflict::WrongState`](crate::error::Conflict) where it has ended, or its
/// gateway refunds by itself.
pub async fn end_refund(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: RefundId,
    attempt: Option<i32>,
    outcome: &RefundOutcome,
) -> Result<Option<Refund>> {
    let order = order_of(db, shop, id).await?;
    let (order, items) = lock(db, shop, order).await?;
    let ended = match outcome {
        RefundOutcome::Sent { tx } => sql::End { status: "completed", tx: tx.as_deref(), error: None },
        RefundOutcome::Refused { why } => sql::End { status: "failed", tx: None, error: Some(why) },
        RefundOutcome::ByHand => return Err(Error::Internal("a refund by hand has not ended".into())),
    };
    let Some(row) = sql::end(db, shop.uuid(), *id, attempt, &ended, env.now()).await? else {
        return match attempt {
            Some(_) => Ok(None),
            None => Err(wrong_state("the refund has ended, or its gateway refunds by itself")),
        };
    };
    let refund = Refund::try_from(row)?;
    match outcome {
        RefundOutcome::Sent { .. } => complete(db, shop, env, &refund, order, items).await?,
        _ => fail(db, shop, env, &refund, &order).await?,
    }
    Ok(Some(refund))
}

async fn complete(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    refund: &Refund,
    mut order: Order,
    mut all: Vec<Item>,
) -> Result<()> {
    let before = order.status;
    order.refunded = order.refunded.plus(refund.amount).unwrap_or(order.refunded);
    let in_full = order.refunded == order.total;
    if in_full {
        order.status = Status::Refunded;
    }
    sql::give_back(db, shop.uuid(), &order, before.word(), refund.amount.get(), env.now()).await?;
    if in_full {
        take_back(db, shop, env, &order, &mut all).await?;
    }
    let lifetime = if order.currency == shops::get(db, shop).await?.currency { refund.amount } else { Cents::ZERO };
    customers::record_refund(db, shop, order.customer, lifetime.get()).await?;
    let clearing = Account::recording(Kind::Clearing, refund.gateway.word());
    ledger::settle(db, shop, env, refund.transfer, &clearing).await?;
    let facts = RefundedFacts { order: order.facts(), refund: facts(refund), fully_refunded: in_full };
    outbox::emit(db, shop, env, &[Event::OrderRefunded(facts)]).await?;
    if order.mail {
        outbox::queue_mail(db, shop, env, Template::OrderRefunded, *refund.id, &order.customer_email).await?;
    }
    Ok(())
}

/// Of an order refunded in full: licenses are revoked, links to files end by themselves, what was not delivered is not
/// delivered any more, so that it waits for no codes, and counted stock comes back (R10).
async fn take_back(db: &mut PgConnection, shop: Tenant, env: &Env, order: &Order, all: &mut [Item]) -> Result<()> {
    licenses::revoke_of_order(db, shop, env, *order.id).await?;
    let mut undelivered: Vec<&mut Item> =
        all.iter_mut().filter(|item| item.delivery != DeliveryState::Delivered).collect();
    for item in &mut undelivered {
        item.settle(DeliveryState::Cancelled, None);
    }
    if !undelivered.is_empty() {
        items::set_delivery(db, shop, &undelivered).await?;
    }
    release_counted(db, shop, all).await
}

/// The amount can be refunded anew.
async fn fail(db: &mut PgConnection, shop: Tenant, env: &Env, refund: &Refund, order: &Order) -> Result<()> {
    sql::keep(db, shop.uuid(), *order.id, refund.amount.get(), env.now()).await?;
    ledger::void(db, shop, env, refund.transfer, &source(order)).await
}

fn facts(refund: &Refund) -> RefundFacts {
    RefundFacts {
        id: *refund.id,
        order_id: *refund.order,
        status: refund.status.word(),
        amount_cents: refund.amount.get(),
        reason: refund.reason.word(),
        destination_tx: refund.destination_tx.clone(),
        created_at: refund.created_at(),
    }
}
