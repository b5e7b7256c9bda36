use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Item, Method};
use crate::domain::orders::DeliveryState;
use crate::error::{Error, Result};
use crate::kit::id::Id;
use crate::kit::money::Cents;

pub struct Row {
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
    licensed: bool,
    method: String,
    goods: Option<Vec<u8>>,
    delivery_state: String,
    delivered_at: Option<DateTime<Utc>>,
}

pub async fn insert(db: &mut PgConnection, shop: Uuid, items: &[Item]) -> sqlx::Result<()> {
    let column = |uuid: fn(&Item) -> Uuid| items.iter().map(uuid).collect::<Vec<_>>();
    let names: Vec<String> = items.iter().map(|item| item.product_name.clone()).collect();
    let kinds: Vec<String> = items.iter().map(|item| item.kind.clone()).collect();
    let quantities: Vec<i32> = items.iter().map(|item| item.quantity).collect();
    let units: Vec<i64> = items.iter().map(|item| item.unit.get()).collect();
    let subtotals: Vec<i64> = items.iter().map(|item| item.subtotal.get()).collect();
    let pools: Vec<Option<Uuid>> = items.iter().map(|item| item.pool.map(Id::uuid)).collect();
    let methods: Vec<String> = items.iter().map(|item| item.method.word().to_owned()).collect();
    let goods: Vec<Option<Vec<u8>>> = items.iter().map(|item| item.goods.clone()).collect();
    let counted: Vec<bool> = items.iter().map(|item| item.counted).collect();
    let licensed: Vec<bool> = items.iter().map(|item| item.licensed).collect();
    sqlx::query!(
        "insert into order_items (shop_id, id, order_id, product_id, product_name, kind, quantity, unit_cents,
                                  subtotal_cents, pool_id, counted, licensed, method, goods)
         select $1, * from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::int[], $8::bigint[],
                                  $9::bigint[], $10::uuid[], $11::bool[], $12::bool[], $13::text[],
                                  $14::bytea[])",
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
        &counted,
        &licensed,
        &methods,
        &goods as &[Option<Vec<u8>>]
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn of_orders(db: &mut PgConnection, shop: Uuid, orders: &[Uuid]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, order_id, product_id, product_name, kind, quantity, unit_cents, subtotal_cents, pool_id, counted,
                licensed, method, goods, delivery_state, delivered_at
         from order_items where shop_id = $1 and order_id = any($2) order by order_id, id",
        shop,
        orders
    )
    .fetch_all(db)
    .await
}

/// The order that this item is of.
pub async fn order_of(db: &mut PgConnection, shop: Uuid, item: Uuid) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!("select order_id from order_items where shop_id = $1 and id = $2", shop, item)
        .fetch_optional(db)
        .await
}

pub async fn set_delivery(db: &mut PgConnection, shop: Uuid, items: &[&mut Item]) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = items.iter().map(|item| *item.id).collect();
    let states: Vec<String> = items.iter().map(|item| item.delivery.word().to_owned()).collect();
    let goods: Vec<Option<Vec<u8>>> = items.iter().map(|item| item.goods.clone()).collect();
    let instants: Vec<Option<DateTime<Utc>>> = items.iter().map(|item| item.delivered_at).collect();
    sqlx::query!(
        "update order_items i set delivery_state = d.state, delivered_at = d.delivered_at, goods = d.goods
         from unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::bytea[])
              as d (id, state, delivered_at, goods)
         where i.shop_id = $1 and i.id = d.id",
        shop,
        &ids,
        &states,
        &instants as &[Option<DateTime<Utc>>],
        &goods as &[Option<Vec<u8>>]
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn set_uncounted(db: &mut PgConnection, shop: Uuid, items: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!("update order_items set counted = false where shop_id = $1 and id = any($2)", shop, items)
        .execute(db)
        .await
        .map(drop)
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

impl TryFrom<Row> for Item {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let fault = || Error::Internal(format!("order item {} cannot be read", row.id));
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
            licensed: row.licensed,
            method: Method::of(&row.method).ok_or_else(fault)?,
            goods: row.goods,
            delivery: DeliveryState::of(&row.delivery_state),
            delivered_at: row.delivered_at,
        })
    }
}
