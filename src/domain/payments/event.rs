//! What a gateway says of a payment, and the record of what came of it.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Gateway, sql};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::json::{Json, Reading, text, wrong};
use crate::kit::money::{Cents, Currency};

/// One telling of one payment, in the house's own words.
#[derive(Clone, Debug)]
pub struct PaymentEvent {
    pub gateway: Gateway,
    /// The gateway's own name of this event; telling it again changes nothing.
    pub reference: String,
    pub order: Reference,
    pub outcome: Outcome,
    pub amount: Cents,
    pub currency: Currency,
    /// Where a chain carried it.
    pub tx: Option<Transaction>,
}

/// A transaction on a chain.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub chain: String,
    pub asset: String,
    pub hash: String,
}

impl Entity for PaymentEvent {
    const PREFIX: &'static str = "pay";
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    Declined,
}

impl Outcome {
    pub const WORDS: &'static [(&'static str, Self)] = &[("succeed", Self::Succeeded), ("fail", Self::Declined)];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeed",
            Self::Declined => "fail",
        }
    }
}

/// Names an order to a provider and comes back with its calls: `<shop>.<order>`, so that the order is
/// found without looking across shops. Only a signed call is believed, so holding one is authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    pub shop: Tenant,
    pub order: Uuid,
}

impl Reference {
    #[must_use]
    pub fn text(shop: Tenant, order: Uuid) -> String {
        format!("{}.{order}", shop.uuid())
    }

    /// # Errors
    /// Where it is not two ids.
    pub fn read(value: Json) -> Reading<Self> {
        let given = text(value)?;
        let ids = given.split_once('.').and_then(|(shop, order)| Some((shop.parse().ok()?, order.parse().ok()?)));
        let (shop, order) = ids.ok_or_else(|| wrong("must be the reference of an order: <shop>.<order>"))?;
        Ok(Self { shop: Tenant::new(shop), order })
    }
}

/// What an event did to its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Paid,
    Declined,
    /// Paid twice: the second sum is for the shop to give back.
    AlreadyPaid,
    /// The order is over: declined, or refunded.
    NotPayable,
    /// The order is paid elsewhere.
    WrongGateway,
    WrongCurrency,
    WrongAmount,
    /// Told before; not written down again.
    Repeated,
}

impl Verdict {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Declined => "declined",
            Self::AlreadyPaid => "already_paid",
            Self::NotPayable => "not_payable",
            Self::WrongGateway => "wrong_gateway",
            Self::WrongCurrency => "wrong_currency",
            Self::WrongAmount => "wrong_amount",
            Self::Repeated => "repeated",
        }
    }
}

/// Writes an event and its verdict down; false where the gateway has told it before.
pub async fn record(db: &mut PgConnection, env: &Env, event: &PaymentEvent, verdict: Verdict) -> Result<bool> {
    let id: Id<PaymentEvent> = env.id();
    Ok(sql::insert(db, event.order.shop.uuid(), *id, event, verdict, env.now()).await?)
}
