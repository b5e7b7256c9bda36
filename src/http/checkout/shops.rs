//! What a shop sells, for everybody to see: active products, newest first (R23).

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::products::{self, Filter, Product, Status};
use crate::domain::serials;
use crate::domain::shops::{self, Mode, Tenant};
use crate::error::{Error, Result};
use crate::http::door::Answer;
use crate::http::door::params::Query;
use crate::http::door::read::Read;
use crate::http::door::wire::List;
use crate::kit::page::{Page, Place};

/// A product on sale.
#[derive(Debug, Serialize, ToSchema)]
pub struct Offer {
    #[schema(example = "prod_01J2PVQR41T4CWXV1C4Y4ZK3M8")]
    id: String,
    name: String,
    slug: String,
    /// Markdown.
    description: Option<String>,
    #[schema(example = "license_key")]
    r#type: &'static str,
    /// Minor units of `currency`.
    price_cents: i64,
    currency: &'static str,
    /// Null is unlimited.
    stock: Option<i64>,
    in_stock: bool,
    /// No product has variants yet.
    variants: Vec<Variant>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Variant {
    id: String,
}

/// `{shop}` and, where there is one, `{product}`: each a slug or an id.
pub struct Names {
    shop: String,
    product: String,
}

impl FromRequestParts<Arc<App>> for Names {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Error::NotFound("shop"))?;
        // Postgres knows no such text, so nobody has such a name.
        if params.iter().any(|(_, text)| text.contains('\0')) {
            return Err(Error::NotFound("shop"));
        }
        let named = |name| params.iter().find(|(n, _)| *n == name).map(|(_, text)| text.to_owned()).unwrap_or_default();
        Ok(Self { shop: named("shop"), product: named("product") })
    }
}

/// Lists what a shop sells, newest first.
#[utoipa::path(get, path = "/shops/{shop}/products", tag = "shops", params(
    ("shop" = String, Path, description = "The shop's slug or id"),
    ("mode" = Option<String>, Query, description = "live (unless said) or test"),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = List<Offer>)))]
pub async fn list(State(app): State<Arc<App>>, names: Names, query: Query, mut db: Read) -> Answer<List<Offer>> {
    let shop = find_shop(&mut db, &names, &query).await?;
    let filter = Filter { statuses: vec![Status::Active], types: Vec::new(), listed: true };
    let place = Place::new("offers", shop.uuid(), "");
    let window = query.window(&place, &app.env.vault)?;
    let page = products::list(&mut db, shop, &app.env, &filter, window, &place).await?;
    let stocks = serials::stock_of_products(&mut db, shop, &page.data).await?;
    let data = page.data.into_iter().zip(stocks).map(|(product, stock)| Offer::of(product, stock)).collect();
    Ok(Json(Page { data, next_cursor: page.next_cursor }.into()))
}

/// Shows one product on sale.
#[utoipa::path(get, path = "/shops/{shop}/products/{product}", tag = "shops", params(
    ("shop" = String, Path, description = "The shop's slug or id"),
    ("product" = String, Path, description = "The product's slug or id"),
    ("mode" = Option<String>, Query, description = "live (unless said) or test"),
), responses((status = 200, body = Offer)))]
pub async fn get(names: Names, query: Query, mut db: Read) -> Answer<Offer> {
    let shop = find_shop(&mut db, &names, &query).await?;
    let product = products::find(&mut db, shop, &names.product).await?;
    if product.status != Status::Active || product.listing.private {
        return Err(Error::NotFound("product"));
    }
    let stocks = serials::stock_of_products(&mut db, shop, std::slice::from_ref(&product)).await?;
    Ok(Json(Offer::of(product, stocks.first().copied().flatten())))
}

async fn find_shop(db: &mut Read, names: &Names, query: &Query) -> Result<Tenant> {
    let mode = match query.set("mode", Mode::WORDS)?.as_slice() {
        [] => Mode::Live,
        [one] => *one,
        _ => return Err(Error::invalid("mode", "must be live or test")),
    };
    Ok(shops::find(db, &names.shop, mode).await?.tenant)
}

impl Offer {
    fn of(product: Product, stock: Option<i64>) -> Self {
        Self {
            id: product.id.to_string(),
            name: product.name,
            slug: product.slug,
            description: product.description,
            r#type: product.r#type.word(),
            price_cents: product.price.get(),
            currency: product.currency.code(),
            stock,
            in_stock: product.listing.is_on_sale() && stock.is_none_or(|stock| stock > 0),
            variants: Vec::new(),
        }
    }
}
