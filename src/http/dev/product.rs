//! A product in this surface's words. What this house does not have is what published clients take for
//! its absence: null, empty, or the published default.

use serde::Serialize;
use serde_json::Number;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::product_body::TYPES;
use crate::domain::products::{self, Status, Type, Written};
use crate::domain::serials::{self, Stats};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::http::door::pagination::Pagination;
use crate::kit::secret;

#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "as published")]
pub struct Product {
    id: String,
    uniqid: String,
    shop_id: String,
    slug: String,
    /// `SERIALS`, `SERVICE`, `DYNAMIC`, `FILE` or `SUBSCRIPTION`.
    #[schema(example = "SERIALS")]
    r#type: &'static str,
    /// `ACCOUNT` for accounts, else `SINGLE`.
    subtype: &'static str,
    title: String,
    /// The same as `title`.
    name: String,
    #[schema(example = "USD")]
    currency: &'static str,
    /// Major units.
    #[schema(value_type = f64, example = 49.0)]
    price: Number,
    #[schema(value_type = f64, example = 49.0)]
    price_display: Number,
    description: Option<String>,
    /// Free serials, or what is counted; null is unlimited.
    stock: Option<i64>,
    available_stock: Option<i64>,
    quantity_min: i32,
    /// -1 is none.
    quantity_max: i32,
    unlisted: bool,
    private: bool,
    on_hold: bool,
    service_text: Option<String>,
    dynamic_webhook: Option<String>,
    file_id: Option<String>,
    licensing_enabled: bool,
    /// Days; null is for ever.
    license_period: Option<i32>,
    count_uses: &'static str,
    /// Null: the house's.
    license_key_pattern: Option<String>,
    gateways: Vec<String>,
    custom_fields: Vec<String>,
    volume_discounts: Vec<String>,
    variants: Vec<String>,
    /// Unix seconds.
    created_at: i64,
    updated_at: i64,
    /// Signs the calls to `dynamic_webhook`; shown in the answer that makes it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamic_webhook_secret: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Products {
    data: Vec<Product>,
    pagination: Pagination,
    stats: ProductStats,
}

/// As of a few seconds ago.
#[derive(Debug, Serialize, ToSchema)]
struct ProductStats {
    total: i64,
    /// On sale, and seen by anybody.
    published: i64,
    /// One to five are left.
    low_stock: i64,
    out_of_stock: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductDeletion)]
pub struct Deletion {
    pub deleted: bool,
    pub id: String,
}

impl Products {
    pub fn of(data: Vec<Product>, stats: Stats, next_cursor: Option<String>) -> Self {
        let Stats { total, published, low_stock, out_of_stock } = stats;
        let stats = ProductStats { total, published, low_stock, out_of_stock };
        Self { data, pagination: Pagination::to(next_cursor), stats }
    }
}

impl Product {
    pub async fn load(db: &mut PgConnection, shop: Tenant, product: products::Product) -> Result<Self> {
        let of_one = serials::stock_of_products(db, shop, std::slice::from_ref(&product)).await?;
        Ok(Self::of(shop, product, of_one.first().copied().flatten()))
    }

    pub fn of(shop: Tenant, product: products::Product, stock: Option<i64>) -> Self {
        // A draft is what this surface calls on hold and private (contract 9.2).
        let draft = product.status == Status::Draft;
        Self {
            id: product.id.to_string(),
            uniqid: product.id.uuid().to_string(),
            shop_id: shop.uuid().to_string(),
            slug: product.slug,
            r#type: type_word(product.r#type),
            subtype: if product.r#type == Type::Account { "ACCOUNT" } else { "SINGLE" },
            title: product.name.clone(),
            name: product.name,
            currency: product.currency.code(),
            price: product.currency.major(product.price),
            price_display: product.currency.major(product.price),
            description: product.description,
            stock,
            available_stock: stock,
            quantity_min: 1,
            quantity_max: -1,
            unlisted: product.listing.unlisted,
            private: product.listing.private || draft,
            on_hold: product.listing.on_hold || draft,
            service_text: product.source.text,
            dynamic_webhook: product.source.webhook.map(|webhook| webhook.as_str().to_owned()),
            file_id: product.source.file.map(|file| file.to_string()),
            licensing_enabled: product.licensing.enabled,
            license_period: product.licensing.period_days,
            count_uses: product.licensing.uses.word(),
            license_key_pattern: product.licensing.key_pattern,
            gateways: Vec::new(),
            custom_fields: Vec::new(),
            volume_discounts: Vec::new(),
            variants: Vec::new(),
            created_at: product.created_at.timestamp(),
            updated_at: product.updated_at.timestamp(),
            dynamic_webhook_secret: None,
        }
    }

    pub async fn written(db: &mut PgConnection, shop: Tenant, written: Written) -> Result<Self> {
        let product = Self::load(db, shop, written.product).await?;
        Ok(Self { dynamic_webhook_secret: written.dynamic_secret.as_ref().map(secret::reveal), ..product })
    }
}

fn type_word(kind: Type) -> &'static str {
    TYPES.iter().find(|(_, known)| *known == kind).map_or("SERIALS", |(word, _)| word)
}
