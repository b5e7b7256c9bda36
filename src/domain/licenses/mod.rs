//! Licenses: may this software run here? A key, bound to one machine, for a time, from certain
//! addresses; every attempt to use it is written down ([`audit`]).
//!
//! `verdict::decide` is the rule, pure; [`Validations`] carry it through a lane, so that many attempts
//! share one commit.

pub mod audit;
mod change;
mod draft;
mod expiry;
mod hwid;
mod key;
mod list;
mod new;
mod revoke;
mod sql;
mod throttled;
mod validate;
mod verdict;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use change::{
    Extension, Patch as LicensePatch, extend, find_by_key, issue_file, remove, reset_hwid, rotate_key, update,
};
pub use draft::NewLicense;
pub use expiry::{expire_due, shops_with_expired};
pub use hwid::Hwid;
pub use key::{Key, Pattern};
pub use list::{Filter, Stats, list, stats};
pub use new::{Imported, Unit, create, import, issue};
pub use revoke::revoke_of_order;
pub use throttled::{Throttled, write as write_throttled};
pub use validate::{Answer, Named, Outcome, Request, Validations, key_hash};
pub use verdict::{Attempt, Verdict};

use super::outbox::LicenseFacts;
use super::products::{Product, ProductId, Uses};
use super::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::ip_rule::IpRule;
use crate::kit::vault;

pub type LicenseId = Id<License>;

/// Any may be set from any (R31); a date that passes makes an active one expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    Suspended,
    Revoked,
    Expired,
}

impl Status {
    /// As the surface says them.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("ACTIVE", Self::Active),
        ("SUSPENDED", Self::Suspended),
        ("REVOKED", Self::Revoked),
        ("EXPIRED", Self::Expired),
    ];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::Revoked => "REVOKED",
            Self::Expired => "EXPIRED",
        }
    }

    const fn kept(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "suspended" => Self::Suspended,
            "expired" => Self::Expired,
            _ => Self::Revoked, // the database knows these four; whatever else came up must not open anything
        }
    }
}

/// A license; its key apart from it ([`keys_of`]).
#[derive(Clone, Debug)]
pub struct License {
    pub id: LicenseId,
    pub product: ProductId,
    pub invoice: Option<Uuid>,
    pub key_hash: [u8; 16],
    pub status: Status,
    pub hwid: Option<Hwid>,
    /// Empty: from anywhere.
    pub allowed_ips: Vec<IpRule>,
    pub uses: i64,
    pub max_uses: Option<i64>,
    pub count_uses: Uses,
    /// That its limit was met has been told.
    pub limit_told: bool,
    pub expires_at: Option<DateTime<Utc>>,
    pub customer_email: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Entity for License {
    const PREFIX: &'static str = "lic";
}

impl License {
    /// The status, the date considered: it is written down when somebody comes by, or the sweep.
    #[must_use]
    pub fn status_at(&self, now: DateTime<Utc>) -> Status {
        let past = self.expires_at.is_some_and(|until| until <= now);
        if self.status == Status::Active && past { Status::Expired } else { self.status }
    }

    fn expire_if_due(&mut self, now: DateTime<Utc>) {
        let status = self.status_at(now);
        if status != self.status {
            (self.status, self.updated_at) = (status, now);
        }
    }

    fn facts(&self) -> LicenseFacts {
        LicenseFacts {
            id: *self.id,
            product_id: *self.product,
            invoice_id: self.invoice,
            status: self.status.word(),
            hardware_id: self.hwid.as_ref().map(|hwid| hwid.as_str().to_owned()),
            uses: self.uses,
            max_uses: self.max_uses,
            expires_at: self.expires_at,
        }
    }

