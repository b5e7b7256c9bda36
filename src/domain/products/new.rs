//! Making and changing a product: what a request may say, and which combinations stand.

use chrono::{DateTime, Utc};

use super::{Licensing, Listing, PoolId, Product, ProductId, Source, Status, Type, Uses};
use crate::domain::files::FileId;
use crate::domain::shops::slugify;
use crate::error::{Error, Result};
use crate::kit::money::{Cents, Currency};
use crate::kit::patch::Patch;
use crate::kit::web_address::WebAddress;

#[derive(Clone, Debug)]
pub struct NewProduct {
    pub name: String,
    pub r#type: Type,
    pub price: Cents,
    pub currency: Currency,
    pub description: Option<String>,
    /// Null is unlimited; a pooled product has none of its own.
    pub stock: Option<i32>,
    pub source: Source,
    pub listing: Listing,
    pub licensing: Licensing,
}

impl NewProduct {
    /// On sale at once, unless it cannot be delivered yet.
    pub(super) fn into_product(self, id: ProductId, pool: Option<PoolId>, now: DateTime<Utc>) -> Result<Product> {
        let draft = Product {
            id,
            r#type: self.r#type,
            slug: slugify(&self.name, "product"),
            name: self.name,
            description: self.description,
            price: self.price,
            currency: self.currency,
            status: Status::Draft,
            pool,
            counted: self.stock,
            source: self.source,
            listing: self.listing,
            licensing: self.licensing,
            created_at: now,
            updated_at: now,
            archived_at: None,
        };
        let status = if draft.is_deliverable() { Status::Active } else { Status::Draft };
        Product { status, ..draft }.checked()
    }
}

#[derive(Clone, Debug, Default)]
pub struct ProductPatch {
    pub name: Option<String>,
    pub price: Option<Cents>,
    pub status: Option<Status>,
    pub description: Patch<String>,
    pub stock: Patch<i32>,
    pub webhook: Patch<WebAddress>,
    pub text: Patch<String>,
    pub file: Patch<FileId>,
    pub unlisted: Option<bool>,
    pub private: Option<bool>,
    pub on_hold: Option<bool>,
    pub licensing_enabled: Option<bool>,
    pub license_period_days: Patch<i32>,
    pub license_uses: Option<Uses>,
    pub license_key_pattern: Patch<String>,
}

impl ProductPatch {
    /// The product as it is afterwards.
    ///
    /// # Errors
    /// [`Error::Invalid`] for counted stock on a pooled product (R10), for a source of another type, and
    /// for an active product with nothing to deliver (R12).
    pub(super) fn apply(self, before: Product, now: DateTime<Utc>) -> Result<Product> {
        if !self.stock.is_absent() && (before.pool.is_some() || before.r#type == Type::LicenseKey) {
            return Err(Error::invalid("stock", "of a pooled product is the number of its free codes"));
        }
        let status = self.status.unwrap_or(before.status);
        let archived_at = (status == Status::Archived).then(|| before.archived_at.unwrap_or(now));
        Product {
            name: self.name.unwrap_or(before.name),
            price: self.price.unwrap_or(before.price),
            description: self.description.apply(before.description),
            counted: self.stock.apply(before.counted),
            source: Source {
                webhook: self.webhook.apply(before.source.webhook),
                text: self.text.apply(before.source.text),
                file: self.file.apply(before.source.file),
            },
            listing: Listing {
                unlisted: self.unlisted.unwrap_or(before.listing.unlisted),
                private: self.private.unwrap_or(before.listing.private),
                on_hold: self.on_hold.unwrap_or(before.listing.on_hold),
            },
            licensing: Licensing {
                enabled: self.licensing_enabled.unwrap_or(before.licensing.enabled),
                period_days: self.license_period_days.apply(before.licensing.period_days),
                uses: self.license_uses.unwrap_or(before.licensing.uses),
                key_pattern: self.license_key_pattern.apply(before.licensing.key_pattern),
            },
            status,
            archived_at,
            updated_at: now,
            ..before
        }
        .checked()
    }
}
