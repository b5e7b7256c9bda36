use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Failure, Order, Payment, Status, TopUp};
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
    refunding_cents: i64,
    gateway: Option<String>,
    payment_provider: Option<String>,
    payment_chain: Option<String>,
    payment_asset: Option<String>,
    payment_tx_hash: Option<String>,
    return_url: Option<String>,
    note: Option<String>,
    mail: bool,
    reseller_id: Option<Uuid>,
    auto_top_up: bool,
    expires_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
}

/// Whether it is there now: of invoices that open themselves, a balance has one open at a time.
pub async fn insert_order(
    db: &mut PgConnection,
    shop: Uuid,
    order: &Order,
    custom_fields: &serde_json::Value,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "insert into orders (shop_id, id, status, customer_id, customer_email, currency, subtotal_cents,
                             discount_cents, total_cents, gateway, return_url, custom_fields, expires_at, updated_at,
                             reseller_id, auto_top_up)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         on conflict (shop_id, reseller_id) where auto_top_up and status in ('pending', 'awaiting_payment')
         do nothing",
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
        now,
        order.top_up.map(|top_up| top_up.reseller.uuid()),
        order.top_up.is_some_and(|top_up| top_up.auto)
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn by_id(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, failure, customer_id, customer_email, currency, subtotal_cents, discount_cents,
                total_cents, refunded_cents, refunding_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, note, mail, reseller_id, auto_top_up,
                expires_at, paid_at
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
                total_cents, refunded_cents, refunding_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, note, mail, reseller_id, auto_top_up,
                expires_at, paid_at
         from orders where shop_id = $1 and id = $2 for no key update",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub struct DetailsRow {
    pub id: Uuid,
    pub custom_fields: serde_json::Value,
    pub updated_at: DateTime<Utc>,
}

pub async fn details(db: &mut PgConnection, shop: Uuid, ids: &[Uuid]) -> sqlx::Result<Vec<DetailsRow>> {
    sqlx::query_as!(
        DetailsRow,
        "select id, custom_fields, updated_at from orders where shop_id = $1 and id = any($2)",
        shop,
        ids
    )
    .fetch_all(db)
    .await
}

pub async fn lock_expired(db: &mut PgConnection, shop: Uuid, now: DateTime<Utc>, limit: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, failure, customer_id, customer_email, currency, subtotal_cents, discount_cents,
                total_cents, refunded_cents, refunding_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, note, mail, reseller_id, auto_top_up,
                expires_at, paid_at
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
    customer: Option<Uuid>,
    (from, until): (Uuid, Uuid),
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, failure, customer_id, customer_email, currency, subtotal_cents, discount_cents,
                total_cents, refunded_cents, refunding_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, note, mail, reseller_id, auto_top_up,
                expires_at, paid_at
         from orders
         where shop_id = $1 and ($2::text[] is null or status = any($2)) and id >= $3 and id < $4
           and ($6::uuid is null or customer_id = $6)
         order by id desc limit $5",
        shop,
        statuses,
        from,
        until,
        rows,
        customer
    )
    .fetch_all(db)
    .await
}

pub async fn paid_by(db: &mut PgConnection, shop: Uuid, customer: Uuid, limit: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, failure, customer_id, customer_email, currency, subtotal_cents, discount_cents,
                total_cents, refunded_cents, refunding_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, note, mail, reseller_id, auto_top_up,
                expires_at, paid_at
         from orders where shop_id = $1 and customer_id = $2 and paid_at is not null
         order by paid_at desc, id desc limit $3",
        shop,
        customer,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn top_ups(
    db: &mut PgConnection,
    shop: Uuid,
    reseller: Uuid,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, status, failure, customer_id, customer_email, currency, subtotal_cents, discount_cents,
                total_cents, refunded_cents, refunding_cents, gateway, payment_provider, payment_chain, payment_asset,
                payment_tx_hash, return_url, note, mail, reseller_id, auto_top_up,
                expires_at, paid_at
         from orders where shop_id = $1 and reseller_id = $2 and ($3::uuid is null or id < $3)
         order by id desc limit $4",
        shop,
        reseller,
        after,
        rows
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
             payment_asset = $8, payment_tx_hash = $9, updated_at = $10, note = $11, mail = $12
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
        now,
        order.note,
        order.mail
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

/// When the shop had the mail sent again, later than this.
pub async fn resent_since(
    db: &mut PgConnection,
    shop: Uuid,
    order: Uuid,
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<DateTime<Utc>>> {
    sqlx::query_scalar!(
        r#"select at as "at!" from orders, unnest(resent_at) as at where shop_id = $1 and id = $2 and at > $3"#,
        shop,
        order,
        since
    )
    .fetch_all(db)
    .await
}

pub async fn record_resend(db: &mut PgConnection, shop: Uuid, order: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "update orders set resent_at = array_append(resent_at, $3) where shop_id = $1 and id = $2",
        shop,
        order,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn set_note(db: &mut PgConnection, shop: Uuid, order: &Order) -> sqlx::Result<()> {
    sqlx::query!(
        "update orders set note = $3, mail = $4 where shop_id = $1 and id = $2",
        shop,
        *order.id,
        order.note,
        order.mail
    )
    .execute(db)
    .await
    .map(drop)
}

/// A guard that did not hold means that somebody moved the order in spite of its lock.
pub(super) fn moved(rows: u64, expected: usize) -> Result<()> {
    if usize::try_from(rows) == Ok(expected) {
        return Ok(());
    }
    Err(Error::Conflict(Conflict::WrongState("the order has moved on meanwhile".into())))
}

/// Not those that are being refunded in full; what costs nothing cannot be refunded.
pub async fn lock_waiting(db: &mut PgConnection, shop: Uuid, pool: Uuid, limit: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select o.id from orders o
         where o.shop_id = $1 and o.status = 'delivering'
           and o.refunded_cents + o.refunding_cents < greatest(o.total_cents, 1) and o.id in (
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
            refunding: cents(row.refunding_cents)?,
            gateway: row.gateway.as_deref().and_then(Gateway::of),
            payment: row.payment_provider.map(|provider| Payment {
                provider,
                chain: row.payment_chain,
                asset: row.payment_asset,
                tx_hash: row.payment_tx_hash,
            }),
            customer_email: row.customer_email,
            return_url: row.return_url,
            note: row.note,
            mail: row.mail,
            top_up: row.reseller_id.map(|reseller| TopUp { reseller: Id::from(reseller), auto: row.auto_top_up }),
            expires_at: row.expires_at,
            paid_at: row.paid_at,
        })
    }
}

/// Whose order it is, as the buyer wrote it.
pub async fn customer_email(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<String> {
    sqlx::query_scalar!("select customer_email from orders where shop_id = $1 and id = $2", shop, id)
        .fetch_one(db)
        .await
}
