//! Double entry: accounts and transfers. A credit is positive and a debit negative, so the entries of
//! a transfer sum to zero. Entries are only ever inserted; the database refuses anything else.
//!
//! A *held* account decides: its row is locked, each entry carries version and balance after, and the
//! balance may not fall below zero. A *recording* account only remembers: a transfer appends to it and
//! updates nothing, so no sale waits on a shop's row; the worker folds its entries into a total.

mod account;
mod group;
mod payable;
mod sql;
mod statement;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use account::{Account, Kind};
pub use group::Group;
pub use payable::{collect, payable};
pub use statement::{Line, LineKind, statement};

use super::shops::Tenant;
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::money::{Cents, Currency};

pub type TransferId = Id<Transfer>;

/// What a transfer is for. One of a kind for each reference, settled by the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Sale,
    TopUp,
    Refund,
    /// What the shop has taken in becomes what it can be paid out.
    Settlement,
    Payout,
    Fulfillment,
    Adjustment,
}

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::TopUp => "top_up",
            Self::Refund => "refund",
            Self::Settlement => "settlement",
            Self::Payout => "payout",
            Self::Fulfillment => "fulfillment",
            Self::Adjustment => "adjustment",
        }
    }

    fn of(word: &str) -> Option<Self> {
        use Purpose::{Adjustment, Fulfillment, Payout, Refund, Sale, Settlement, TopUp};
        let all = [Sale, TopUp, Refund, Settlement, Payout, Fulfillment, Adjustment];
        all.into_iter().find(|purpose| purpose.word() == word)
    }
}

/// Money that moves, all of it in one currency: each leg credits its account, or debits it below zero.
#[derive(Clone, Debug)]
pub struct Transfer {
    pub purpose: Purpose,
    /// The order, refund or payout it is for.
    pub reference: Uuid,
    pub currency: Currency,
    pub legs: Vec<Leg>,
    /// What the shop says it is for, where nothing else does.
    pub reason: Option<String>,
    /// The API key that it was made with by hand.
    pub made_by: Option<Uuid>,
}

impl Entity for Transfer {
    const PREFIX: &'static str = "tr";
}

#[derive(Clone, Debug)]
pub struct Leg {
    pub account: Account,
    /// Positive credits, negative debits.
    pub amount: Cents,
}

/// One line of an account.
#[derive(Debug)]
pub enum Entry {}

impl Entity for Entry {
    const PREFIX: &'static str = "entry";
}

impl Transfer {
    /// `amount` out of one account and into another.
    #[must_use]
    pub fn between(
        purpose: Purpose,
        reference: Uuid,
        currency: Currency,
        debit: Account,
        credit: Account,
        amount: Cents,
    ) -> Self {
        let legs = vec![Leg { account: debit, amount: amount.negated() }, Leg { account: credit, amount }];
        Self { purpose, reference, currency, legs, reason: None, made_by: None }
    }

    /// Says who made it by hand, and why.
    #[must_use]
    pub fn by_hand(self, key: Uuid, reason: String) -> Self {
        Self { reason: Some(reason), made_by: Some(key), ..self }
    }

    fn check(&self) -> Result<()> {
        let sum: i128 = self.legs.iter().map(|leg| i128::from(leg.amount.get())).sum();
        if sum == 0 {
            return Ok(());
        }
        Err(Error::Internal(format!("a {} transfer is off by {sum}", self.purpose.word())))
    }
}

/// What a reseller has paid in, of a relationship.
#[must_use]
pub fn prepaid(relationship: Uuid) -> Account {
    Account::held(Kind::Prepaid, relationship.to_string())
}

/// Posts a transfer, whole or not at all.
///
/// # Errors
/// [`Error::InsufficientFunds`] where a held account would fall below zero;
/// [`Conflict::WrongState`] where the reference has such a transfer already.
pub async fn post(db: &mut PgConnection, shop: Tenant, env: &Env, transfer: &Transfer) -> Result<TransferId> {
    let id = open_transfer(db, shop, env, transfer, "posted").await?;
    enter(db, shop, env, id, transfer.currency, &transfer.legs).await?;
    Ok(id)
}

/// Takes a transfer's debits now and keeps them until it is [`settle`]d or [`void`]ed; where its credits
/// go is said then.
///
/// # Errors
/// As [`post`].
pub async fn hold(db: &mut PgConnection, shop: Tenant, env: &Env, transfer: &Transfer) -> Result<TransferId> {
    let id = open_transfer(db, shop, env, transfer, "pending").await?;
    let keep = |leg: &Leg| {
        let kept = if leg.amount < Cents::ZERO { leg.account.clone() } else { Account::recording(Kind::Pending, "") };
        Leg { account: kept, amount: leg.amount }
    };
    let legs: Vec<Leg> = transfer.legs.iter().map(keep).collect();
    enter(db, shop, env, id, transfer.currency, &legs).await?;
    Ok(id)
}

/// Ends a pending transfer: what it held goes `to` its goal.
///
/// # Errors
/// [`Conflict::WrongState`] where it is not pending.
pub async fn settle(db: &mut PgConnection, shop: Tenant, env: &Env, id: TransferId, to: &Account) -> Result<()> {
    release(db, shop, env, id, to, "posted").await
}

