//! Products, and the codes of their pools.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::keys::merchant::{ProductsRead, ProductsWrite};
use crate::domain::orders;
use crate::domain::products::{self, Filter, NewProduct, ProductPatch, Status, Type, Written};
use crate::domain::serials;
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::http::door::caller::Merchant;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::wire::{Instant, List};
use crate::http::door::write::Write;
use crate::http::door::{Answer, Reply};
use crate::kit::page::{Page, Place};
use crate::kit::secret;
use body::{Keys, KeysBody, NewProductBody, ProductPatchBody};

#[path = "product_body.rs"]
mod body;

/// A product in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductSummary {
    #[schema(example = "prod_01J2PVQR41T4CWXV1C4Y4ZK3M8")]
    id: String,
    name: String,
    #[schema(example = "license_key")]
    r#type: &'static str,
    /// Minor units of `currency`.
    price_cents: i64,
    currency: &'static str,
    /// Free codes of a pooled product; counted stock of another; null is unlimited.
    stock: Option<i64>,
    #[schema(example = "active")]
    status: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Product {
    #[schema(example = "prod_01J2PVQR41T4CWXV1C4Y4ZK3M8")]
    id: String,
    name: String,
    /// Made of the name, unique in the shop; it does not change with the name.
    slug: String,
    #[schema(example = "license_key")]
    r#type: &'static str,
    /// Markdown.
    description: Option<String>,
    /// Minor units of `currency`.
    price_cents: i64,
    currency: &'static str,
    /// Free codes of a pooled product; counted stock of another; null is unlimited.
    stock: Option<i64>,
    #[schema(example = "active")]
    status: &'static str,
    /// Is called when a `dynamic` product was paid, and answers with the goods.
    dynamic_webhook: Option<String>,
    /// Handed over with the goods, or as the goods.
    service_text: Option<String>,
    /// What a `file_download` product is; `keyhouse files put` uploads one.
    file_id: Option<String>,
    created_at: Instant,
    updated_at: Instant,
}

/// A product as just written.
#[derive(Debug, Serialize, ToSchema)]
pub struct WrittenProduct {
    #[serde(flatten)]
    product: Product,
    /// Signs the calls to `dynamic_webhook`; shown in this answer alone, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamic_webhook_secret: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Archival {
    id: String,
    deleted: bool,
    archived_at: Option<Instant>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Import {
    imported: i64,
    /// Codes that the pool holds or ever held, and codes sent twice.
    duplicates: i64,
    stock_after: i64,
}

/// Lists products, newest first; archived ones only where `status` asks for them.
#[utoipa::path(get, path = "/products", tag = "products", security(("key" = ["products:read"])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("status" = Option<String>, Query, description = "One or more of active, archived, draft, separated by commas"),
    ("type" = Option<String>, Query, description = "One or more product types, separated by commas"),
), responses((status = 200, body = List<ProductSummary>)))]
pub async fn list(
    caller: Merchant<ProductsRead>,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<List<ProductSummary>> {
    let filter =
        Filter { statuses: query.set("status", Status::WORDS)?, types: query.set("type", Type::WORDS)?, listed: false };
    let place = Place::new("products", caller.shop.uuid(), &query.filters(&["status", "type"]));
    let window = query.window(&place, &app.env.vault)?;
    let page = products::list(&mut db, caller.shop, &app.env, &filter, window, &place).await?;
    let stocks = serials::stock_of_products(&mut db, caller.shop, &page.data).await?;
    let data = page.data.iter().zip(stocks).map(|(product, stock)| ProductSummary::of(product, stock)).collect();
    Ok(Json(Page { data, next_cursor: page.next_cursor }.into()))
}

/// Creates a product. One that takes codes has its stock from its pool; a `dynamic` or `file_download`
/// product starts as a draft unless it is given its webhook or file.
#[utoipa::path(post, path = "/products", tag = "products", security(("key" = ["products:write"])),
    request_body = NewProductBody, responses((status = 201, body = WrittenProduct)))]
pub async fn create(caller: Merchant<ProductsWrite>, write: Write<NewProduct>) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    let webhook = write.body.source.webhook.as_ref();
    app.may_call("dynamic_webhook", webhook)?;
    let shows_secret = webhook.is_some();
    write
        .private_if(shows_secret)
        .once(&caller, StatusCode::CREATED, async move |db, new| {
            let written = products::create(db, shop, &app.env, new.clone()).await?;
            WrittenProduct::load(db, shop, written).await
        })
        .await
}

