//! What a shop can be paid out: everything that it took in and has not paid out or given back, whichever account
//! remembers it. Sales only append; a payout locks the payable account and takes what they left into it.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Account, Kind, Leg, Purpose, Transfer, post, sql};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::money::{Cents, Currency};

/// Where a shop's income is remembered. What it gave to resellers by hand came in nowhere, and counts against it;
/// what resellers paid in and have not spent is theirs, and is not among these.
const INCOME: [Kind; 3] = [Kind::Sales, Kind::Wholesale, Kind::Adjustments];

/// What the shop can be paid out; never below zero.
#[must_use]
pub fn payable() -> Account {
    Account::held(Kind::Payable, "")
}

/// Locks the shop's payable account until the transaction ends, takes all income into it, and answers what it
/// holds: what can be paid out now. Refunds of what was paid out already make that less than nothing; then nothing
/// is moved.
pub async fn collect(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    reference: Uuid,
    currency: Currency,
) -> Result<i64> {
    let beyond = || Error::Internal("an income beyond all bounds".into());
    let account = payable();
    let held = sql::lock_held(db, shop.uuid(), account.id(shop, currency), &account, currency.code()).await?;
    // Folded or not makes no difference: a balance is the total and what is open, in one snapshot.
    let (mut legs, mut income) = (Vec::new(), 0_i64);
    for kind in INCOME {
        let account = Account::recording(kind, "");
        let balance = sql::balance(db, shop.uuid(), account.id(shop, currency)).await?;
        income = income.checked_add(balance).ok_or_else(beyond)?;
        legs.push(Leg { account, amount: Cents::new(-balance).ok_or_else(beyond)? });
    }
    let available = held.checked_add(income).ok_or_else(beyond)?;
    legs.push(Leg { account, amount: Cents::new(income).ok_or_else(beyond)? });
    legs.retain(|leg| leg.amount != Cents::ZERO);
    if available > 0 && !legs.is_empty() {
        let transfer =
            Transfer { purpose: Purpose::Settlement, reference, currency, legs, reason: None, made_by: None };
        post(db, shop, env, &transfer).await?;
    }
    Ok(available)
}
