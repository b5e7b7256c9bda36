//! The statement of a held account: its entries, newest first, each with what it left behind.

mod sql;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Account, Entry, Purpose};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::Id;
use crate::kit::money::{Cents, Currency};
use crate::kit::page::{Page, Place, Window};

/// One entry of a held account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub id: Id<Entry>,
    /// Which entry of its account it is, from 1 on.
    pub version: i64,
    pub kind: LineKind,
    /// Positive came in, negative went out.
    pub amount: Cents,
    pub balance_after: Cents,
    pub currency: Currency,
    /// The invoice or fulfillment it is for; of an adjustment, the adjustment itself.
    pub reference: Uuid,
    /// What the shop says it is for.
    pub reason: Option<String>,
    /// The API key by which somebody of the shop made it: for the shop alone.
    pub made_by: Option<Uuid>,
    pub created_at: DateTime<Utc>,
}

/// What a line of a prepaid balance is (contract 4.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    TopUp,
    FulfillmentDebit,
    /// What went back the way it came.
    Refund,
    Adjustment,
}

impl LineKind {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TopUp => "TOP_UP",
            Self::FulfillmentDebit => "FULFILLMENT_DEBIT",
            Self::Refund => "REFUND",
            Self::Adjustment => "ADJUSTMENT",
        }
    }

    const fn of(purpose: Purpose, incoming: bool) -> Self {
        match (purpose, incoming) {
            (Purpose::TopUp, true) => Self::TopUp,
            (Purpose::Fulfillment, false) => Self::FulfillmentDebit,
            (Purpose::TopUp, false) | (Purpose::Fulfillment, true) | (Purpose::Refund, _) => Self::Refund,
            (Purpose::Adjustment | Purpose::Sale | Purpose::Settlement | Purpose::Payout, _) => Self::Adjustment,
        }
    }
}

/// A page of an account's entries, newest first. Entries are only ever added, and at the newer end, so a
/// walk through the pages misses none.
pub async fn statement(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    account: &Account,
    currency: Currency,
    window: Window<Entry>,
    place: &Place,
) -> Result<Page<Line>> {
    let before = window.after().map_or(i64::MAX, version_of);
    let rows = sql::lines(db, shop.uuid(), account.id(shop, currency), before, window.rows()).await?;
    let lines = rows.into_iter().map(Line::try_from).collect::<Result<_>>()?;
    Ok(Page::cut(lines, &window, place, &env.vault, |line| cursor_at(line.version)))
}

/// A cursor holds an id; a place in a statement is a number.
fn cursor_at(version: i64) -> Uuid {
    Uuid::from_u64_pair(0, version.unsigned_abs())
}

fn version_of(cursor: Uuid) -> i64 {
    i64::try_from(cursor.as_u64_pair().1).unwrap_or(i64::MAX)
}

impl TryFrom<sql::Row> for Line {
    type Error = Error;

    fn try_from(row: sql::Row) -> Result<Self> {
        let fault = || Error::Internal(format!("ledger entry {} cannot be read", row.id));
        let purpose = Purpose::of(&row.kind).ok_or_else(fault)?;
        Ok(Self {
            id: Id::from(row.id),
            version: row.version,
            kind: LineKind::of(purpose, row.amount > 0),
            amount: Cents::new(row.amount).ok_or_else(fault)?,
            balance_after: Cents::new(row.balance_after).ok_or_else(fault)?,
            currency: Currency::parse(&row.currency).ok_or_else(fault)?,
            reference: row.reference_id,
            reason: row.reason,
            made_by: row.made_by,
            created_at: row.created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_the_version_it_stands_at() {
        for version in [1, 2, 1_000_000, i64::MAX] {
            assert_eq!(version_of(cursor_at(version)), version);
        }
    }
}
