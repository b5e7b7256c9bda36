//! What the relationship may sell, at its own prices.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::Number;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::fulfillments::LIMIT_DEFAULT;
use crate::app::App;
use crate::domain::products::{self, Product, ProductId};
use crate::domain::resellers;
use crate::domain::serials;
use crate::error::{Error, Result};
use crate::http::door::Answer;
use crate::http::door::params::{Query, date_time};
use crate::http::door::read::Read;
use crate::http::door::reseller::Reseller;
use crate::http::door::wire::{CursorList, Instant};
use crate::kit::page::{Page, Place};

/// How far `as_of` lies in the past (R50): longer than any write takes to be seen.
const SETTLED_AFTER: Duration = Duration::seconds(10);

#[derive(Debug, Serialize, ToSchema)]
pub struct Offers {
    #[serde(flatten)]
    page: CursorList<Offered>,
    /// Pass it as `updated_since` next time: rows may come twice, none is missed.
    as_of: Instant,
}

/// A product on the relationship's terms.
#[derive(Debug, Serialize, ToSchema)]
pub struct Offered {
    product_id: String,
    variant_id: Option<String>,
    #[schema(example = "Studio Pro, one seat")]
    title: String,
    #[schema(value_type = f64, example = 39.0)]
    wholesale_price: Number,
    #[schema(example = "USD")]
    currency: &'static str,
    /// Of one fulfillment.
    min_quantity: i32,
    max_quantity: Option<i32>,
    available_stock: i64,
}

/// Lists what may be sold now, newest product first. `updated_since` narrows to what changed since then: the product,
/// its stock, or the terms.
#[utoipa::path(get, path = "/products", tag = "products", security(("key" = [])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("updated_since" = Option<String>, Query, description = "`as_of` of an answer before"),
), responses((status = 200, body = Offers)))]
pub async fn list(caller: Reseller, State(app): State<Arc<App>>, query: Query, mut db: Read) -> Answer<Offers> {
    let as_of = Instant(app.env.now() - SETTLED_AFTER);
    let since = query.get("updated_since").map(since).transpose()?;
    let filters = format!("{};{}", caller.relationship.id, query.filters(&["updated_since"]));
    let place = Place::new("offers", caller.shop.uuid(), &filters);
    let window = query.window_of::<Product>(LIMIT_DEFAULT, &place, &app.env.vault)?;
    let mut sold = sold(&mut db, &caller).await?;
    // New terms may change every price.
    let terms = caller.relationship.updated_at.max(caller.program.updated_at);
    if let Some(since) = since.filter(|since| terms < *since) {
        let pools: Vec<_> = sold.iter().filter_map(|(product, _)| product.pool).collect();
        let changed = serials::changed_since(&mut db, caller.shop, &pools, since).await?;
        sold.retain(|(product, _)| {
            product.updated_at >= since || product.pool.is_some_and(|pool| changed.contains(&pool))
        });
    }
    sold.retain(|(product, _)| window.after.is_none_or(|after| product.id < after));
    sold.truncate(usize::try_from(window.rows()).unwrap_or(usize::MAX));
    let page = Page::cut(sold, &window, &place, &app.env.vault, |(product, _)| *product.id);
    let next_cursor = page.next_cursor;
    let data = with_stock(&mut db, &caller, page.data).await?;
    Ok(Json(Offers { page: Page { data, next_cursor }.into(), as_of }))
}

/// Everything that the relationship may sell, for `GET /me`.
pub async fn all(db: &mut PgConnection, caller: &Reseller) -> Result<Vec<Offered>> {
    let sold = sold(db, caller).await?;
    with_stock(db, caller, sold).await
}

fn since(text: &str) -> Result<DateTime<Utc>> {
    date_time(text).ok_or_else(|| Error::invalid("updated_since", "must be a date-time with its zone"))
}

type Sold = (Product, resellers::Offer);

/// Newest first.
async fn sold(db: &mut PgConnection, caller: &Reseller) -> Result<Vec<Sold>> {
    if caller.relationship.may_buy(&caller.program).is_err() {
        return Ok(Vec::new());
    }
    let access = resellers::whole_access(db, caller.shop, caller.relationship.id).await?;
    let ids: Vec<ProductId> = access.iter().map(|access| access.product).collect();
    let mut products = products::get_all(db, caller.shop, &ids).await?;
    products.sort_unstable_by_key(|product| std::cmp::Reverse(product.id));
    let offer = |product: Product| {
        let access = access.iter().find(|access| access.product == product.id);
        let offer = resellers::offer(&product, &caller.relationship, access, &caller.program).ok()?;
        Some((product, offer))
    };
    Ok(products.into_iter().filter_map(offer).collect())
}

async fn with_stock(db: &mut PgConnection, caller: &Reseller, sold: Vec<Sold>) -> Result<Vec<Offered>> {
    let pools: Vec<_> = sold.iter().filter_map(|(product, _)| product.pool).collect();
    let stock = serials::stock(db, caller.shop, &pools).await?;
    let offered = |((product, offer), available_stock): (Sold, i64)| Offered {
        product_id: product.id.uuid().to_string(),
        variant_id: None,
        wholesale_price: product.currency.major(offer.wholesale),
        currency: product.currency.code(),
        min_quantity: offer.min_quantity,
        max_quantity: offer.max_quantity,
        title: product.name,
        available_stock,
    };
    Ok(sold.into_iter().zip(stock).map(offered).collect())
}
