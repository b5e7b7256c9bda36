//! Making licenses: by hand, one for each unit that a sale delivers, and many out of a file.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::audit::{self, Kind, Note};
use super::draft::Draft;
use super::{Key, License, LicenseId, NewLicense, Status, place, product_of, sql};
use crate::domain::outbox::{self, Event};
use crate::domain::products::{self, Product, ProductId};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;

/// A delivered unit of a licensed product.
#[derive(Clone, Debug)]
pub struct Unit {
    pub product: ProductId,
    pub order: Uuid,
    pub order_item: Uuid,
    /// Which of the item's units, from 0.
    pub number: i32,
    /// The pool's code, where the product has a pool: it is the license's key, if it can be one.
    pub code: Option<String>,
    pub customer_email: String,
}

/// What an import did: `imported + duplicates` is the number of licenses given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub imported: usize,
    pub duplicates: usize,
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
    let draft = Draft::of(shop, env, new, &product, None)?;
    let made = insert(db, shop, env, actor, std::slice::from_ref(&draft)).await?;
    if made.is_empty() {
        return Err(taken());
    }
    outbox::emit(db, shop, env, &[Event::LicenseCreated(draft.license.facts())]).await?;
    Ok((draft.license, draft.key))
}

/// Issues a license for each of these units, which were delivered, however often it is asked to: a unit that
/// has one keeps it. A code that is another license's key already, or cannot be a key, does not hold up a
/// sale: that unit's key is made. Answers how many it issued.
pub async fn issue(db: &mut PgConnection, shop: Tenant, env: &Env, units: &[Unit]) -> Result<usize> {
    let ids: HashSet<ProductId> = units.iter().map(|unit| unit.product).collect();
    let products = products::get_all(db, shop, &ids.into_iter().collect::<Vec<_>>()).await?;
    let products: HashMap<ProductId, &Product> = products.iter().map(|product| (product.id, product)).collect();
    let draft = |unit: &Unit, key: Option<Key>| {
        let product = products.get(&unit.product).ok_or_else(|| Error::Internal("a sold product is gone".into()))?;
        let of = Some((unit.order_item, unit.number));
        Draft::of(shop, env, NewLicense::for_unit(unit, key, product, env.now()), product, of)
    };
    let coded = |unit: &Unit| unit.code.as_deref().and_then(|code| Key::parse(code).ok());
    let first: Vec<Draft> = units.iter().map(|unit| draft(unit, coded(unit))).collect::<Result<_>>()?;
    let mut made = insert(db, shop, env, None, &first).await?;
    let left_out =
        units.iter().zip(&first).filter(|(unit, draft)| unit.code.is_some() && !made.contains(&draft.license.id));
    // The unit has its license, or its code is another's: only the second takes a key of its own making.
    let second: Vec<Draft> = left_out.map(|(unit, _)| draft(unit, None)).collect::<Result<_>>()?;
    made.extend(insert(db, shop, env, None, &second).await?);
    let made = first.iter().chain(&second).filter(|draft| made.contains(&draft.license.id));
    let events: Vec<Event> = made.map(|draft| Event::LicenseCreated(draft.license.facts())).collect();
    if !events.is_empty() {
        outbox::emit(db, shop, env, &events).await?;
    }
    Ok(events.len())
}

/// Takes licenses over from elsewhere, set-based; keys that the shop has already, and keys given twice, are
/// duplicates. It is told to nobody: a million licenses moved in are not a million that were made.
///
/// # Errors
/// [`Error::Invalid`] where a date does not go with its status (R31); the transaction must then be rolled back.
pub async fn import(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    product: &Product,
    given: Vec<NewLicense>,
) -> Result<Imported> {
    let count = given.len();
    let drafts = given.into_iter().map(|new| Draft::of(shop, env, new, product, None));
    let made = insert(db, shop, env, None, &drafts.collect::<Result<Vec<_>>>()?).await?;
    Ok(Imported { imported: made.len(), duplicates: count - made.len() })
}

impl NewLicense {
    fn for_unit(unit: &Unit, key: Option<Key>, product: &Product, now: DateTime<Utc>) -> Self {
        let until = |days: i32| now + Duration::days(days.into());
        Self {
            product: unit.product,
            invoice: Some(unit.order),
            key,
            status: Status::Active,
            hwid: None,
            uses: 0,
            allowed_ips: Vec::new(),
            max_uses: None,
            expires_at: product.licensing.period_days.map(until),
            customer_email: Some(unit.customer_email.clone()),
        }
    }
}

/// Writes those whose key and unit are free, and that they were made; answers which.
async fn insert(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    actor: Option<Uuid>,
    drafts: &[Draft],
) -> Result<HashSet<LicenseId>> {
    if drafts.is_empty() {
        return Ok(HashSet::new());
    }
    let mut rng = env.fork_rng();
    let mut sealed = Vec::with_capacity(drafts.len());
    for draft in drafts {
        sealed.push(env.vault.seal(place(shop, draft.license.id), draft.key.as_str().as_bytes(), &mut rng)?);
    }
    let made = sql::insert(db, shop.uuid(), drafts, &sealed).await?;
    let made: HashSet<LicenseId> = made.into_iter().map(LicenseId::from).collect();
    let written = drafts.iter().map(|draft| draft.license.id).filter(|id| made.contains(id));
    let notes: Vec<Note> = written.map(|id| Note::of(Kind::Created, Some(id), actor)).collect();
    audit::write(db, shop, env, &notes).await?;
    Ok(made)
}

pub(super) fn taken() -> Error {
    Error::invalid("license_key", "is the key of another license")
}