/// Fetches a product.
#[utoipa::path(get, path = "/products/{id}", tag = "products", security(("key" = ["products:read"])),
    params(("id" = String, Path)), responses((status = 200, body = Product)))]
pub async fn get(
    caller: Merchant<ProductsRead>,
    PathId(id): PathId<products::Product>,
    mut db: Read,
) -> Answer<Product> {
    let product = products::get(&mut db, caller.shop, id).await?;
    Product::load(&mut db, caller.shop, product).await.map(Json)
}

/// Changes a product; absent fields stay as they are.
#[utoipa::path(patch, path = "/products/{id}", tag = "products", security(("key" = ["products:write"])),
    params(("id" = String, Path)), request_body = ProductPatchBody, responses((status = 200, body = WrittenProduct)))]
pub async fn update(
    caller: Merchant<ProductsWrite>,
    PathId(id): PathId<products::Product>,
    write: Write<ProductPatch>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    let webhook = write.body.webhook.value();
    app.may_call("dynamic_webhook", webhook)?;
    let shows_secret = webhook.is_some();
    write
        .private_if(shows_secret)
        .once(&caller, StatusCode::OK, async move |db, patch| {
            let written = products::update(db, shop, &app.env, id, patch.clone()).await?;
            WrittenProduct::load(db, shop, written).await
        })
        .await
}

/// Archives a product: it is no longer sold or listed, and orders keep what they bought.
#[utoipa::path(delete, path = "/products/{id}", tag = "products", security(("key" = ["products:write"])),
    params(("id" = String, Path)), responses((status = 200, body = Archival)))]
pub async fn archive(
    caller: Merchant<ProductsWrite>,
    PathId(id): PathId<products::Product>,
    write: Write<crate::kit::json::Nothing>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            let product = products::archive(db, shop, &app.env, id).await?;
            let archived_at = product.archived_at.map(Instant);
            Ok(Archival { id: product.id.to_string(), deleted: true, archived_at })
        })
        .await
}

/// Loads codes into the product's pool. Orders that wait for codes are served first, oldest first, in
/// the same transaction.
#[utoipa::path(post, path = "/products/{id}/keys", tag = "products", security(("key" = ["products:write"])),
    params(("id" = String, Path)), request_body = KeysBody, responses((status = 201, body = Import)))]
pub async fn import_keys(
    caller: Merchant<ProductsWrite>,
    PathId(id): PathId<products::Product>,
    write: Write<Keys>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::CREATED, async move |db, body| {
            let pool = products::pool_for_import(db, shop, &app.env, id).await?;
            let waiting = orders::lock_waiting(db, shop, pool).await?;
            let imported = serials::import(db, shop, &app.env, pool, &body.keys).await?;
            let served = orders::hand_out(db, shop, &app.env, &app.cursors, pool, &waiting).await?;
            let stock_after =
                if served == 0 { imported.stock_after } else { serials::stock_of(db, shop, pool).await? };
            Ok(Import { imported: imported.imported, duplicates: imported.duplicates, stock_after })
        })
        .await
}

impl ProductSummary {
    fn of(product: &products::Product, stock: Option<i64>) -> Self {
        Self {
            id: product.id.to_string(),
            name: product.name.clone(),
            r#type: product.r#type.word(),
            price_cents: product.price.get(),
            currency: product.currency.code(),
            stock,
            status: product.status.word(),
        }
    }
}

impl Product {
    async fn load(db: &mut PgConnection, shop: Tenant, product: products::Product) -> Result<Self> {
        let of_one = serials::stock_of_products(db, shop, std::slice::from_ref(&product)).await?;
        let stock = of_one.first().copied().flatten();
        Ok(Self {
            id: product.id.to_string(),
            name: product.name,
            slug: product.slug,
            r#type: product.r#type.word(),
            description: product.description,
            price_cents: product.price.get(),
            currency: product.currency.code(),
            stock,
            status: product.status.word(),
            dynamic_webhook: product.source.webhook.map(|webhook| webhook.as_str().to_owned()),
            service_text: product.source.text,
            file_id: product.source.file.map(|file| file.to_string()),
            created_at: Instant(product.created_at),
            updated_at: Instant(product.updated_at),
        })
    }
}

impl WrittenProduct {
    async fn load(db: &mut PgConnection, shop: Tenant, written: Written) -> Result<Self> {
        let product = Product::load(db, shop, written.product).await?;
        Ok(Self { product, dynamic_webhook_secret: written.dynamic_secret.as_ref().map(secret::reveal) })
    }
}
