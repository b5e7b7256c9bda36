//! Orders, from the checkout to the codes in the buyer's hands.
//!
//! `awaiting_payment → paid → delivering → completed`, `awaiting_payment → failed`, and back from
//! `failed` only where it had expired and the money came after all (R13); `refunded` once all of it went back. Every move locks the order's
//! row first and repeats its guard in SQL, so that payment and expiry see each other's result.

mod buyer;
mod checkout;
mod delivery;
mod download;
mod expiry;
mod goods;
mod handover;
mod items;
mod licensing;
mod link;
mod payment;
mod receipt;
mod refunds;
mod resend;
mod sql;
mod state;
mod top_up;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use buyer::{Opened, admit};
pub use checkout::{ITEMS_MAX, Line, NewOrder, QUANTITY_MAX, RESERVED_FOR, open};
pub use delivery::{Waiting, hand_out, lock_waiting};
pub use download::download;
pub use expiry::{expire_due, shops_with_expired};
pub use goods::{Download, Goods, goods};
pub use handover::{complete_item, fail_item, fulfill, owes, retry_delivery};
pub use items::{Item, ItemId, Method, pools_awaited, shops_awaiting_stock};
pub use link::LINK_LIVES;
pub use payment::{ByShop, complete, pay};
pub use receipt::receive;
pub use refunds::{
    DueRefund, NewRefund, Reason, Refund, RefundId, RefundStatus, Refunded, end_refund, lease_refunds, open_refunds,
    refund, refund_by_id, refunds_of, shops_with_refunds_due, wait_for_operator,
};
pub use resend::{RESENDS_AN_HOUR, Resent, resend};
pub use state::{DeliveryState, Failure, Status};
pub use top_up::{TOP_UP_OPEN_FOR, TopUp, auto_top_up, top_up, top_ups};

use super::customers::CustomerId;
use super::outbox::OrderFacts;
use super::payments::Gateway;
use super::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::money::{Cents, Currency};
use crate::kit::page::{Page, Place, Window};

pub type OrderId = Id<Order>;

/// What a top-up delivers, beside the types of products.
const TOP_UP: &str = "top_up";

#[derive(Clone, Debug)]
pub struct Order {
    pub id: OrderId,
    pub status: Status,
    pub failure: Option<Failure>,
    pub customer: CustomerId,
    pub customer_email: String,
    pub currency: Currency,
    pub subtotal: Cents,
    pub discount: Cents,
    pub total: Cents,
    pub refunded: Cents,
    /// What refunds that are on their way will give back, or not.
    pub refunding: Cents,
    pub gateway: Option<Gateway>,
    pub payment: Option<Payment>,
    pub return_url: Option<String>,
    /// What the shop wrote when it completed or handed over the order itself.
    pub note: Option<String>,
    /// Whether the buyer is told by mail.
    pub mail: bool,
    /// Whose balance it tops up: such an order has no items.
    pub top_up: Option<TopUp>,
    pub expires_at: DateTime<Utc>,
    pub paid_at: Option<DateTime<Utc>>,
}

impl Entity for Order {
    const PREFIX: &'static str = "ord";
}

/// How an order was paid; chain, asset and transaction only where a chain carried it.
#[derive(Clone, Debug)]
pub struct Payment {
    pub provider: String,
    pub chain: Option<String>,
    pub asset: Option<String>,
    pub tx_hash: Option<String>,
}

/// Delivery of an order as a whole: of its first item's kind, and as far as its slowest item.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    pub kind: &'a str,
    pub state: DeliveryState,
    pub delivered_at: Option<DateTime<Utc>>,
}

/// What narrows a list. Bounds are of creation, `from` included and `until` not.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub statuses: Vec<Status>,
    pub customer: Option<CustomerId>,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

pub async fn list(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    filter: &Filter,
    window: Window<Order>,
    place: &Place,
) -> Result<Page<Order>> {
    let statuses: Vec<String> = filter.statuses.iter().map(|s| s.word().to_owned()).collect();
    let statuses = (!statuses.is_empty()).then_some(statuses.as_slice());
    // An order's creation is in its id, so one index serves order, cursor and both bounds.
    let from = filter.from.map_or(Uuid::nil(), |at| *OrderId::earliest(at));
    let until = [filter.until.map(|at| *OrderId::earliest(at)), window.after()].into_iter().flatten().min();
    let customer = filter.customer.map(Id::uuid);
    let ids = (from, until.unwrap_or(Uuid::max()));
    let rows = sql::list(db, shop.uuid(), statuses, customer, ids, window.rows()).await?;
    let orders = rows.into_iter().map(Order::try_from).collect::<Result<_>>()?;
    Ok(Page::cut(orders, &window, place, &env.vault, |order| *order.id))
}

