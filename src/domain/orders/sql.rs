use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{DeliveryState, Failure, Item, Order, Payment, Status};
use crate::domain::payments::Gateway;
use crate::error::{Conflict, Error, Result};
use crate::kit::id::Id;
use crate::kit::money::{Cents, Currency};

pub struct Row {
    id: Uuid,
    status: String,
    failure: Option<String>,
    customer_id: Uuid,
    customer_email: String,
    currency: String,
    subtotal_cents: i64,
    discount_cents: i64,
    total_cents: i64,
    refunded_cents: i64,
    gateway: Option<String>,
    payment_provider: Option<String>,
    payment_chain: Option<String>,
    payment_asset: Option<String>,
    payment_tx_hash: Option<String>,
    return_url: Option<String>,
    expires_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
}

pub struct ItemRow {
    id: Uuid,
    order_id: Uuid,
    product_id: Uuid,
    product_name: String,
    kind: String,
    quantity: i32,
    unit_cents: i64,
    subtotal_cents: i64,
    pool_id: Option<Uuid>,
    counted: bool,
    delivery_state: String,
    delivered_at: Option<DateTime<Utc>>,
}

pub async fn insert_order(
    db: &mut PgConnection,
    shop: Uuid,
    order: &Order,
    custom_fields: &serde_json::Value,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into orders (shop_id, id, status, customer_id, customer_email, currency, subtotal_cents,
                             discount_cents, total_cents, gateway, return_url, custom_fields, expires_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        shop,
        *order.id,
        order.status.word(),
        *order.customer,
        order.customer_email,
        order.currency.code(),
        order.subtotal.get(),
        order.discount.get(),
        order.total.get(),
        order.gateway.map(Gateway::word),
        order.return_url,
        custom_fields,
        order.expires_at,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn insert_items(db: &mut PgConnection, shop: Uuid, items: &[Item]) -> sqlx::Result<()> {
    let column = |uuid: fn(&Item) -> Uuid| items.iter().map(uuid).collect::<Vec<_>>();
    let names: Vec<String> = items.iter().map(|item| item.product_name.clone()).collect();
    let kinds: Vec<String> = items.iter().map(|item| item.kind.clone()).collect();
    let quantities: Vec<i32> = items.iter().map(|item| item.quantity).collect();
    let units: Vec<i64> = items.iter().map(|item| item.unit.get()).collect();
    let subtotals: Vec<i64> = items.iter().map(|item| item.subtotal.get()).collect();
    let pools: Vec<Option<Uuid>> = items.iter().map(|item| item.pool.map(Id::uuid)).collect();
    let counted: Vec<bool> = items.iter().map(|item| item.counted).collect();
    sqlx::query!(
        "insert into order_items (shop_id, id, order_id, product_id, product_name, kind, quantity, unit_cents,
                                  subtotal_cents, pool_id, counted)
         select $1, * from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::int[], $8::bigint[],
                                  $9::bigint[], $10::uuid[], $11::bool[])",
        shop,
        &column(|item| *item.id),
        &column(|item| *item.order),
        &column(|item| *item.product),
        &names,
        &kinds,
        &quantities,
        &units,
        &subtotals,
        &pools as &[Option<Uuid>],
        &counted
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn by_id(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, failure, customer_id, customer_email, currency, subtotal_cents, discount_cents,
                total_cents, refunded_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, expires_at, paid_at
         from orders where shop_id = $1 and id = $2",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn lock(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, failure, customer_id, customer_email, currency, subtotal_cents, discount_cents,
                total_cents, refunded_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, expires_at, paid_at
         from orders where shop_id = $1 and id = $2 for no key update",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn lock_expired(db: &mut PgConnection, shop: Uuid, now: DateTime<Utc>, limit: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, failure, customer_id, customer_email, currency, subtotal_cents, discount_cents,
                total_cents, refunded_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, expires_at, paid_at
         from orders
         where shop_id = $1 and status = 'awaiting_payment' and expires_at <= $2
         order by expires_at limit $3
         for no key update skip locked",
        shop,
        now,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn list(
    db: &mut PgConnection,
    shop: Uuid,
    statuses: Option<&[String]>,
    from: Uuid,
    until: Uuid,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, failure, customer_id, customer_email, currency, subtotal_cents, discount_cents,
                total_cents, refunded_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, expires_at, paid_at
         from orders
         where shop_id = $1 and ($2::text[] is null or status = any($2)) and id >= $3 and id < $4
         order by id desc limit $5",
        shop,
        statuses,
        from,
        until,
        rows
    )
    .fetch_all(db)
    .await
}

pub async fn paid_by(db: &mut PgConnection, shop: Uuid, customer: Uuid, limit: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, failure, customer_id, customer_email, currency, subtotal_cents, discount_cents,
                total_cents, refunded_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, expires_at, paid_at
         from orders where shop_id = $1 and customer_id = $2 and paid_at is not null
         order by paid_at desc, id desc limit $3",
        shop,
        customer,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn items(db: &mut PgConnection, shop: Uuid, orders: &[Uuid]) -> sqlx::Result<Vec<ItemRow>> {
    sqlx::query_as!(
        ItemRow,
        "select id, order_id, product_id, product_name, kind, quantity, unit_cents, subtotal_cents, pool_id, counted,
                delivery_state, delivered_at
         from order_items where shop_id = $1 and order_id = any($2) order by order_id, id",
        shop,
        orders
    )
    .fetch_all(db)
    .await
}

/// Writes the payment down where the order is still as it was read under its lock.
pub async fn settle(db: &mut PgConnection, shop: Uuid, order: &Order, before: &str, now: DateTime<Utc>) -> Result<()> {
    let payment = order.payment.as_ref();
    let done = sqlx::query!(
        "update orders
         set status = $4, failure = null, paid_at = $5, payment_provider = $6, payment_chain = $7,
             payment_asset = $8, payment_tx_hash = $9, updated_at = $10
         where shop_id = $1 and id = $2 and status = $3",
        shop,
        *order.id,
        before,
        order.status.word(),
        order.paid_at,
        payment.map(|p| p.provider.as_str()),
        payment.and_then(|p| p.chain.as_deref()),
        payment.and_then(|p| p.asset.as_deref()),
        payment.and_then(|p| p.tx_hash.as_deref()),
        now
    )
    .execute(db)
    .await?;
    moved(done.rows_affected(), 1)
}

pub async fn fail(db: &mut PgConnection, shop: Uuid, orders: &[Uuid], failure: &str, now: DateTime<Utc>) -> Result<()> {
    let done = sqlx::query!(
        "update orders set status = 'failed', failure = $3, updated_at = $4
         where shop_id = $1 and id = any($2) and status in ('pending', 'awaiting_payment')",
        shop,
        orders,
        failure,
        now
    )
    .execute(db)
    .await?;
    moved(done.rows_affected(), orders.len())
}

pub async fn set_status(
    db: &mut PgConnection,
    shop: Uuid,
    order: Uuid,
    from: &[&str],
    to: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let from: Vec<String> = from.iter().map(|&s| s.to_owned()).collect();
    let done = sqlx::query!(
        "update orders set status = $4, updated_at = $5 where shop_id = $1 and id = $2 and status = any($3)",
        shop,
        order,
        &from,
        to,
        now
    )
    .execute(db)
    .await?;
    moved(done.rows_affected(), 1)
}

/// A guard that did not hold means that somebody moved the order in spite of its lock.
fn moved(rows: u64, expected: usize) -> Result<()> {
    if usize::try_from(rows) == Ok(expected) {
        return Ok(());
    }
    Err(Error::Conflict(Conflict::WrongState("the order has moved on meanwhile".into())))
}

pub async fn set_delivery(db: &mut PgConnection, shop: Uuid, items: &[&mut Item]) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = items.iter().map(|item| *item.id).collect();
    let states: Vec<String> = items.iter().map(|item| item.delivery.word().to_owned()).collect();
    let instants: Vec<Option<DateTime<Utc>>> = items.iter().map(|item| item.delivered_at).collect();
    sqlx::query!(
        "update order_items i set delivery_state = d.state, delivered_at = d.delivered_at
         from unnest($2::uuid[], $3::text[], $4::timestamptz[]) as d (id, state, delivered_at)
         where i.shop_id = $1 and i.id = d.id",
        shop,
        &ids,
        &states,
        &instants as &[Option<DateTime<Utc>>]
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn lock_waiting(db: &mut PgConnection, shop: Uuid, pool: Uuid, limit: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select o.id from orders o
         where o.shop_id = $1 and o.status = 'delivering' and o.id in (
             select i.order_id from order_items i
             where i.shop_id = $1 and i.pool_id = $2 and i.delivery_state = 'awaiting_stock'
             order by i.id limit $3)
         order by o.paid_at, o.id
         for no key update skip locked",
        shop,
        pool,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn shops_awaiting_stock(db: &mut PgConnection) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("select distinct shop_id from order_items where delivery_state = 'awaiting_stock'")
        .fetch_all(db)
        .await
}

pub async fn pools_awaited(db: &mut PgConnection, shop: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"select distinct pool_id as "pool_id!" from order_items
           where shop_id = $1 and delivery_state = 'awaiting_stock' and pool_id is not null"#,
        shop
    )
    .fetch_all(db)
    .await
}

pub async fn shops_with_expired(db: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select distinct shop_id from orders where status = 'awaiting_payment' and expires_at <= $1",
        now
    )
    .fetch_all(db)
    .await
}

impl TryFrom<Row> for Order {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let fault = |what: &str| Error::Internal(format!("order {} has an unknown {what}", row.id));
        let cents = |cents| Cents::new(cents).ok_or_else(|| fault("amount"));
        Ok(Self {
            id: Id::from(row.id),
            status: Status::of(&row.status).ok_or_else(|| fault("status"))?,
            failure: row.failure.as_deref().map(Failure::of),
            customer: Id::from(row.customer_id),
            currency: Currency::parse(&row.currency).ok_or_else(|| fault("currency"))?,
            subtotal: cents(row.subtotal_cents)?,
            discount: cents(row.discount_cents)?,
            total: cents(row.total_cents)?,
            refunded: cents(row.refunded_cents)?,
            gateway: row.gateway.map(|_| Gateway::Sandbox),
            payment: row.payment_provider.map(|provider| Payment {
                provider,
                chain: row.payment_chain,
                asset: row.payment_asset,
                tx_hash: row.payment_tx_hash,
            }),
            customer_email: row.customer_email,
            return_url: row.return_url,
            expires_at: row.expires_at,
            paid_at: row.paid_at,
        })
    }
}

impl TryFrom<ItemRow> for Item {
    type Error = Error;

    fn try_from(row: ItemRow) -> Result<Self> {
        let fault = || Error::Internal(format!("order item {} has an unknown amount", row.id));
        Ok(Self {
            id: Id::from(row.id),
            order: Id::from(row.order_id),
            product: Id::from(row.product_id),
            unit: Cents::new(row.unit_cents).ok_or_else(fault)?,
            subtotal: Cents::new(row.subtotal_cents).ok_or_else(fault)?,
            product_name: row.product_name,
            kind: row.kind,
            quantity: row.quantity,
            pool: row.pool_id.map(Id::from),
            counted: row.counted,
            delivery: DeliveryState::of(&row.delivery_state),
            delivered_at: row.delivered_at,
        })
    }
}
