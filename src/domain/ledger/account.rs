//! Accounts are named by what they are; their ids follow from the name, so posting looks nothing up.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::shops::Tenant;
use crate::kit::money::Currency;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Money on its way through a gateway; the owner is the gateway.
    Clearing,
    /// What the shop sold for.
    Sales,
    /// What pending transfers hold.
    Pending,
    /// What the shop can be paid out.
    Payable,
    /// What a reseller has paid in; the owner is the relationship.
    Prepaid,
    /// What resellers have bought wholesale.
    Wholesale,
    /// What the shop gave to or took from a balance by hand.
    Adjustments,
}

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Clearing => "clearing",
            Self::Sales => "sales",
            Self::Pending => "pending",
            Self::Payable => "payable",
            Self::Prepaid => "prepaid",
            Self::Wholesale => "wholesale",
            Self::Adjustments => "adjustments",
        }
    }
}

/// One account of a shop in each currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub kind: Kind,
    pub owner: String,
    /// Its row is locked and may not fall below zero.
    pub held: bool,
}

impl Account {
    #[must_use]
    pub fn held(kind: Kind, owner: impl Into<String>) -> Self {
        Self { kind, owner: owner.into(), held: true }
    }

    #[must_use]
    pub fn recording(kind: Kind, owner: impl Into<String>) -> Self {
        Self { kind, owner: owner.into(), held: false }
    }

    /// The same for the same name: 16 bytes of SHA-256 over shop, kind, owner and currency.
    pub(super) fn id(&self, shop: Tenant, currency: Currency) -> Uuid {
        let mut hasher = Sha256::new();
        for part in
            [shop.uuid().as_bytes(), self.kind.word().as_bytes(), self.owner.as_bytes(), currency.code().as_bytes()]
        {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize()[..16]);
        Uuid::from_bytes(id)
    }
}
