//! The lines of an order, each with its own way of being delivered.

mod sql;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{DeliveryState, Order, OrderId};
use crate::domain::products::{PoolId, Product, ProductId, Type};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::id::{Entity, Id};
use crate::kit::money::Cents;

pub type ItemId = Id<Item>;

/// One line of an order, as sold.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: ItemId,
    pub order: OrderId,
    pub product: ProductId,
    pub product_name: String,
    /// The product's type word, as it was.
    pub kind: String,
    pub quantity: i32,
    pub unit: Cents,
    pub subtotal: Cents,
    pub pool: Option<PoolId>,
    /// Took counted stock, which a release gives back.
    pub counted: bool,
    /// Each unit brings a license.
    pub licensed: bool,
    /// How it is delivered, decided when it was sold.
    pub method: Method,
    /// Text that is handed over, sealed: see [`goods`](super::goods).
    pub(super) goods: Option<Vec<u8>>,
    pub delivery: DeliveryState,
    pub delivered_at: Option<DateTime<Utc>>,
}

impl Entity for Item {
    const PREFIX: &'static str = "item";
}

/// How an item reaches its buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Codes out of a pool, in the transaction of the payment.
    Codes,
    /// A file, by a link that the buyer is shown.
    File,
    /// Whatever the merchant's webhook answers, after the payment.
    Dynamic,
    /// A text, at once.
    Text,
    /// Nothing to hand over: what was bought begins with the payment (`subscription`).
    Access,
    /// By the merchant, who says when it is done.
    Merchant,
}

impl Method {
    pub(super) const WORDS: &'static [(&'static str, Self)] = &[
        ("codes", Self::Codes),
        ("file", Self::File),
        ("dynamic", Self::Dynamic),
        ("text", Self::Text),
        ("access", Self::Access),
        ("merchant", Self::Merchant),
    ];

    fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, method)| *method)
    }

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, m)| *m == self).map_or("", |(word, _)| word)
    }

    /// What a product is delivered by, as it is now.
    #[must_use]
    pub const fn by(product: &Product) -> Self {
        match product.r#type {
            _ if product.pool.is_some() => Self::Codes,
            Type::FileDownload => Self::File,
            Type::Dynamic => Self::Dynamic,
            _ if product.source.text.is_some() => Self::Text,
            Type::Subscription => Self::Access,
            Type::LicenseKey | Type::Account | Type::Physical => Self::Merchant,
        }
    }

    /// Whether the payment itself delivers it, with nothing to claim or to wait for.
    #[must_use]
    pub const fn is_instant(self) -> bool {
        matches!(self, Self::File | Self::Text | Self::Access)
    }
}

impl Item {
    pub(super) fn settle(&mut self, state: DeliveryState, at: Option<DateTime<Utc>>) {
        self.delivery = state;
        self.delivered_at = at;
    }
}

pub(super) async fn insert(db: &mut PgConnection, shop: Tenant, items: &[Item]) -> Result<()> {
    Ok(sql::insert(db, shop.uuid(), items).await?)
}

pub(super) async fn of_orders(db: &mut PgConnection, shop: Tenant, orders: &[OrderId]) -> Result<Vec<Item>> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.uuid()).collect();
    sql::of_orders(db, shop.uuid(), &ids).await?.into_iter().map(Item::try_from).collect()
}

/// # Errors
/// [`Error::NotFound`] for an item that no order of this shop has.
pub(super) async fn order_of(db: &mut PgConnection, shop: Tenant, item: ItemId) -> Result<OrderId> {
    sql::order_of(db, shop.uuid(), *item).await?.map(Id::<Order>::from).ok_or(Error::NotFound("order item"))
}

/// Writes down how far these items are, and what was handed over.
pub(super) async fn set_delivery(db: &mut PgConnection, shop: Tenant, items: &[&mut Item]) -> Result<()> {
    Ok(sql::set_delivery(db, shop.uuid(), items).await?)
}

/// These took no counted stock after all.
pub(super) async fn set_uncounted(db: &mut PgConnection, shop: Tenant, items: &[&mut Item]) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = items.iter().map(|item| *item.id).collect();
    Ok(sql::set_uncounted(db, shop.uuid(), &ids).await?)
}

/// Shops in which an order waits for codes.
pub async fn shops_awaiting_stock(db: &mut PgConnection) -> Result<Vec<Tenant>> {
    Ok(sql::shops_awaiting_stock(db).await?.into_iter().map(Tenant::new).collect())
}

/// The pools that a shop's orders wait for.
pub async fn pools_awaited(db: &mut PgConnection, shop: Tenant) -> Result<Vec<PoolId>> {
    Ok(sql::pools_awaited(db, shop.uuid()).await?.into_iter().map(PoolId::from).collect())
}
