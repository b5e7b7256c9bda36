//! Fulfillments: a reseller's own shop sells a code, and has it at once. Debit, claim and delivery are one
//! operation in one transaction, shared by all that arrive together ([`Fulfillments`], a lane).
//!
//! A fulfillment is known by its relationship, the order's name there, and the product (R40): who asks again
//! gets the same one, and pays nothing.

mod decide;
mod lane;
mod replacement;
mod sql;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Items of one fulfillment: as many as one line of a cart may have.
pub use super::orders::QUANTITY_MAX;
pub use lane::{Answer, Fulfillments, Named, Request};
pub use replacement::{Bad, Replaced, replace};

use super::outbox::{FulfillmentFacts, NewMail, Template};
use super::products::ProductId;
use super::resellers::{Reseller, ResellerId};
use super::serials::{self, Code, SerialId};
use super::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::money::{Cents, Currency};
use crate::kit::page::{Page, Place, Window};
use crate::kit::values::{Email, Major};

pub type FulfillmentId = Id<Fulfillment>;

#[derive(Clone, Debug)]
pub struct Fulfillment {
    pub id: FulfillmentId,
    pub reseller: ResellerId,
    /// As the reseller's shop names its order.
    pub external_order_id: String,
    pub product: ProductId,
    pub quantity: i32,
    pub customer_email: String,
    pub unit: Cents,
    pub total: Cents,
    pub currency: Currency,
    pub balance_after: Cents,
    /// The good codes: a replaced one is not among them.
    pub items: Vec<Item>,
    pub created_at: DateTime<Utc>,
}

impl Entity for Fulfillment {
    const PREFIX: &'static str = "ful";
}

#[derive(Clone, Debug)]
pub struct Item {
    pub id: SerialId,
    pub code: Code,
}

/// What a reseller's shop asks for.
#[derive(Clone, Debug)]
pub struct Order {
    pub external_order_id: String,
    pub product: ProductId,
    pub quantity: i32,
    pub email: Email,
    /// Refuses a unit price above it.
    pub max_unit_cost: Option<Major>,
}

impl Fulfillment {
    /// Whether this is what is asked for again.
    fn fits(&self, order: &Order) -> bool {
        self.quantity == order.quantity && self.customer_email.to_lowercase() == order.email.key()
    }

    /// To the buyer, in the reseller's name: where the relationship says so (R42).
    fn mail(&self, reseller: &Reseller, template: Template) -> Option<NewMail> {
        let recipient = self.customer_email.clone();
        reseller.delivery.by_mail.then_some(NewMail { template, subject_id: *self.id, recipient })
    }

    fn facts(&self, reseller: &Reseller) -> FulfillmentFacts {
        FulfillmentFacts {
            id: *self.id,
            reseller_relationship_id: *self.reseller,
            reseller_email: reseller.email.clone(),
            external_order_id: self.external_order_id.clone(),
            product_id: *self.product,
            quantity: self.quantity,
            customer_email: self.customer_email.clone(),
            total_cents: self.total.get(),
            currency: self.currency.code(),
        }
    }
}

/// # Errors
/// [`Error::NotFound`], also for another relationship's.
pub async fn get(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    reseller: ResellerId,
    id: FulfillmentId,
) -> Result<Fulfillment> {
    let row = sql::get(db, shop.uuid(), *reseller, *id).await?.ok_or(Error::NotFound("fulfillment"))?;
    let mut found = with_codes(db, shop, env, vec![row]).await?;
    found.pop().ok_or(Error::NotFound("fulfillment"))
}

/// The shop's own look at one of any relationship's: for its mail.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(db: &mut PgConnection, shop: Tenant, env: &Env, id: FulfillmentId) -> Result<Fulfillment> {
    let row = sql::find(db, shop.uuid(), *id).await?.ok_or(Error::NotFound("fulfillment"))?;
    let mut found = with_codes(db, shop, env, vec![row]).await?;
    found.pop().ok_or(Error::NotFound("fulfillment"))
}

/// A relationship's fulfillments, newest first; those of one external order, where it is named.
pub async fn list(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    reseller: ResellerId,
    external_order_id: Option<&str>,
    window: Window<Fulfillment>,
    place: &Place,
) -> Result<Page<Fulfillment>> {
    let rows = sql::list(db, shop.uuid(), *reseller, external_order_id, window.after(), window.rows()).await?;
    let page = Page::cut(rows, &window, place, &env.vault, |row| row.id);
    let next_cursor = page.next_cursor;
    Ok(Page { data: with_codes(db, shop, env, page.data).await?, next_cursor })
}

/// Each with its codes.
async fn with_codes(db: &mut PgConnection, shop: Tenant, env: &Env, rows: Vec<sql::Row>) -> Result<Vec<Fulfillment>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut items: HashMap<Uuid, Vec<Item>> = HashMap::with_capacity(ids.len());
    for sold in serials::delivered_to(db, shop, env, &ids).await? {
        items.entry(sold.item).or_default().push(Item { id: sold.id, code: sold.code });
    }
    rows.into_iter().map(|row| row.with(&mut items)).collect()
}