/// Ends a pending transfer: what it held goes `back` where it came from.
///
/// # Errors
/// [`Conflict::WrongState`] where it is not pending.
pub async fn void(db: &mut PgConnection, shop: Tenant, env: &Env, id: TransferId, back: &Account) -> Result<()> {
    release(db, shop, env, id, back, "voided").await
}

async fn release(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: TransferId,
    to: &Account,
    state: &str,
) -> Result<()> {
    let wrong = || Error::Conflict(Conflict::WrongState("the transfer is not pending".into()));
    let currency = sql::end(db, shop.uuid(), *id, state, env.now()).await?.ok_or_else(wrong)?;
    let currency = Currency::parse(&currency).ok_or_else(|| Error::Internal("a transfer without currency".into()))?;
    let pending = Account::recording(Kind::Pending, "");
    let held = sql::entered(db, shop.uuid(), *id, pending.id(shop, currency)).await?;
    let held = Cents::new(held).ok_or_else(|| Error::Internal("a transfer beyond all bounds".into()))?;
    let legs = [Leg { account: pending, amount: held.negated() }, Leg { account: to.clone(), amount: held }];
    enter(db, shop, env, id, currency, &legs).await
}

async fn open_transfer(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    transfer: &Transfer,
    state: &str,
) -> Result<TransferId> {
    transfer.check()?;
    let id = env.id::<Transfer>();
    sql::open(db, shop.uuid(), *id, transfer, state, env.now()).await?;
    Ok(id)
}

/// Writes the entries. Held accounts first, in id order, which is the lock order of the house.
async fn enter(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    transfer: TransferId,
    currency: Currency,
    legs: &[Leg],
) -> Result<()> {
    let mut entries = sql::Entries::default();
    let mut held: Vec<(Uuid, &Leg)> =
        legs.iter().filter(|leg| leg.account.held).map(|leg| (leg.account.id(shop, currency), leg)).collect();
    held.sort_unstable_by_key(|(id, _)| *id);
    for (account, leg) in held {
        let amount = leg.amount.get();
        let chain = if amount < 0 {
            sql::debit_held(db, shop.uuid(), account, -amount).await?
        } else {
            sql::credit_held(db, shop.uuid(), account, &leg.account, currency.code(), amount).await?
        };
        entries.push(*env.id::<Entry>(), account, amount, Some(chain));
    }
    for leg in legs.iter().filter(|leg| !leg.account.held) {
        let account = leg.account.id(shop, currency);
        entries.push(*env.id::<Entry>(), account, leg.amount.get(), None);
        entries.account(account, &leg.account);
    }
    Ok(sql::enter(db, shop.uuid(), *transfer, currency.code(), &entries, env.now()).await?)
}

/// What an account holds: credits less debits.
pub async fn balance(db: &mut PgConnection, shop: Tenant, account: &Account, currency: Currency) -> Result<i64> {
    Ok(sql::balance(db, shop.uuid(), account.id(shop, currency)).await?)
}

/// What several held accounts hold, in the order in which they are asked for.
pub async fn balances(
    db: &mut PgConnection,
    shop: Tenant,
    accounts: &[Account],
    currency: Currency,
) -> Result<Vec<i64>> {
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id(shop, currency)).collect();
    Ok(sql::balances(db, shop.uuid(), &ids).await?)
}

/// What it held at `instant`, all of that instant included.
pub async fn balance_at(
    db: &mut PgConnection,
    shop: Tenant,
    account: &Account,
    currency: Currency,
    instant: DateTime<Utc>,
) -> Result<i64> {
    Ok(sql::balance_at(db, shop.uuid(), account.id(shop, currency), instant).await?)
}

/// Shops with entries to fold, made at `since` or later. Folding the young ones alone spares the worker those that
/// are folded already, and that an old snapshot keeps in the index.
pub async fn shops_to_fold(db: &mut PgConnection, since: DateTime<Utc>) -> Result<Vec<Tenant>> {
    Ok(sql::shops_to_fold(db, *Id::<Entry>::earliest(since)).await?.into_iter().map(Tenant::new).collect())
}

/// Open entries that one statement folds, within its time.
pub const FOLDED_AT_ONCE: u64 = 10_000;

/// Adds up to [`FOLDED_AT_ONCE`] open entries of a shop to their accounts' totals; answers how many.
pub async fn fold(db: &mut PgConnection, shop: Tenant, since: DateTime<Utc>) -> Result<u64> {
    Ok(sql::fold(db, shop.uuid(), *Id::<Entry>::earliest(since), FOLDED_AT_ONCE.cast_signed()).await?)
}

/// Gives the rest of this transaction the time that a look at whole tables takes: minutes, where they have grown.
pub async fn allow_time(db: &mut PgConnection) -> Result<()> {
    Ok(sql::allow_time(db).await?)
}

/// Every broken law of the books, in words. There must be none, ever.
pub async fn broken_laws(db: &mut PgConnection) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for view in sql::laws(db).await? {
        let rows = sql::count(db, &view).await?;
        if rows > 0 {
            let law = view.trim_start_matches("books_").replace('_', " ");
            broken.push(format!("{law}: broken by {rows} rows (select * from {view})"));
        }
    }
    Ok(broken)
}
