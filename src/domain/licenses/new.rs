//! Making licenses: by hand, and one for each unit that a sale delivers.

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::audit::{self, Kind, Note};
use super::change::taken;
use super::{Hwid, IpRule, Key, License, Status, key_hash, pattern, place, product_of, sql};
use crate::domain::outbox::{self, Event};
use crate::domain::products::{self, Product, ProductId};
use crate::domain::shops::Tenant;
use crate::error::{Error, OnConstraint as _, Result};
use crate::kit::env::Env;

#[derive(Clone, Debug)]
pub struct NewLicense {
    pub product: ProductId,
    pub invoice: Option<Uuid>,
    /// Made by the product's pattern where none is given.
    pub key: Option<Key>,
    pub status: Status,
    pub hwid: Option<Hwid>,
    pub allowed_ips: Vec<IpRule>,
    pub max_uses: Option<i64>,
    pub expires_at: Option<DateTime<Utc>>,
    pub customer_email: Option<String>,
}

/// A delivered unit of a licensed product.
#[derive(Clone, Debug)]
pub struct Unit {
    pub product: ProductId,
    pub order: Uuid,
    pub order_item: Uuid,
    /// Which of the item's units, from 0.
    pub number: i32,
    /// The pool's code, where the product has a pool: it is the license's key.
    pub code: Option<Key>,
    pub customer_email: String,
}

/// Makes a license by hand.
///
/// # Errors
/// [`Error::Invalid`] for a product that is not there, a key that is taken, and a date that does not go
/// with the status (R31).
pub async fn create(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    actor: Option<Uuid>,
    new: NewLicense,
) -> Result<(License, Key)> {
    let product = product_of(db, shop, new.product).await?;
    insert(db, shop, env, actor, new, &product, None).await
}

/// Issues licenses for units that were delivered, one each, however often it is asked to: a unit that
/// has one is passed over. Products that are not licensed issue none.
pub async fn issue(db: &mut PgConnection, shop: Tenant, env: &Env, units: &[Unit]) -> Result<Vec<License>> {
    let mut issued = Vec::new();
    for unit in units {
        let product = products::get(db, shop, unit.product).await?;
        if !product.licensing.enabled || sql::is_issued(db, shop.uuid(), unit.order_item, unit.number).await? {
            continue;
        }
        let new = NewLicense {
            product: unit.product,
            invoice: Some(unit.order),
            key: unit.code.clone(),
            status: Status::Active,
            hwid: None,
            allowed_ips: Vec::new(),
            max_uses: None,
            expires_at: product.licensing.period_days.map(|days| env.now() + Duration::days(days.into())),
            customer_email: Some(unit.customer_email.clone()),
        };
        let of = Some((unit.order_item, unit.number));
        let (license, _) = insert(db, shop, env, None, new, &product, of).await?;
        issued.push(license);
    }
    Ok(issued)
}

async fn insert(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    actor: Option<Uuid>,
    new: NewLicense,
    product: &Product,
    unit: Option<(Uuid, i32)>,
) -> Result<(License, Key)> {
    let now = env.now();
    let key = match new.key {
        Some(key) => key,
        None => pattern(db, shop, product.id).await?.make(&mut env.fork_rng()),
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
        uses: 0,
        max_uses: new.max_uses,
        count_uses: product.licensing.uses,
        limit_told: false,
        expires_at,
        customer_email: new.customer_email,
        created_at: now,
        updated_at: now,
    };
    let sealed = env.vault.seal(place(shop, license.id), key.as_str().as_bytes(), &mut env.fork_rng())?;
    sql::insert(db, shop.uuid(), &license, &sealed, unit).await.on_constraint("licenses_key_taken", taken)?;
    audit::write(db, shop, env, &[Note::of(Kind::Created, Some(license.id), actor)]).await?;
    outbox::emit(db, shop, env, &[Event::LicenseCreated(license.facts())]).await?;
    Ok((license, key))
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
