//! Invoices. An order is an invoice: the same record, with what this list of names adds to it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::order::{Order, Shown};
use super::orders::ByShopBody;
use crate::app::App;
use crate::domain::customers;
use crate::domain::keys::developer::{InvoicesReading, InvoicesWriting};
use crate::domain::orders::{self, ByShop, Filter, Item};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::http::door::caller::Developer;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::wire::CursorList;
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::page::{Page, Place};
use crate::kit::values::Email;

/// Of this surface's lists (contract 1.3).
const LIMIT_DEFAULT: i64 = 50;
/// Whose invoices: as clients in the field call it, and as the documents do.
const WHOSE: [&str; 2] = ["customer_email", "customerEmail"];

#[derive(Debug, Serialize, ToSchema)]
pub struct Invoice {
    #[serde(flatten)]
    order: Order,
    /// `PRODUCT`, or `TOP_UP` for a payment into a reseller's prepaid balance, which has no items.
    #[schema(example = "PRODUCT")]
    r#type: &'static str,
    subtype: Option<String>,
    /// Always `API`.
    origin: &'static str,
    /// The first item's.
    product: Option<InvoiceProduct>,
}

#[derive(Debug, Serialize, ToSchema)]
struct InvoiceProduct {
    uniqid: String,
    title: String,
}

/// Lists invoices, newest first.
#[utoipa::path(get, path = "/invoices", tag = "invoices", security(("key" = ["invoices.read"])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("status" = Option<String>, Query,
        description = "One or more of PENDING, COMPLETED, VOIDED, REFUNDED, separated by commas. PARTIAL, \
                       WAITING_FOR_CONFIRMATIONS, CUSTOMER_DISPUTE_ONGOING and REVERSED are known, and match nothing"),
    ("customer_email" = Option<String>, Query, description = "A whole address"),
    ("customerEmail" = Option<String>, Query, description = "The same as `customer_email`"),
), responses((status = 200, body = CursorList<Invoice>)))]
pub async fn list(
    caller: Developer<InvoicesReading>,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<CursorList<Invoice>> {
    let shop = caller.shop;
    let place = Place::new("invoices", shop.uuid(), &query.filters(&["status", WHOSE[0], WHOSE[1]]));
    let window = query.window_of(LIMIT_DEFAULT, &place, &app.env.vault)?;
    let Some(filter) = filter(&mut db, shop, &query).await? else {
        return Ok(Json(Page { data: Vec::new(), next_cursor: None }.into()));
    };
    let page = orders::list(&mut db, shop, &app.env, &filter, window, &place).await?;
    let orders: Vec<_> = page.data.iter().map(|order| order.id).collect();
    let items = orders::items_of(&mut db, shop, &orders).await?;
    let mut details = orders::details(&mut db, shop, &orders).await?;
    let of = |order: &orders::Order| {
        let items: Vec<Item> = items.iter().filter(|item| item.order == order.id).cloned().collect();
        let details = details.remove(&order.id).ok_or(Error::NotFound("order"))?;
        Ok(Invoice::of(Order::listed(&app, shop, order, &items, details), order, &items))
    };
    let data = page.data.iter().map(of).collect::<Result<_>>()?;
    Ok(Json(Page { data, next_cursor: page.next_cursor }.into()))
}

/// What the query asks for; `None` where nothing can be it.
async fn filter(db: &mut PgConnection, shop: Tenant, query: &Query) -> Result<Option<Filter>> {
    let shown = query.set("status", Shown::WORDS)?;
    let mut filter = Filter { statuses: Shown::statuses(&shown), ..Filter::default() };
    let whose = WHOSE.into_iter().find_map(|name| Some((name, query.get(name)?)));
    if let Some((name, text)) = whose {
        let email = Email::parse(text).ok_or_else(|| Error::invalid(name, "must be one e-mail address"))?;
        filter.customer = customers::find(db, shop, &email).await?;
        if filter.customer.is_none() {
            return Ok(None);
        }
    }
    // Words that no order here is shown as leave no status, and none would be every status.
    let none_left = !shown.is_empty() && filter.statuses.is_empty();
    Ok((!none_left).then_some(filter))
}

/// Fetches an invoice with what was handed over.
#[utoipa::path(get, path = "/invoices/{id}", tag = "invoices", security(("key" = ["invoices.read"])),
    params(("id" = String, Path, description = "The invoice's `uniqid`")),
    responses((status = 200, body = Data<Invoice>)))]
pub async fn get(
    caller: Developer<InvoicesReading>,
    PathId(id): PathId<orders::Order>,
    State(app): State<Arc<App>>,
    mut db: Read,
) -> Answer<Data<Invoice>> {
    let (order, items) = orders::get(&mut db, caller.shop, id).await?;
    Ok(Json(Data { data: Invoice::load(&mut db, &app, caller.shop, &order, &items).await? }))
}

/// Completes an invoice whose payment the shop has received itself, as completing its order does.
#[utoipa::path(post, path = "/invoices/{id}/complete", tag = "invoices", security(("key" = ["invoices.write"])),
    params(("id" = String, Path, description = "The invoice's `uniqid`")), request_body = ByShopBody,
    responses((status = 200, body = Data<Invoice>)))]
pub async fn complete(
    caller: Developer<InvoicesWriting>,
    PathId(id): PathId<orders::Order>,
    write: Write<ByShop>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, by| {
            let (order, items) = orders::complete(db, shop, &app.env, &app.cursors, id, by.clone()).await?;
            Ok(Data { data: Invoice::load(db, &app, shop, &order, &items).await? })
        })
        .await
}

impl Invoice {
    async fn load(
        db: &mut PgConnection,
        app: &App,
        shop: Tenant,
        order: &orders::Order,
        items: &[Item],
    ) -> Result<Self> {
        Ok(Self::of(Order::load(db, app, shop, order, items).await?, order, items))
    }

    fn of(shown: Order, order: &orders::Order, items: &[Item]) -> Self {
        let product =
            |item: &Item| InvoiceProduct { uniqid: item.product.uuid().to_string(), title: item.product_name.clone() };
        Self {
            order: shown,
            r#type: if order.top_up.is_some() { "TOP_UP" } else { "PRODUCT" },
            subtype: None,
            origin: "API",
            product: items.first().map(product),
        }
    }
}
