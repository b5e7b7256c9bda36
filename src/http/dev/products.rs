//! Products, as a developer automates them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use sqlx::PgConnection;

use super::product::{Deletion, Product, Products};
use super::product_body::{Change, Create, ProductInput};
use crate::app::App;
use crate::domain::keys::developer::{ProductsRead, ProductsWrite};
use crate::domain::orders;
use crate::domain::products::{self, Filter, ProductId, Status};
use crate::domain::serials::{self, Code};
use crate::domain::shops::{self, Tenant};
use crate::error::{Error, Result};
use crate::http::door::caller::Developer;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::json::Nothing;
use crate::kit::page::Place;

/// Of this surface's lists (contract 1.3).
const LIMIT_DEFAULT: i64 = 50;

/// Lists products, newest first, with the shop's figures. Archived ones are absent here.
#[utoipa::path(get, path = "/products/", tag = "products", security(("key" = ["products.read"])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = Products)))]
pub async fn list(
    caller: Developer<ProductsRead>,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<Products> {
    let place = Place::new("dev products", caller.shop.uuid(), &query.filters(&[]));
    let window = query.window_of(LIMIT_DEFAULT, &place, &app.env.vault)?;
    let page = products::list(&mut db, caller.shop, &app.env, &Filter::default(), window, &place).await?;
    let stocks = serials::stock_of_products(&mut db, caller.shop, &page.data).await?;
    let stats = serials::stats(&mut db, caller.shop, &app.env).await?;
    let shown = page.data.into_iter().zip(stocks).map(|(product, stock)| Product::of(caller.shop, product, stock));
    Ok(Json(Products::of(shown.collect(), stats, page.next_cursor)))
}

/// Fetches a product.
#[utoipa::path(get, path = "/products/{id}", tag = "products", security(("key" = ["products.read"])),
    params(("id" = String, Path, description = "The product's `id` or `uniqid`")),
    responses((status = 200, body = Data<Product>)))]
pub async fn get(
    caller: Developer<ProductsRead>,
    PathId(id): PathId<products::Product>,
    mut db: Read,
) -> Answer<Data<Product>> {
    let product = products::get(&mut db, caller.shop, id).await?;
    if product.status == Status::Archived {
        return Err(Error::NotFound("product")); // archived is absent here (contract 9.2)
    }
    Ok(Json(Data { data: Product::load(&mut db, caller.shop, product).await? }))
}

/// Creates a product, with its serials if it sells some.
#[utoipa::path(post, path = "/products/", tag = "products", security(("key" = ["products.write"])),
    request_body = ProductInput, responses((status = 201, body = Data<Product>)))]
pub async fn create(caller: Developer<ProductsWrite>, write: Write<Create>) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    let webhook = write.body.source.webhook.as_ref();
    app.may_call("dynamic_webhook", webhook)?;
    let shows_secret = webhook.is_some();
    write
        .private_if(shows_secret)
        .once(&caller, StatusCode::CREATED, async move |db, body| {
            let of_shop = shops::get(db, shop).await?.currency;
            let written = products::create(db, shop, &app.env, body.new_product(of_shop)?).await?;
            if !body.serials.is_empty() {
                let pool = products::pool_for_import(db, shop, &app.env, written.product.id).await?;
                serials::import(db, shop, &app.env, pool, &body.serials).await?;
            }
            Ok(Data { data: Product::written(db, shop, written).await? })
        })
        .await
}

/// Takes a product out of the shop; doing it again changes nothing. Orders keep what they bought.
#[utoipa::path(delete, path = "/products/{id}", tag = "products", security(("key" = ["products.write"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<Deletion>)))]
pub async fn remove(
    caller: Developer<ProductsWrite>,
    PathId(id): PathId<products::Product>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            products::archive(db, shop, &app.env, id).await?;
            Ok(Data { data: Deletion { deleted: true, id: id.to_string() } })
        })
        .await
}

/// Changes a product; absent fields stay as they are. `serials` replaces the free serials of its pool.
#[utoipa::path(patch, path = "/products/{id}", tag = "products", security(("key" = ["products.write"])),
    params(("id" = String, Path)), request_body = ProductInput, responses((status = 200, body = Data<Product>)))]
pub async fn update(
    caller: Developer<ProductsWrite>,
    PathId(id): PathId<products::Product>,
    write: Write<Change>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    let webhook = write.body.webhook();
    app.may_call("dynamic_webhook", webhook)?;
    let shows_secret = webhook.is_some();
    write
        .private_if(shows_secret)
        .once(&caller, StatusCode::OK, async move |db, body| {
            let before = products::get(db, shop, id).await?;
            if before.status == Status::Archived {
                return Err(Error::NotFound("product"));
            }
            if body.serials.is_some() && !before.r#type.takes_codes() {
                return Err(Error::invalid("serials", "belong to a product of type SERIALS"));
            }
            let mut written = products::update(db, shop, &app.env, id, body.patch(&before)?).await?;
            if let Some(codes) = &body.serials {
                replace_serials(db, shop, &app, id, codes).await?;
                written.product = products::get(db, shop, id).await?;
            }
            Ok(Data { data: Product::written(db, shop, written).await? })
        })
        .await
}

async fn replace_serials(db: &mut PgConnection, shop: Tenant, app: &App, id: ProductId, codes: &[Code]) -> Result<()> {
    let pool = products::pool_for_import(db, shop, &app.env, id).await?;
    let waiting = orders::lock_waiting(db, shop, pool).await?;
    serials::replace(db, shop, &app.env, pool, codes).await?;
    orders::hand_out(db, shop, &app.env, &app.cursors, pool, &waiting).await.map(drop)
}
