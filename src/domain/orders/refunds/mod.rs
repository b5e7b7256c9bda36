//! Refunds: money goes back the way it came (R18). Asking for one holds its amount at once, so that refunds at the
//! same time cannot give back more than was paid; its gateway is asked afterwards, outside of any transaction, and
//! what came of it is recorded by [`end_refund`], once.

mod end;
mod lease;
mod sql;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use end::end_refund;
pub use lease::{DueRefund, lease_refunds, shops_with_refunds_due, wait_for_operator};

use super::{DeliveryState, Item, Method, Order, OrderId};
use crate::domain::ledger::{self, Account, Kind, Purpose, Transfer, TransferId};
use crate::domain::outbox;
use crate::domain::payments::Gateway;
use crate::domain::resellers;
use crate::domain::shops::Tenant;
use crate::error::{Error, OnConstraint as _, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::money::Cents;

pub type RefundId = Id<Refund>;

#[derive(Clone, Debug)]
pub struct Refund {
    pub id: RefundId,
    pub order: OrderId,
    pub amount: Cents,
    pub reason: Reason,
    /// For the shop alone.
    pub note: Option<String>,
    pub status: RefundStatus,
    /// Through which the order was paid.
    pub gateway: Gateway,
    pub destination_tx: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    pub ended_at: Option<DateTime<Utc>>,
    /// What holds its amount.
    transfer: TransferId,
}

impl Entity for Refund {
    const PREFIX: &'static str = "rf";
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    /// Its amount is held, and on its way.
    Processing,
    Completed,
    /// Nothing went out; its amount can be refunded anew.
    Failed,
}

impl RefundStatus {
    const WORDS: &'static [(&'static str, Self)] =
        &[("processing", Self::Processing), ("completed", Self::Completed), ("failed", Self::Failed)];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, s)| *s == self).map_or("", |(word, _)| word)
    }

    fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, s)| *s)
    }
}

/// Why the shop gives money back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    RequestedByBuyer,
    Duplicate,
    Fraud,
    Other,
}

impl Reason {
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("requested_by_buyer", Self::RequestedByBuyer),
        ("duplicate", Self::Duplicate),
        ("fraud", Self::Fraud),
        ("other", Self::Other),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, r)| *r == self).map_or("", |(word, _)| word)
    }

    fn of(word: &str) -> Self {
        Self::WORDS.iter().find(|(w, _)| *w == word).map_or(Self::Other, |(_, reason)| *reason)
    }
}

#[derive(Clone, Debug)]
pub struct NewRefund {
    /// All that is still refundable, unless said.
    pub amount: Option<Cents>,
    pub reason: Reason,
    pub note: Option<String>,
}

/// A refund just begun, and what it cannot take back.
#[derive(Debug)]
pub struct Refunded {
    pub refund: Refund,
    /// Items of an order refunded in full whose goods the buyer has seen, or holds, for good.
    pub irrevocable: Vec<Item>,
}

/// Begins a refund and holds its amount.
///
/// # Errors
/// [`Error::Invalid`] on `amount_cents` where the order is not paid, or less is left to be refunded; of a top-up, where
/// the reseller has spent it.
pub async fn refund(db: &mut PgConnection, shop: Tenant, env: &Env, id: OrderId, new: NewRefund) -> Result<Refunded> {
    let (mut order, items) = super::lock(db, shop, id).await?;
    let left = order.refundable();
    let amount = new.amount.unwrap_or(left);
    let beyond = || beyond(&order, left);
    let paid_through = order.payment.as_ref().and_then(|payment| Gateway::of(&payment.provider));
    let gateway = paid_through.filter(|_| left > Cents::ZERO).ok_or_else(beyond)?;
    sql::hold(db, shop.uuid(), *order.id, amount.get(), env.now())
        .await
        .on_constraint("orders_refund_within_total", beyond)?;

    let refund = env.id::<Refund>();
    let held = Transfer::between(
        Purpose::Refund,
        *refund,
        order.currency,
        source(&order),
        Account::recording(Kind::Clearing, gateway.word()),
        amount,
    );
    let transfer = ledger::hold(db, shop, env, &held).await.map_err(spent)?;
    let refund = Refund {
        id: refund,
        order: order.id,
        amount,
        reason: new.reason,
        note: new.note,
        status: RefundStatus::Processing,
        gateway,
        destination_tx: None,
        error: None,
        ended_at: None,
        transfer,
    };
    sql::insert(db, shop.uuid(), &refund, env.now()).await?;
    order.refunding = order.refunding.plus(amount).unwrap_or(order.refunding);
    tell_of_low_balance(db, shop, env, &order, amount).await?;
    let in_full = order.refundable() == Cents::ZERO;
    let irrevocable = items.into_iter().filter(|item| in_full && is_irrevocable(item)).collect();
    Ok(Refunded { refund, irrevocable })
}

