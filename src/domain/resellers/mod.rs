//! The reseller program of a shop: who sells its stock, on which terms, at which price, within which limits.

mod balance;
mod barred;
mod begin;
mod invitations;
mod kept;
mod limits;
mod people;
mod price;
mod program;
mod sql;
mod standing;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use balance::{
    Adjustment, AlertsPatch, THRESHOLDS_MAX, TOP_UP_CENTS_MAX, TOP_UP_CENTS_MIN, adjust, balance, mark_top_up_due,
    remark_top_ups_due, set_alerts, shops_with_auto_top_ups, shops_with_top_ups_due, take_top_ups_due,
};
pub use barred::Barred;
pub use invitations::{
    Invitation, InvitationId, Invited, accept, invitation, invitation_by_token, invite, open_invitations,
};
pub use kept::Grant;
pub use limits::{Bought, purchased, record_purchases, take};
pub use people::{of_person, programs_of};
pub use price::{Offer, Unsold, offer};
pub use program::{ProgramPatch, hold_program, program, program_lock, update_program};
pub use standing::{ResellerPatch, list, reactivate, suspend, terminate, update};

use begin::{begin, stands_already};
use kept::kept;

use super::products::ProductId;
use super::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::id::{Entity, Id};
use crate::kit::money::{Cents, Percent};

/// Of a relationship. `/dev/v1` calls it the reseller's id.
pub type ResellerId = Id<Reseller>;

/// A relationship: one person in one shop's program.
#[derive(Clone, Debug)]
pub struct Reseller {
    pub id: ResellerId,
    /// The person.
    pub account: Uuid,
    pub email: String,
    /// As its links name it.
    pub code: String,
    pub status: Status,
    pub terms: Terms,
    /// Whether its access was ever listed: where not, every listed product is open to links and campaigns,
    /// and none to stock, listings and the API (R43).
    pub access_listed: bool,
    pub verified_at: Option<DateTime<Utc>>,
    pub delivery: WhiteLabel,
    pub alerts: BalanceAlerts,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Entity for Reseller {
    const PREFIX: &'static str = "rel";
}

/// `ACTIVE ↔ SUSPENDED → TERMINATED`, which is final. `INVITED` is an invitation, and no relationship yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    Suspended,
    Terminated,
}

impl Status {
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("ACTIVE", Self::Active), ("SUSPENDED", Self::Suspended), ("TERMINATED", Self::Terminated)];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, status)| *status == self).map_or("", |(word, _)| word)
    }

    fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, status)| *status)
    }
}

/// What a relationship may do (contract 4.2, R43).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Links and campaigns, for a commission.
    Affiliate,
    /// Stock bought wholesale, and the API.
    Stock,
    Both,
}

impl Mode {
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("AFFILIATE", Self::Affiliate), ("STOCK", Self::Stock), ("BOTH", Self::Both)];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, mode)| *mode == self).map_or("", |(word, _)| word)
    }

    fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, mode)| *mode)
    }

    /// Whether it buys stock, by hand or through the API.
    #[must_use]
    pub const fn buys_stock(self) -> bool {
        matches!(self, Self::Stock | Self::Both)
    }
}

/// What a shop grants to one relationship; what is absent is as the program has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub mode: Mode,
    pub commission: Option<Percent>,
    pub wholesale_discount: Option<Percent>,
    /// Items a UTC day and month, stock and API together (R47).
    pub limit_daily: Option<i32>,
    pub limit_monthly: Option<i32>,
}

/// How its buyers are told (R42).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhiteLabel {
    pub by_mail: bool,
    pub display_name: Option<String>,
    pub reply_to: Option<String>,
}

/// When a low prepaid balance is told of, and topped up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BalanceAlerts {
    /// Falling below any of these is told, once each time.
    pub low: Vec<Cents>,
    /// Opens an invoice of this amount when the balance falls below that one.
    pub auto_top_up: Option<AutoTopUp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoTopUp {
    pub below: Cents,
    pub amount: Cents,
}

/// What a relationship may do with one product; what is absent is as the relationship has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub product: ProductId,
    pub commission: Option<Percent>,
    /// A unit's price: beats every discount.
    pub wholesale: Option<Cents>,
    pub auto_fulfilled: bool,
    pub min_resale: Option<Cents>,
    pub max_resale: Option<Cents>,
    /// Of one purchase.
    pub min_quantity: Option<i32>,
    pub max_quantity: Option<i32>,
}

/// What a shop's program is, and what it offers to who has no terms of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub enabled: bool,
    pub mode: Mode,
    pub commission: Option<Percent>,
    pub wholesale_discount: Option<Percent>,
    pub min_payout: Option<Cents>,
    pub require_verification: bool,
    pub commission_hold_days: i32,
    pub terms_url: Option<String>,
    /// The beginning of time, where it was never set.
    pub updated_at: DateTime<Utc>,
}

impl Default for Program {
    fn default() -> Self {
        Self {
            enabled: false,
            mode: Mode::Both,
            commission: None,
            wholesale_discount: None,
            min_payout: None,
            require_verification: false,
            commission_hold_days: 0,
            terms_url: None,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }
}

/// # Errors
/// [`Error::NotFound`].
pub async fn get(db: &mut PgConnection, shop: Tenant, id: ResellerId) -> Result<Reseller> {
    sql::get(db, shop.uuid(), *id).await?.ok_or(Error::NotFound("reseller"))?.try_into()
}

/// These relationships, locked in the order of their ids until the transaction ends; those that are not
/// there are left out.
pub async fn lock_all(db: &mut PgConnection, shop: Tenant, ids: &[ResellerId]) -> Result<Vec<Reseller>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    sql::lock_all(db, shop.uuid(), &ids).await?.into_iter().map(Reseller::try_from).collect()
}

/// What each of these relationships may do with its product, where it is listed. Each pair once.
pub async fn access(
    db: &mut PgConnection,
    shop: Tenant,
    pairs: impl IntoIterator<Item = (ResellerId, ProductId)>,
) -> Result<Vec<(ResellerId, Access)>> {
    let (resellers, products): (Vec<Uuid>, Vec<Uuid>) =
        pairs.into_iter().map(|(reseller, product)| (reseller.uuid(), product.uuid())).unzip();
    sql::access(db, shop.uuid(), &resellers, &products).await?.into_iter().map(TryInto::try_into).collect()
}

/// Everything that is listed for this relationship.
pub async fn whole_access(db: &mut PgConnection, shop: Tenant, reseller: ResellerId) -> Result<Vec<Access>> {
    let rows = sql::whole_access(db, shop.uuid(), *reseller).await?;
    rows.into_iter().map(|row| Ok(<(ResellerId, Access)>::try_from(row)?.1)).collect()
}
