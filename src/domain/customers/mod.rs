//! Buyers: they exist from their first order, and their figures move with payments.

mod sql;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::outbox::{self, CustomerFacts, Event};
use super::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::page::{Page, Place, Window};
use crate::kit::values::Email;

pub type CustomerId = Id<Customer>;

#[derive(Clone, Debug)]
pub struct Customer {
    pub id: CustomerId,
    pub email: String,
    /// Orders ever paid.
    pub orders_count: i32,
    /// Paid minus refunded, in the shop's currency.
    pub lifetime_cents: i64,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
}

impl Entity for Customer {
    const PREFIX: &'static str = "cus";
}

/// The customer of that address, made now if it is new. Takes no lock on one that is known, so a
/// checkout never waits for another payment of the same buyer.
pub async fn ensure(db: &mut PgConnection, shop: Tenant, env: &Env, email: &Email) -> Result<CustomerId> {
    if let Some(id) = sql::find(db, shop.uuid(), &email.key()).await? {
        return Ok(Id::from(id));
    }
    let now = env.now();
    let id = env.id::<Customer>();
    if !sql::insert(db, shop.uuid(), *id, email, now).await? {
        // Another checkout was first, and has committed: the insert waited for it.
        let found = sql::find(db, shop.uuid(), &email.key()).await?;
        return found.map(Id::from).ok_or_else(|| Error::Internal("a customer vanished".into()));
    }
    let facts = CustomerFacts { id: *id, email: email.as_str().to_owned(), first_seen_at: now };
    outbox::emit(db, shop, env, &[Event::CustomerCreated(facts)]).await?;
    Ok(id)
}

/// The customer of that address.
pub async fn find(db: &mut PgConnection, shop: Tenant, email: &Email) -> Result<Option<CustomerId>> {
    Ok(sql::find(db, shop.uuid(), &email.key()).await?.map(Id::from))
}

/// Counts a paid order; `cents` is 0 where it was in another currency than the shop's (R6).
pub async fn record_payment(
    db: &mut PgConnection,
    shop: Tenant,
    id: CustomerId,
    cents: i64,
    now: DateTime<Utc>,
) -> Result<()> {
    Ok(sql::record_payment(db, shop.uuid(), *id, cents, now).await?)
}

/// Takes what was given back off the lifetime figure (R16); `cents` as for [`record_payment`].
pub async fn record_refund(db: &mut PgConnection, shop: Tenant, id: CustomerId, cents: i64) -> Result<()> {
    Ok(sql::record_refund(db, shop.uuid(), *id, cents).await?)
}

pub async fn list(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    window: Window<Customer>,
    place: &Place,
) -> Result<Page<Customer>> {
    let rows = sql::list(db, shop.uuid(), window.after(), window.rows()).await?;
    Ok(Page::cut(rows, &window, place, &env.vault, |customer| *customer.id))
}

pub async fn get(db: &mut PgConnection, shop: Tenant, id: CustomerId) -> Result<Customer> {
    sql::by_id(db, shop.uuid(), *id).await?.ok_or(Error::NotFound("customer"))
}
