//! What a buyer gets for an order: the one place that opens it. Session, page, mail and download show this.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use uuid::Uuid;

use super::link::Link;
use super::{DeliveryState, Item, ItemId, Method, Order};
use crate::domain::files::{self, File};
use crate::domain::licenses;
use crate::domain::products::{self, ProductId};
use crate::domain::serials::{self, Code};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::vault::Place;

/// A file that the buyer of an item may fetch now.
#[derive(Clone, Debug)]
pub struct Download {
    /// Opens it, at `/checkout/v1/downloads/{token}`.
    pub token: String,
    pub file: File,
}

/// What was handed over for one item; empty until it is delivered, and again after a refund.
#[derive(Debug)]
pub struct Goods {
    pub item: ItemId,
    pub codes: Vec<Code>,
    /// Of the licenses that came with it, those that are not a code already.
    pub license_keys: Vec<licenses::Key>,
    /// The shop's text, as sold, or what its webhook answered.
    pub text: Option<String>,
    /// The file that the product sells now: who bought it gets the newest.
    pub download: Option<Download>,
}

/// The goods of these items, in their order.
pub async fn goods(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    order: &Order,
    items: &[Item],
) -> Result<Vec<Goods>> {
    let shown = |item: &&Item| order.status.is_paid() && item.delivery == DeliveryState::Delivered;
    let pooled: Vec<_> = items.iter().filter(shown).filter(|i| i.method == Method::Codes).map(|i| *i.id).collect();
    let codes = if pooled.is_empty() { Vec::new() } else { serials::delivered(db, shop, env, &pooled).await? };
    let mut license_keys = license_keys(db, shop, env, items.iter().filter(shown)).await?;
    let mut downloads = downloads(db, shop, env, items.iter().filter(shown)).await?;
    let mut open = |item: &Item| {
        let text = item.goods.as_deref().filter(|_| shown(&item));
        let codes: Vec<Code> =
            codes.iter().filter(|sold| sold.item == *item.id).map(|sold| sold.code.clone()).collect();
        let mut license_keys = license_keys.remove(&item.id).unwrap_or_default();
        let shown: HashSet<&str> = codes.iter().map(Code::as_str).collect();
        license_keys.retain(|key| !shown.contains(key.as_str()));
        Ok(Goods {
            item: item.id,
            codes,
            license_keys,
            text: text.map(|sealed| unseal(shop, env, item.id, sealed)).transpose()?,
            download: downloads.remove(&item.id),
        })
    };
    items.iter().map(&mut open).collect()
}

/// The keys of the licenses that came with these items.
async fn license_keys(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    shown: impl Iterator<Item = &Item>,
) -> Result<HashMap<ItemId, Vec<licenses::Key>>> {
    let licensed: Vec<Uuid> = shown.filter(|item| item.licensed).map(|item| *item.id).collect();
    let mut keys: HashMap<ItemId, Vec<licenses::Key>> = HashMap::new();
    if !licensed.is_empty() {
        for (item, key) in licenses::keys_of_items(db, shop, env, &licensed).await? {
            keys.entry(ItemId::from(item)).or_default().push(key);
        }
    }
    Ok(keys)
}

/// Of each of these items that is delivered as a file: the file, with a fresh link.
async fn downloads(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    shown: impl Iterator<Item = &Item>,
) -> Result<HashMap<ItemId, Download>> {
    let sold: Vec<&Item> = shown.filter(|item| item.method == Method::File).collect();
    if sold.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<ProductId> = sold.iter().map(|item| item.product).collect();
    let products = products::get_all(db, shop, &ids).await?;
    let file_of: HashMap<_, _> =
        products.iter().filter_map(|product| Some((product.id, product.source.file?))).collect();
    let ids: Vec<_> = file_of.values().copied().collect();
    let files: HashMap<_, _> = files::get_all(db, shop, &ids).await?.into_iter().map(|file| (file.id, file)).collect();
    let download = |item: &Item| {
        let file = files.get(file_of.get(&item.product)?)?.clone();
        Some((item.id, Download { token: Link::to(shop, env, item).write(&env.vault), file }))
    };
    Ok(sold.into_iter().filter_map(download).collect())
}

pub(super) fn seal(shop: Tenant, env: &Env, item: ItemId, text: &str) -> Result<Vec<u8>> {
    env.vault.seal(place(shop, item), text.as_bytes(), &mut env.fork_rng())
}

fn unseal(shop: Tenant, env: &Env, item: ItemId, sealed: &[u8]) -> Result<String> {
    let plain = env.vault.open(place(shop, item), sealed)?;
    String::from_utf8(plain).map_err(|_| Error::Internal(format!("the goods of order item {item}")))
}

fn place(shop: Tenant, item: ItemId) -> Place {
    Place { shop: shop.uuid(), table: "order_items", id: *item }
}
