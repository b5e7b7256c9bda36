//! What a relationship has paid in: when it is told that little is left, when an invoice is opened by itself, and what the shop
//! puts right by hand.

mod sql;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{BalanceAlerts, Reseller, ResellerId, Status};
use crate::domain::keys::KeyId;
use crate::domain::ledger::{self, Account, Kind, Purpose, Transfer, prepaid};
use crate::domain::outbox::{self, BalanceLowFacts, Event};
use crate::domain::shops::{self, Tenant};
use crate::error::{Error, OnConstraint as _, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::money::{Cents, Currency};

/// Of one top-up (ours): below it a payment costs more than it brings.
pub const TOP_UP_CENTS_MIN: i64 = 100;
/// Of one top-up, and of one adjustment either way (ours): a slip of the hand, not a sum that anyone pays at once.
pub const TOP_UP_CENTS_MAX: i64 = 10_000_000;
/// Thresholds of one balance (ours).
pub const THRESHOLDS_MAX: usize = 10;
/// Due invoices that one step of the worker opens.
const DUE_A_BATCH: i64 = 100;

/// Something that a shop put right by hand.
#[derive(Debug)]
pub enum Adjustment {}

impl Entity for Adjustment {
    const PREFIX: &'static str = "adj";
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct AlertsPatch {
    pub auto_top_up: Option<bool>,
    pub below: Option<Cents>,
    pub amount: Option<Cents>,
    /// At most [`THRESHOLDS_MAX`], each above zero.
    pub low: Option<Vec<Cents>>,
}

impl BalanceAlerts {
    /// Thresholds that a balance fell through: it was at or above, and is below.
    pub fn fallen_through(&self, before: Cents, after: Cents) -> impl Iterator<Item = Cents> {
        self.low.iter().copied().filter(move |threshold| before >= *threshold && after < *threshold)
    }

    /// Whether anything is to be watched.
    #[must_use]
    pub const fn any(&self) -> bool {
        !self.low.is_empty() || self.auto_top_up.is_some()
    }

    #[must_use]
    pub fn wants_top_up(&self, balance: Cents) -> bool {
        self.auto_top_up.is_some_and(|top_up| balance < top_up.below)
    }
}

impl Reseller {
    /// What is told when a balance in the shop's currency goes from one amount to another.
    #[must_use]
    pub fn low_balance(&self, shop: Tenant, before: Cents, after: Cents, currency: Currency) -> Vec<Event> {
        let told = |threshold: Cents| {
            Event::ResellerBalanceLow(BalanceLowFacts {
                shop_id: shop.uuid(),
                reseller_relationship_id: *self.id,
                reseller_email: self.email.clone(),
                threshold_cents: threshold.get(),
                balance_cents: after.get(),
                currency: currency.code(),
            })
        };
        self.alerts.fallen_through(before, after).map(told).collect()
    }
}

/// What a relationship holds, in the shop's currency.
pub async fn balance(db: &mut PgConnection, shop: Tenant, reseller: ResellerId) -> Result<(Cents, Currency)> {
    let currency = shops::get(db, shop).await?.currency;
    let held = ledger::balance(db, shop, &prepaid(*reseller), currency).await?;
    let held = Cents::new(held).ok_or_else(|| Error::Internal("a balance beyond all bounds".into()))?;
    Ok((held, currency))
}

/// Credits, or debits below zero, a balance by hand: by whose key, and why, is kept. Answers what is left.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::InsufficientFunds`] where it takes more than there is.
pub async fn adjust(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: ResellerId,
    amount: Cents,
    (key, reason): (KeyId, String),
) -> Result<(Id<Adjustment>, Cents)> {
    if amount == Cents::ZERO || amount.get().abs() > TOP_UP_CENTS_MAX {
        return Err(Error::invalid("amount", "must be more or less than nothing, within what one top-up may be"));
    }
    let reseller = super::lock_all(db, shop, &[id]).await?.pop().ok_or(Error::NotFound("reseller"))?;
    let currency = shops::get(db, shop).await?.currency;
    let adjustment = env.id::<Adjustment>();
    let other = Account::recording(Kind::Adjustments, "");
    let transfer = Transfer::between(Purpose::Adjustment, *adjustment, currency, other, prepaid(*id), amount)
        .by_hand(*key, reason);
    ledger::post(db, shop, env, &transfer).await?;
    let (after, _) = balance(db, shop, id).await?;
    let before = after.plus(amount.negated()).unwrap_or(after);
    outbox::emit(db, shop, env, &reseller.low_balance(shop, before, after, currency)).await?;
    if reseller.alerts.wants_top_up(after) {
        mark_top_up_due(db, shop, &[id]).await?;
    }
    Ok((adjustment, after))
}

/// Sets when a balance is told of, and when an invoice is opened by itself; one that is below already gets
/// its invoice now.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] where it is switched on without amount or threshold.
pub async fn set_alerts(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: ResellerId,
    mut patch: AlertsPatch,
) -> Result<Reseller> {
    if let Some(low) = &mut patch.low {
        low.sort_unstable();
        low.dedup();
    }
    let half = || Error::invalid("enabled", "needs a threshold above zero and an amount");
    let done = sql::set_alerts(db, shop.uuid(), *id, &patch, env.now()).await;
    if !done.on_constraint("resellers_auto_top_up_is_whole", half)? {
        return Err(Error::NotFound("reseller"));
    }
    let reseller = super::get(db, shop, id).await?;
    if reseller.alerts.wants_top_up(balance(db, shop, id).await?.0) {
        mark_top_up_due(db, shop, &[id]).await?;
    }
    Ok(reseller)
}

/// Says that these fell below their thresholds; the worker opens their invoices. Saying it again changes nothing.
pub async fn mark_top_up_due(db: &mut PgConnection, shop: Tenant, ids: &[ResellerId]) -> Result<()> {
    let mut ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    ids.sort_unstable(); // two that mark the same cannot wait for each other
    Ok(sql::mark_top_up_due(db, shop.uuid(), &ids).await?)
}

/// Shops in which somebody is topped up by itself.
pub async fn shops_with_auto_top_ups(db: &mut PgConnection) -> Result<Vec<Tenant>> {
    Ok(sql::shops_with_auto_top_ups(db).await?.into_iter().map(Tenant::new).collect())
}

/// Says it of all of a shop who are below: of whose invoice came to nothing, or could not be opened then, nobody else
/// would say it again.
pub async fn remark_top_ups_due(db: &mut PgConnection, shop: Tenant) -> Result<()> {
    let currency = shops::get(db, shop).await?.currency;
    let wanted = sql::auto_top_ups(db, shop.uuid()).await?;
    let accounts: Vec<Account> = wanted.iter().map(|(id, _)| prepaid(*id)).collect();
    let balances = ledger::balances(db, shop, &accounts, currency).await?;
    let below = wanted.into_iter().zip(balances).filter(|((_, below), balance)| balance < below);
    let below: Vec<ResellerId> = below.map(|((id, _), _)| Id::from(id)).collect();
    if below.is_empty() { Ok(()) } else { mark_top_up_due(db, shop, &below).await }
}

/// Shops in which somebody is due.
pub async fn shops_with_top_ups_due(db: &mut PgConnection) -> Result<Vec<Tenant>> {
    Ok(sql::shops_with_top_ups_due(db).await?.into_iter().map(Tenant::new).collect())
}

/// Takes who is due off the list: how many that were, and those of them that are active and still below. In the
/// transaction that opens their invoices, so that nobody is forgotten in between.
pub async fn take_top_ups_due(db: &mut PgConnection, shop: Tenant) -> Result<(usize, Vec<Reseller>)> {
    let taken = sql::take_top_ups_due(db, shop.uuid(), DUE_A_BATCH).await?;
    let mut due = Vec::new();
    for id in &taken {
        let reseller = super::get(db, shop, ResellerId::from(*id)).await?;
        let (held, _) = balance(db, shop, reseller.id).await?;
        if reseller.status == Status::Active && reseller.alerts.wants_top_up(held) {
            due.push(reseller);
        }
    }
    Ok((taken.len(), due))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_threshold_is_told_of_once_on_the_way_down(
            low in proptest::collection::btree_set(1_i64..1_000, 0..6), steps in proptest::collection::vec(0_i64..300, 1..12),
        ) {
            let cents = |n: i64| Cents::new(n).unwrap();
            let alerts = BalanceAlerts { low: low.iter().copied().map(cents).collect(), auto_top_up: None };
            let (mut balance, mut told) = (1_000_i64, Vec::new());
            for step in steps {
                let after = (balance - step).max(0);
                told.extend(alerts.fallen_through(cents(balance), cents(after)).map(Cents::get));
                balance = after;
            }
            let expected: Vec<i64> = low.into_iter().filter(|threshold| *threshold > balance).collect();
            told.sort_unstable();
            prop_assert_eq!(told, expected);
        }
    }
}
