use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Fulfillment, Item};
use crate::error::{Error, Result};
use crate::kit::id::Id;
use crate::kit::money::{Cents, Currency};

pub struct Row {
    pub id: Uuid,
    reseller_id: Uuid,
    external_order_id: String,
    product_id: Uuid,
    quantity: i32,
    customer_email: String,
    unit_cents: i64,
    total_cents: i64,
    currency: String,
    balance_after: i64,
    created_at: DateTime<Utc>,
}

#[derive(Default)]
pub struct Rows {
    ids: Vec<Uuid>,
    resellers: Vec<Uuid>,
    orders: Vec<String>,
    products: Vec<Uuid>,
    quantities: Vec<i32>,
    emails: Vec<String>,
    units: Vec<i64>,
    totals: Vec<i64>,
    currencies: Vec<String>,
    balances: Vec<i64>,
}

impl Rows {
    pub fn push(&mut self, one: &Fulfillment) {
        self.ids.push(*one.id);
        self.resellers.push(*one.reseller);
        self.orders.push(one.external_order_id.clone());
        self.products.push(*one.product);
        self.quantities.push(one.quantity);
        self.emails.push(one.customer_email.clone());
        self.units.push(one.unit.get());
        self.totals.push(one.total.get());
        self.currencies.push(one.currency.code().to_owned());
        self.balances.push(one.balance_after.get());
    }
}

/// Identities of fulfillments, in columns.
#[derive(Default)]
pub struct Lines {
    pub resellers: Vec<Uuid>,
    pub orders: Vec<String>,
    pub products: Vec<Uuid>,
}

/// Replacements, in columns: each bad code with its good one.
pub struct Pairs {
    pub ids: Vec<Uuid>,
    pub bad: Vec<Uuid>,
    pub good: Vec<Uuid>,
}

pub async fn get(db: &mut PgConnection, shop: Uuid, reseller: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, reseller_id, external_order_id, product_id, quantity, customer_email, unit_cents, total_cents,
                currency, balance_after, created_at
         from fulfillments where shop_id = $1 and reseller_id = $2 and id = $3",
        shop,
        reseller,
        id
    )
    .fetch_optional(db)
    .await
}

/// Whosever it is.
pub async fn find(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, reseller_id, external_order_id, product_id, quantity, customer_email, unit_cents, total_cents,
                currency, balance_after, created_at
         from fulfillments where shop_id = $1 and id = $2",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn lock(db: &mut PgConnection, shop: Uuid, reseller: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, reseller_id, external_order_id, product_id, quantity, customer_email, unit_cents, total_cents,
                currency, balance_after, created_at
         from fulfillments where shop_id = $1 and reseller_id = $2 and id = $3 for no key update",
        shop,
        reseller,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn list(
    db: &mut PgConnection,
    shop: Uuid,
    reseller: Uuid,
    order: Option<&str>,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, reseller_id, external_order_id, product_id, quantity, customer_email, unit_cents, total_cents,
                currency, balance_after, created_at
         from fulfillments
         where shop_id = $1 and reseller_id = $2 and ($3::text is null or external_order_id = $3)
           and ($4::uuid is null or id < $4)
         order by id desc limit $5",
        shop,
        reseller,
        order,
        after,
        rows
    )
    .fetch_all(db)
    .await
}

/// Those of these identities that are there. Each is looked up by itself: a planner who still takes the table for
/// a small one could join all of it.
pub async fn find_all(db: &mut PgConnection, shop: Uuid, lines: &Lines) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select f.id, f.reseller_id, f.external_order_id, f.product_id, f.quantity, f.customer_email, f.unit_cents,
                f.total_cents, f.currency, f.balance_after, f.created_at
         from unnest($2::uuid[], $3::text[], $4::uuid[]) as l (reseller_id, external_order_id, product_id)
         cross join lateral (
             select * from fulfillments f
             where f.shop_id = $1 and f.reseller_id = l.reseller_id and f.external_order_id = l.external_order_id
               and f.product_id = l.product_id and f.variant_id is null
             limit 1) f",
        shop,
        &lines.resellers,
        &lines.orders,
        &lines.products
    )
    .fetch_all(db)
    .await
}

pub async fn insert_all(db: &mut PgConnection, shop: Uuid, rows: &Rows, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into fulfillments (shop_id, id, reseller_id, external_order_id, product_id, quantity, customer_email,
                                   unit_cents, total_cents, currency, balance_after, created_at)
         select $1, f.id, f.reseller_id, f.external_order_id, f.product_id, f.quantity, f.customer_email,
                f.unit_cents, f.total_cents, f.currency, f.balance_after, $12
         from unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::int[], $7::text[], $8::bigint[],
                     $9::bigint[], $10::text[], $11::bigint[])
             as f (id, reseller_id, external_order_id, product_id, quantity, customer_email, unit_cents, total_cents,
                   currency, balance_after)",
        shop,
        &rows.ids,
        &rows.resellers,
        &rows.orders,
        &rows.products,
        &rows.quantities,
        &rows.emails,
        &rows.units,
        &rows.totals,
        &rows.currencies,
        &rows.balances,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn insert_replacements(
    db: &mut PgConnection,
    shop: Uuid,
    fulfillment: Uuid,
    pairs: &Pairs,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into fulfillment_replacements (shop_id, id, fulfillment_id, burned_id, serial_id, reason, created_at)
         select $1, r.id, $2, r.burned_id, r.serial_id, $6, $7
         from unnest($3::uuid[], $4::uuid[], $5::uuid[]) as r (id, burned_id, serial_id)",
        shop,
        fulfillment,
        &pairs.ids,
        &pairs.bad,
        &pairs.good,
        reason,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

impl Row {
    pub fn with(self, items: &mut HashMap<Uuid, Vec<Item>>) -> Result<Fulfillment> {
        let fault = || Error::Internal(format!("fulfillment {} cannot be read", self.id));
        let cents = |cents: i64| Cents::new(cents).ok_or_else(fault);
        Ok(Fulfillment {
            id: Id::from(self.id),
            reseller: Id::from(self.reseller_id),
            product: Id::from(self.product_id),
            unit: cents(self.unit_cents)?,
            total: cents(self.total_cents)?,
            currency: Currency::parse(&self.currency).ok_or_else(fault)?,
            balance_after: cents(self.balance_after)?,
            items: items.remove(&self.id).unwrap_or_default(),
            quantity: self.quantity,
            created_at: self.created_at,
            external_order_id: self.external_order_id,
            customer_email: self.customer_email,
        })
    }
}