    #[cfg(test)]
    fn sample(product: ProductId, at: DateTime<Utc>) -> Self {
        Self {
            id: Id::from(Uuid::from_u128(7)),
            product,
            invoice: None,
            key_hash: [0; 16],
            status: Status::Active,
            hwid: None,
            allowed_ips: Vec::new(),
            uses: 0,
            max_uses: None,
            count_uses: Uses::Validation,
            limit_told: false,
            expires_at: None,
            customer_email: None,
            created_at: at,
            updated_at: at,
        }
    }
}

pub async fn get(db: &mut PgConnection, shop: Tenant, id: LicenseId) -> Result<License> {
    sql::by_id(db, shop.uuid(), *id).await?.map(License::try_from).ok_or(Error::NotFound("license"))?
}

async fn lock(db: &mut PgConnection, shop: Tenant, id: LicenseId) -> Result<License> {
    sql::lock(db, shop.uuid(), *id).await?.map(License::try_from).ok_or(Error::NotFound("license"))?
}

/// The keys of these licenses, in their order.
pub async fn keys_of(db: &mut PgConnection, shop: Tenant, env: &Env, licenses: &[License]) -> Result<Vec<Key>> {
    let ids: Vec<Uuid> = licenses.iter().map(|license| license.id.uuid()).collect();
    let sealed = sql::sealed(db, shop.uuid(), &ids).await?;
    licenses
        .iter()
        .map(|license| {
            let row = sealed.iter().find(|row| row.id == license.id.uuid());
            let row = row.ok_or_else(|| Error::Internal("a license vanished while it was read".into()))?;
            open_key(shop, env, row.id, &row.sealed)
        })
        .collect()
}

/// The keys of the licenses that came with these order items, by item and unit.
pub async fn keys_of_items(db: &mut PgConnection, shop: Tenant, env: &Env, items: &[Uuid]) -> Result<Vec<(Uuid, Key)>> {
    let rows = sql::sealed_of_items(db, shop.uuid(), items).await?;
    rows.into_iter().map(|row| Ok((row.item, open_key(shop, env, row.id, &row.sealed)?))).collect()
}

fn open_key(shop: Tenant, env: &Env, id: Uuid, sealed: &[u8]) -> Result<Key> {
    let plain = env.vault.open(place(shop, LicenseId::from(id)), sealed)?;
    String::from_utf8(plain).map(Key::kept).map_err(|_| Error::Internal("a license key is no text".into()))
}

/// Where a license's sealed key belongs.
fn place(shop: Tenant, id: LicenseId) -> vault::Place {
    vault::Place { shop: shop.uuid(), table: "licenses", id: *id }
}

impl TryFrom<sql::Row> for License {
    type Error = Error;

    fn try_from(row: sql::Row) -> Result<Self> {
        let fault = |what: &str| Error::Internal(format!("license {} has an odd {what}", row.id));
        let rules = row.allowed_ips.iter().map(|rule| IpRule::parse(rule)).collect::<Result<_, _>>();
        Ok(Self {
            id: Id::from(row.id),
            product: Id::from(row.product_id),
            invoice: row.invoice_id,
            key_hash: <[u8; 16]>::try_from(row.key_hash.as_slice()).map_err(|_| fault("key"))?,
            status: Status::of(&row.status),
            hwid: row.hardware_id.map(Hwid::kept),
            allowed_ips: rules.map_err(|_| fault("address rule"))?,
            uses: row.uses,
            max_uses: row.max_uses,
            count_uses: uses_of(&row.count_uses).ok_or_else(|| fault("way to count"))?,
            limit_told: row.limit_told,
            expires_at: row.expires_at,
            customer_email: row.customer_email,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// The product of this id, whose licenses are meant.
async fn product_of(db: &mut PgConnection, shop: Tenant, id: ProductId) -> Result<Product> {
    match super::products::get(db, shop, id).await {
        Err(Error::NotFound(_)) => Err(Error::invalid("product_id", "is no product of this shop")),
        found => found,
    }
}

fn uses_of(word: &str) -> Option<Uses> {
    Uses::WORDS.iter().find(|(known, _)| *known == word).map(|(_, uses)| *uses)
}
