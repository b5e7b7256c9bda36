//! A gateway's telling meets its order: what is wrong is written down and pays nothing.

use sqlx::PgConnection;

use super::{Order, OrderId, Payment, payment};
use crate::domain::payments::{self, Outcome, PaymentEvent, Verdict};
use crate::domain::serials::Cursors;
use crate::error::Result;
use crate::kit::env::Env;

/// Takes in what a gateway says. Telling it again, or in another order, changes nothing.
///
/// # Errors
/// [`NotFound`](crate::error::Error::NotFound) for an order that the shop does not have.
pub async fn receive(db: &mut PgConnection, env: &Env, cursors: &Cursors, event: &PaymentEvent) -> Result<Verdict> {
    let shop = event.order.shop;
    let (mut order, items) = super::lock(db, shop, OrderId::from(event.order.order)).await?;
    let verdict = judge(&order, event);
    if !payments::record(db, env, event, verdict).await? {
        return Ok(Verdict::Repeated);
    }
    match verdict {
        Verdict::Paid => {
            order.payment = Some(paid_by(event));
            payment::settle(db, shop, env, cursors, order, items).await?;
        }
        Verdict::Declined => {
            payment::decline(db, shop, env, cursors, order, &items).await?;
        }
        _ => tracing::warn!(order = %order.id, verdict = verdict.word(), "a payment event changed nothing"),
    }
    Ok(verdict)
}

/// What an event means for the order as it stands.
fn judge(order: &Order, event: &PaymentEvent) -> Verdict {
    match event.outcome {
        _ if order.gateway != Some(event.gateway) => Verdict::WrongGateway,
        Outcome::Succeeded if event.currency != order.currency => Verdict::WrongCurrency,
        Outcome::Succeeded if event.amount != order.total => Verdict::WrongAmount,
        Outcome::Succeeded if order.status.is_paid() => Verdict::AlreadyPaid,
        Outcome::Succeeded if order.is_payable() => Verdict::Paid,
        Outcome::Declined if order.is_open() => Verdict::Declined,
        _ => Verdict::NotPayable,
    }
}

fn paid_by(event: &PaymentEvent) -> Payment {
    let tx = event.tx.as_ref();
    Payment {
        provider: event.gateway.word().to_owned(),
        chain: tx.map(|tx| tx.chain.clone()),
        asset: tx.map(|tx| tx.asset.clone()),
        tx_hash: tx.map(|tx| tx.hash.clone()),
    }
}