/// An order and its items.
pub async fn get(db: &mut PgConnection, shop: Tenant, id: OrderId) -> Result<(Order, Vec<Item>)> {
    let row = sql::by_id(db, shop.uuid(), *id).await?;
    let order = row.map(Order::try_from).ok_or(Error::NotFound("order"))??;
    let items = items::of_orders(db, shop, &[id]).await?;
    Ok((order, items))
}

/// The items of these orders.
pub async fn items_of(db: &mut PgConnection, shop: Tenant, orders: &[OrderId]) -> Result<Vec<Item>> {
    items::of_orders(db, shop, orders).await
}

/// What only one surface shows.
#[derive(Clone, Debug)]
pub struct Details {
    /// What the buyer was asked at the checkout.
    pub custom_fields: BTreeMap<String, String>,
    pub updated_at: DateTime<Utc>,
}

pub async fn details(db: &mut PgConnection, shop: Tenant, orders: &[OrderId]) -> Result<HashMap<OrderId, Details>> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.uuid()).collect();
    let read = |row: sql::DetailsRow| {
        let fault = |e| Error::Internal(format!("order {}: {e}", row.id));
        let custom_fields = serde_json::from_value(row.custom_fields).map_err(fault)?;
        Ok((OrderId::from(row.id), Details { custom_fields, updated_at: row.updated_at }))
    };
    sql::details(db, shop.uuid(), &ids).await?.into_iter().map(read).collect()
}

/// The newest `limit` paid orders of a customer.
pub async fn paid_by(db: &mut PgConnection, shop: Tenant, customer: CustomerId, limit: i64) -> Result<Vec<Order>> {
    let rows = sql::paid_by(db, shop.uuid(), *customer, limit).await?;
    rows.into_iter().map(Order::try_from).collect()
}

/// The order, its row locked until the transaction ends, and its items.
async fn lock(db: &mut PgConnection, shop: Tenant, id: OrderId) -> Result<(Order, Vec<Item>)> {
    let row = sql::lock(db, shop.uuid(), *id).await?;
    let order = row.map(Order::try_from).ok_or(Error::NotFound("order"))??;
    let items = items::of_orders(db, shop, &[id]).await?;
    Ok((order, items))
}

impl Payment {
    /// Through a gateway that names no transaction.
    fn through(gateway: Gateway) -> Self {
        Self { provider: gateway.word().to_owned(), chain: None, asset: None, tx_hash: None }
    }
}

impl Order {
    /// Waits for its payment, within its time.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::Pending | Status::AwaitingPayment)
    }

    /// Money that comes now pays it: also after it merely ran out of time (R13).
    #[must_use]
    pub fn is_payable(&self) -> bool {
        self.is_open() || (self.status == Status::Failed && self.failure.is_some_and(Failure::may_revive))
    }

    /// What may still be refunded: paid, and neither given back nor on its way.
    #[must_use]
    pub fn refundable(&self) -> Cents {
        let left = self.total.plus(self.refunded.negated()).and_then(|left| left.plus(self.refunding.negated()));
        left.filter(|_| self.status.is_paid()).unwrap_or(Cents::ZERO)
    }

    /// Whether all that was paid is on its way back: nothing more is handed out, unless that fails.
    #[must_use]
    pub fn is_going_back(&self) -> bool {
        self.refunding > Cents::ZERO && self.refundable() == Cents::ZERO
    }

    #[must_use]
    pub fn created_at(&self) -> DateTime<Utc> {
        self.id.created_at()
    }

    fn facts(&self) -> OrderFacts {
        OrderFacts {
            id: *self.id,
            status: self.status.word(),
            total_cents: self.total.get(),
            currency: self.currency.code(),
            customer_email: self.customer_email.clone(),
            paid_at: self.paid_at,
        }
    }
}

/// Delivery of the whole, of items in their order. A top-up has none: its payment is its delivery.
#[must_use]
pub fn delivery_of<'a>(order: &Order, items: &'a [Item]) -> Delivery<'a> {
    if order.top_up.is_some() {
        let delivered_at = order.paid_at.filter(|_| order.status.is_paid());
        let state = if delivered_at.is_some() { DeliveryState::Delivered } else { DeliveryState::Pending };
        return Delivery { kind: TOP_UP, state, delivered_at };
    }
    let state = items.iter().map(|item| item.delivery).max().unwrap_or(DeliveryState::Pending);
    let delivered = state == DeliveryState::Delivered;
    Delivery {
        kind: items.first().map_or("", |item| item.kind.as_str()),
        state,
        delivered_at: items.iter().filter_map(|item| item.delivered_at).max().filter(|_| delivered),
    }
}