/// # Errors
/// [`Error::NotFound`].
pub async fn refund_by_id(db: &mut PgConnection, shop: Tenant, id: RefundId) -> Result<Refund> {
    let order = order_of(db, shop, id).await?;
    let found = refunds_of(db, shop, order).await?.into_iter().find(|refund| refund.id == id);
    found.ok_or(Error::NotFound("refund"))
}

/// The refunds of an order, oldest first.
pub async fn refunds_of(db: &mut PgConnection, shop: Tenant, order: OrderId) -> Result<Vec<Refund>> {
    sql::of_order(db, shop.uuid(), *order).await?.into_iter().map(Refund::try_from).collect()
}

/// The refunds of a shop that are processing, oldest first, up to `limit`: for its operator.
pub async fn open_refunds(db: &mut PgConnection, shop: Tenant, limit: i64) -> Result<Vec<Refund>> {
    sql::processing(db, shop.uuid(), limit).await?.into_iter().map(Refund::try_from).collect()
}

/// Where the money of an order is in the books.
fn source(order: &Order) -> Account {
    match order.top_up {
        Some(top_up) => ledger::prepaid(*top_up.reseller),
        None => Account::recording(Kind::Sales, ""),
    }
}

fn beyond(order: &Order, left: Cents) -> Error {
    let words = match order.status {
        _ if left > Cents::ZERO => {
            format!("must be at most {}, which is what is left of {}", left.get(), order.total.get())
        }
        super::Status::Refunded => "can be nothing: the order is refunded already".to_owned(),
        status if status.is_paid() => "can be nothing: all of it is refunded, or about to be".to_owned(),
        status => format!("can be nothing: the order is {}, not paid", status.word()),
    };
    Error::invalid("amount_cents", words)
}

fn spent(error: Error) -> Error {
    match error {
        Error::InsufficientFunds => {
            Error::invalid("amount_cents", "is more than the reseller has left in the balance that was topped up")
        }
        other => other,
    }
}

/// A balance from which a top-up was taken back may have fallen below one of its thresholds.
async fn tell_of_low_balance(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    order: &Order,
    taken: Cents,
) -> Result<()> {
    let Some(top_up) = order.top_up else { return Ok(()) };
    let reseller = resellers::get(db, shop, top_up.reseller).await?;
    let (after, currency) = resellers::balance(db, shop, top_up.reseller).await?;
    let before = after.plus(taken).unwrap_or(after);
    outbox::emit(db, shop, env, &reseller.low_balance(shop, before, after, currency)).await
}

/// Goods that the buyer has for good: a code that no license makes worthless, a text, or a thing.
fn is_irrevocable(item: &Item) -> bool {
    let seen = match item.method {
        Method::Codes => !item.licensed,
        Method::Text | Method::Dynamic | Method::Merchant => true,
        Method::File | Method::Access => false,
    };
    seen && item.delivery == DeliveryState::Delivered
}

impl Refund {
    #[must_use]
    pub fn created_at(&self) -> DateTime<Utc> {
        self.id.created_at()
    }
}

impl TryFrom<sql::Row> for Refund {
    type Error = Error;

    fn try_from(row: sql::Row) -> Result<Self> {
        let fault = || Error::Internal(format!("refund {} cannot be read", row.id));
        Ok(Self {
            id: Id::from(row.id),
            order: Id::from(row.order_id),
            amount: Cents::new(row.amount_cents).ok_or_else(fault)?,
            reason: Reason::of(&row.reason),
            note: row.note,
            status: RefundStatus::of(&row.status).ok_or_else(fault)?,
            gateway: Gateway::of(&row.gateway).ok_or_else(fault)?,
            destination_tx: row.destination_tx,
            error: row.error,
            ended_at: row.ended_at,
            transfer: Id::from(row.transfer_id),
        })
    }
}

/// The id of the order that a refund is of.
///
/// # Errors
/// [`Error::NotFound`] for a refund that this shop does not have.
async fn order_of(db: &mut PgConnection, shop: Tenant, id: RefundId) -> Result<OrderId> {
    let order: Option<Uuid> = sql::order_of(db, shop.uuid(), *id).await?;
    order.map(Id::from).ok_or(Error::NotFound("refund"))
}
