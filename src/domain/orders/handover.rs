//! What others hand over, item by item: a webhook that answered, or the merchant with its own hands.

use sqlx::PgConnection;
use uuid::Uuid;

use super::payment::{ByShop, wrong_state};
use super::{DeliveryState, Item, ItemId, Method, Order, OrderId, delivery, goods, items, licensing, sql};
use crate::domain::dynamic;
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::env::Env;

/// Asks the webhook again for every item that it failed to deliver; while it is asked, asking again changes nothing.
///
/// # Errors
/// [`Conflict::WrongState`](crate::error::Conflict) where there is none, or the order is not paid.
pub async fn retry_delivery(db: &mut PgConnection, shop: Tenant, env: &Env, id: OrderId) -> Result<(Order, Vec<Item>)> {
    let (order, mut all) = super::lock(db, shop, id).await?;
    if !order.status.is_paid() {
        return Err(wrong_state(&format!("the order is {}, not paid", order.status.word())));
    }
    let failed = |item: &&mut Item| item.method == Method::Dynamic && item.delivery == DeliveryState::Failed;
    let under_way = all.iter().any(|item| item.method == Method::Dynamic && item.delivery == DeliveryState::Pending);
    let mut again: Vec<&mut Item> = all.iter_mut().filter(failed).collect();
    if again.is_empty() && !under_way {
        return Err(wrong_state("no delivery of this order has failed"));
    }
    for item in &mut again {
        item.settle(DeliveryState::Pending, None);
    }
    items::set_delivery(db, shop, &again).await?;
    let ids: Vec<Uuid> = again.iter().map(|item| *item.id).collect();
    dynamic::retry(db, shop, env.now(), &ids).await?;
    Ok((order, all))
}

/// Whether the order still owes this item to its buyer.
#[must_use]
pub fn owes(order: &Order, item: &Item) -> bool {
    order.status.is_paid() && item.delivery != DeliveryState::Delivered
}

/// An item's goods have come. Where it is delivered already, or its order is over, nothing happens:
/// `false`.
pub async fn complete_item(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: ItemId,
    text: Option<String>,
) -> Result<bool> {
    let (mut order, mut all) = lock_order_of(db, shop, id).await?;
    let Some(item) = awaited(&order, &mut all, id) else { return Ok(false) };
    if let Some(text) = text {
        item.goods = Some(goods::seal(shop, env, id, &text)?);
    }
    item.settle(DeliveryState::Delivered, Some(env.now()));
    items::set_delivery(db, shop, &[&mut *item]).await?;
    licensing::issue(db, shop, env, &[item]).await?;
    delivery::finish(db, shop, env, &mut order, &all).await?;
    Ok(true)
}

/// An item could not be delivered; the order stays open until the merchant tries again or does it by hand.
pub async fn fail_item(db: &mut PgConnection, shop: Tenant, id: ItemId) -> Result<()> {
    let (order, mut all) = lock_order_of(db, shop, id).await?;
    let Some(item) = awaited(&order, &mut all, id) else { return Ok(()) };
    item.settle(DeliveryState::Failed, None);
    items::set_delivery(db, shop, &[item]).await
}

/// The merchant has handed over what waited for it: its own deliveries, and dynamic ones that failed.
/// Doing it again changes nothing.
///
/// # Errors
/// [`Conflict::WrongState`](crate::error::Conflict) for an order that is not paid, or all of whose money is on its way
/// back, or whose open items are not the merchant's to hand over.
pub async fn fulfill(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: OrderId,
    by: ByShop,
) -> Result<(Order, Vec<Item>)> {
    let (mut order, mut all) = super::lock(db, shop, id).await?;
    if !order.status.is_paid() {
        return Err(wrong_state(&format!("the order is {}, not paid", order.status.word())));
    }
    if order.is_going_back() {
        return Err(wrong_state("the order is being refunded"));
    }
    let open = all.iter_mut().filter(|item| item.delivery != DeliveryState::Delivered);
    let (mut by_hand, others): (Vec<&mut Item>, Vec<&mut Item>) = open.partition(|item| is_by_hand(item));
    if by_hand.is_empty() && !others.is_empty() {
        return Err(wrong_state("the order waits for codes or for its webhook, not for the shop"));
    }
    if !by_hand.is_empty() {
        for item in &mut by_hand {
            item.settle(DeliveryState::Delivered, Some(env.now()));
        }
        items::set_delivery(db, shop, &by_hand).await?;
        let delivered: Vec<&Item> = by_hand.iter().map(|item| &**item).collect();
        licensing::issue(db, shop, env, &delivered).await?;
        by.sign(&mut order);
        sql::set_note(db, shop.uuid(), &order).await?;
        delivery::finish(db, shop, env, &mut order, &all).await?;
    }
    Ok((order, all))
}

fn is_by_hand(item: &Item) -> bool {
    match item.method {
        Method::Merchant => true,
        Method::Dynamic => item.delivery == DeliveryState::Failed,
        _ => false,
    }
}

async fn lock_order_of(db: &mut PgConnection, shop: Tenant, id: ItemId) -> Result<(Order, Vec<Item>)> {
    let order = items::order_of(db, shop, id).await?;
    super::lock(db, shop, order).await
}

/// The item, where its order still owes it.
fn awaited<'a>(order: &Order, all: &'a mut [Item], id: ItemId) -> Option<&'a mut Item> {
    let item = all.iter_mut().find(|item| item.id == id)?;
    owes(order, item).then_some(item)
}
