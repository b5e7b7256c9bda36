//! Terms and access as an invitation keeps them until it is accepted.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Access, Mode, Terms};
use crate::error::{Error, Result};
use crate::kit::id::Id;
use crate::kit::money::{Cents, Percent};

/// What a relationship begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub terms: Terms,
    /// Null: not listed, so that every listed product is open to links and campaigns (R43).
    pub access: Option<Vec<Access>>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    mode: String,
    commission_percent: Option<i32>,
    wholesale_discount_percent: Option<i32>,
    limit_daily: Option<i32>,
    limit_monthly: Option<i32>,
    access: Option<Vec<KeptAccess>>,
}

/// Named as the columns of `reseller_access`, which are filled from it.
#[derive(Serialize, Deserialize)]
struct KeptAccess {
    product_id: Uuid,
    commission_percent: Option<i32>,
    wholesale_cents: Option<i64>,
    auto_fulfilled: bool,
    min_resale_cents: Option<i64>,
    max_resale_cents: Option<i64>,
    min_quantity: Option<i32>,
    max_quantity: Option<i32>,
}

impl Grant {
    pub(super) fn write(&self) -> Result<serde_json::Value> {
        let Terms { mode, commission, wholesale_discount, limit_daily, limit_monthly } = &self.terms;
        json(&Kept {
            mode: mode.word().to_owned(),
            commission_percent: commission.map(Percent::get),
            wholesale_discount_percent: wholesale_discount.map(Percent::get),
            limit_daily: *limit_daily,
            limit_monthly: *limit_monthly,
            access: self.access.as_ref().map(|access| access.iter().map(KeptAccess::from).collect()),
        })
    }

    pub(super) fn read(kept: serde_json::Value) -> Result<Self> {
        let fault = |what: &dyn std::fmt::Display| Error::Internal(format!("the terms of an invitation: {what}"));
        let kept: Kept = serde_json::from_value(kept).map_err(|e| fault(&e))?;
        Ok(Self {
            terms: Terms {
                mode: Mode::of(&kept.mode).ok_or_else(|| fault(&"unknown mode"))?,
                commission: kept.commission_percent.and_then(Percent::new),
                wholesale_discount: kept.wholesale_discount_percent.and_then(Percent::new),
                limit_daily: kept.limit_daily,
                limit_monthly: kept.limit_monthly,
            },
            access: kept.access.map(|access| access.into_iter().map(Access::from).collect()),
        })
    }
}

/// The rows of `reseller_access`, for one statement.
pub(super) fn kept(access: &[Access]) -> Result<serde_json::Value> {
    json(&access.iter().map(KeptAccess::from).collect::<Vec<_>>())
}

fn json(value: &impl Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|e| Error::Internal(format!("terms: {e}")))
}

impl From<&Access> for KeptAccess {
    fn from(access: &Access) -> Self {
        Self {
            product_id: access.product.uuid(),
            commission_percent: access.commission.map(Percent::get),
            wholesale_cents: access.wholesale.map(Cents::get),
            auto_fulfilled: access.auto_fulfilled,
            min_resale_cents: access.min_resale.map(Cents::get),
            max_resale_cents: access.max_resale.map(Cents::get),
            min_quantity: access.min_quantity,
            max_quantity: access.max_quantity,
        }
    }
}

impl From<KeptAccess> for Access {
    fn from(kept: KeptAccess) -> Self {
        Self {
            product: Id::from(kept.product_id),
            commission: kept.commission_percent.and_then(Percent::new),
            wholesale: kept.wholesale_cents.and_then(Cents::new),
            auto_fulfilled: kept.auto_fulfilled,
            min_resale: kept.min_resale_cents.and_then(Cents::new),
            max_resale: kept.max_resale_cents.and_then(Cents::new),
            min_quantity: kept.min_quantity,
            max_quantity: kept.max_quantity,
        }
    }
}
