//! What a license is made of, before it is written.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Hwid, Key, License, Pattern, Status, key_hash};
use crate::domain::products::{Product, ProductId};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::ip_rule::IpRule;

#[derive(Clone, Debug)]
pub struct NewLicense {
    pub product: ProductId,
    pub invoice: Option<Uuid>,
    /// Made by the product's pattern where none is given.
    pub key: Option<Key>,
    pub status: Status,
    pub hwid: Option<Hwid>,
    /// How often it was used before it came here.
    pub uses: i64,
    pub allowed_ips: Vec<IpRule>,
    pub max_uses: Option<i64>,
    pub expires_at: Option<DateTime<Utc>>,
    pub customer_email: Option<String>,
}

/// A license to be written, with its key.
pub(super) struct Draft {
    pub license: License,
    pub key: Key,
    /// The order item, and which of its units.
    pub unit: Option<(Uuid, i32)>,
}

impl Draft {
    pub fn of(shop: Tenant, env: &Env, new: NewLicense, product: &Product, unit: Option<(Uuid, i32)>) -> Result<Self> {
        let now = env.now();
        let key = match new.key {
            Some(key) => key,
            None => Pattern::of(product)?.make(&mut env.fork_rng()),
        };
        let (status, expires_at) = fit(new.status, new.expires_at, now)?;
        let license = License {
            id: env.id(),
            product: new.product,
            invoice: new.invoice,
            key_hash: key_hash(env, shop, key.as_str()),
            status,
            hwid: new.hwid,
            allowed_ips: new.allowed_ips,
            uses: new.uses,
            max_uses: new.max_uses,
            count_uses: product.licensing.uses,
            limit_told: false,
            expires_at,
            customer_email: new.customer_email,
            created_at: now,
            updated_at: now,
        };
        Ok(Self { license, key, unit })
    }
}

/// Status and date as they go together (R31): EXPIRED moves the date to now, ACTIVE needs one to come.
pub(super) fn fit(
    status: Status,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(Status, Option<DateTime<Utc>>)> {
    match status {
        Status::Expired => Ok((status, Some(expires_at.map_or(now, |at| at.min(now))))),
        Status::Active if expires_at.is_some_and(|at| at <= now) => {
            Err(Error::invalid("expires_at", "is past: an active license needs a date to come, or null"))
        }
        _ => Ok((status, expires_at)),
    }
}
