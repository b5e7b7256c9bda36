//! What the relationship may sell, at its own prices.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::Number;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::products::{self, Product, ProductId};
use crate::domain::resellers::{self, Offer};
use crate::domain::serials;
use crate::error::{Error, Result};
use crate::http::door::Answer;
use crate::http::door::params::{Query, date_time};
use crate::http::door::read::Read;
use crate::http::door::reseller::Reseller;
use crate::http::door::wire::{CursorList, Instant};
use crate::kit::page::{Page, Place};

/// Of this surface's lists, as of `/dev/v1` (contract 1.3).
const LIMIT_DEFAULT: i64 = 50;
/// How far `as_of` lies in the past (R50): longer than any write takes to be seen.
const SETTLED_AFTER: Duration = Duration::seconds(10);

#[derive(Debug, Serialize, ToSchema)]
pub struct Offers {
    #[serde(flatten)]
    page: CursorList<Offered>,
    /// Keep the one of the first page, and pass it as `updated_since` next time: rows may come twice, none is missed.
    as_of: Instant,
    /// Everything that is sold now is on this page and those around it: what was known before and is on none of them
    /// is not sold any more. True without `updated_since`, and where the terms changed since then; the first page
    /// says it for all.
    complete: bool,
}

/// A product on the relationship's terms.
#[derive(Debug, Serialize, ToSchema)]
pub struct Offered {
    product_id: String,
    variant_id: Option<String>,
    #[schema(example = "Studio Pro, one seat")]
    title: String,
    /// Whether it can be ordered now. Never false without `updated_since`, which tells of what was sold before as well.
    sold: bool,
    /// Null where it is not sold.
    #[schema(value_type = Option<f64>, example = 39.0)]
    wholesale_price: Option<Number>,
    #[schema(example = "USD")]
    currency: &'static str,
    /// Of one fulfillment.
    min_quantity: i32,
    max_quantity: Option<i32>,
    /// Zero where it is not sold.
    available_stock: i64,
}

/// Lists what may be sold now, newest product first. `updated_since` narrows to what changed since then: the product,
/// its stock, or the terms; and tells of what is not sold any more, with `sold` false. What was taken out of the
/// reseller's access is not listed at all: such an answer is `complete`.
#[utoipa::path(get, path = "/products", tag = "products", security(("key" = [])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("updated_since" = Option<String>, Query, description = "`as_of` of the first page before"),
), responses((status = 200, body = Offers)))]
pub async fn list(caller: Reseller, State(app): State<Arc<App>>, query: Query, mut db: Read) -> Answer<Offers> {
    let as_of = Instant(app.env.now() - SETTLED_AFTER);
    let since = query.get("updated_since").map(since).transpose()?;
    let filters = format!("{};{}", caller.relationship.id, query.filters(&["updated_since"]));
    let place = Place::new("offers", caller.shop.uuid(), &filters);
    let window = query.window_of::<Product>(LIMIT_DEFAULT, &place, &app.env.vault)?;
    // New terms may change every price, and take products away.
    let terms = caller.relationship.updated_at.max(caller.program.updated_at);
    let complete = since.is_none_or(|since| terms >= since);
    let mut listed = listed(&mut db, &caller).await?;
    match since {
        None => listed.retain(|(_, offer)| offer.is_some()),
        Some(_) if complete => {}
        Some(since) => retain_changed(&mut db, &caller, &mut listed, since).await?,
    }
    listed.retain(|(product, _)| window.after.is_none_or(|after| product.id < after));
    listed.truncate(usize::try_from(window.rows()).unwrap_or(usize::MAX));
    let page = Page::cut(listed, &window, &place, &app.env.vault, |(product, _)| *product.id);
    let next_cursor = page.next_cursor;
    let data = with_stock(&mut db, &caller, page.data).await?;
    Ok(Json(Offers { page: Page { data, next_cursor }.into(), as_of, complete }))
}

/// Everything that the relationship may sell, for `GET /me`.
pub async fn all(db: &mut PgConnection, caller: &Reseller) -> Result<Vec<Offered>> {
    let mut listed = listed(db, caller).await?;
    listed.retain(|(_, offer)| offer.is_some());
    with_stock(db, caller, listed).await
}

fn since(text: &str) -> Result<DateTime<Utc>> {
    date_time(text).ok_or_else(|| Error::invalid("updated_since", "must be a date-time with its zone"))
}

/// A product that is listed for the relationship, and what it is offered for where it is sold now.
type Listed = (Product, Option<Offer>);

/// Newest first.
async fn listed(db: &mut PgConnection, caller: &Reseller) -> Result<Vec<Listed>> {
    let buys = caller.relationship.may_buy(&caller.program).is_ok();
    let access = resellers::whole_access(db, caller.shop, caller.relationship.id).await?;
    let ids: Vec<ProductId> = access.iter().map(|access| access.product).collect();
    let mut products = products::get_all(db, caller.shop, &ids).await?;
    products.sort_unstable_by_key(|product| std::cmp::Reverse(product.id));
    let with_offer = |product: Product| {
        let access = access.iter().find(|access| access.product == product.id);
        let offer = resellers::offer(&product, &caller.relationship, access, &caller.program).ok().filter(|_| buys);
        (product, offer)
    };
    Ok(products.into_iter().map(with_offer).collect())
}

/// Keeps those that changed, or whose stock did.
async fn retain_changed(
    db: &mut PgConnection,
    caller: &Reseller,
    listed: &mut Vec<Listed>,
    since: DateTime<Utc>,
) -> Result<()> {
    let pools: Vec<_> = listed.iter().filter_map(|(product, _)| product.pool).collect();
    let changed = serials::changed_since(db, caller.shop, &pools, since).await?;
    listed
        .retain(|(product, _)| product.updated_at >= since || product.pool.is_some_and(|pool| changed.contains(&pool)));
    Ok(())
}

async fn with_stock(db: &mut PgConnection, caller: &Reseller, listed: Vec<Listed>) -> Result<Vec<Offered>> {
    let pool = |(product, offer): &Listed| offer.and(product.pool);
    let pools: Vec<_> = listed.iter().filter_map(pool).collect();
    let mut stock = serials::stock(db, caller.shop, &pools).await?.into_iter();
    let offered = |one: Listed| {
        let available_stock = pool(&one).and_then(|_| stock.next()).unwrap_or(0);
        let (product, offer) = one;
        Offered {
            product_id: product.id.uuid().to_string(),
            variant_id: None,
            sold: offer.is_some(),
            wholesale_price: offer.map(|offer| product.currency.major(offer.wholesale)),
            currency: product.currency.code(),
            min_quantity: offer.map_or(1, |offer| offer.min_quantity),
            max_quantity: offer.and_then(|offer| offer.max_quantity),
            title: product.name,
            available_stock,
        }
    };
    Ok(listed.into_iter().map(offered).collect())
}
