//! Making and changing a product: what a request may say, and which combinations stand.

use chrono::{DateTime, Utc};

use super::{PoolId, Product, ProductId, Status, Type};
use crate::domain::shops::slugify;
use crate::error::{Error, Result};
use crate::kit::money::{Cents, Currency};
use crate::kit::patch::Patch;

#[derive(Clone, Debug)]
pub struct NewProduct {
    pub name: String,
    pub r#type: Type,
    pub price: Cents,
    pub currency: Currency,
    pub description: Option<String>,
    /// Null is unlimited; a pooled product has none of its own.
    pub stock: Option<i32>,
}

impl NewProduct {
    pub(super) fn into_product(self, id: ProductId, pool: Option<PoolId>, now: DateTime<Utc>) -> Product {
        let status = if self.r#type.needs_source() { Status::Draft } else { Status::Active };
        Product {
            id,
            r#type: self.r#type,
            slug: slugify(&self.name, "product"),
            name: self.name,
            description: self.description,
            price: self.price,
            currency: self.currency,
            status,
            pool,
            counted: self.stock,
            created_at: now,
            updated_at: now,
            archived_at: None,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct ProductPatch {
    pub name: Option<String>,
    pub price: Option<Cents>,
    pub status: Option<Status>,
    pub description: Patch<String>,
    pub stock: Patch<i32>,
}

impl ProductPatch {
    /// The product as it is afterwards.
    ///
    /// # Errors
    /// [`Error::Invalid`] for counted stock on a pooled product (R10), and for activating what has
    /// nothing to deliver (R12).
    pub(super) fn apply(self, before: Product, now: DateTime<Utc>) -> Result<Product> {
        if !self.stock.is_absent() && (before.pool.is_some() || before.r#type == Type::LicenseKey) {
            return Err(Error::invalid("stock", "of a pooled product is the number of its free codes"));
        }
        if self.status == Some(Status::Active) && before.r#type.needs_source() {
            let word = before.r#type.word();
            return Err(Error::invalid("status", format!("a {word} product without a source cannot be active")));
        }
        let status = self.status.unwrap_or(before.status);
        let archived_at = (status == Status::Archived).then(|| before.archived_at.unwrap_or(now));
        Ok(Product {
            name: self.name.unwrap_or(before.name),
            price: self.price.unwrap_or(before.price),
            description: self.description.apply(before.description),
            counted: self.stock.apply(before.counted),
            status,
            archived_at,
            updated_at: now,
            ..before
        })
    }
}
