//! The catalogue: what a shop sells, under which name and price, and whether it is on sale.
//!
//! Codes lie in a product's pool ([`super::serials`]); a product without a pool may count its stock here.

mod new;
mod settings;
mod source;
mod sql;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sqlx::PgConnection;
use uuid::Uuid;

pub use new::{NewProduct, ProductPatch};
pub use settings::{Licensing, Listing, Uses};
pub use source::{Dynamic, Source, dynamic};

use super::outbox::{self, Event, ProductFacts};
use super::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::money::{Cents, Currency};
use crate::kit::page::{Page, Place, Window};
use crate::kit::web_address::{Reach, WebAddress};

pub type ProductId = Id<Product>;
pub type PoolId = Id<Pool>;

/// Where a product's codes lie.
#[derive(Debug)]
pub enum Pool {}

impl Entity for Pool {
    const PREFIX: &'static str = "pool";
}

/// How a product is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    LicenseKey,
    Account,
    FileDownload,
    Dynamic,
    Physical,
    Subscription,
}

impl Type {
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("license_key", Self::LicenseKey),
        ("account", Self::Account),
        ("file_download", Self::FileDownload),
        ("dynamic", Self::Dynamic),
        ("physical", Self::Physical),
        ("subscription", Self::Subscription),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, t)| *t == self).map_or("", |(word, _)| word)
    }

    /// Whether codes may be loaded for it.
    #[must_use]
    pub const fn takes_codes(self) -> bool {
        matches!(self, Self::LicenseKey | Self::Account)
    }
}

/// `draft ↔ active → archived`, and back from archived to either (R12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    Archived,
    Draft,
}

impl Status {
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("active", Self::Active), ("archived", Self::Archived), ("draft", Self::Draft)];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Draft => "draft",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Product {
    pub id: ProductId,
    pub r#type: Type,
    pub name: String,
    pub slug: String,
    pub description: Option<String>,
    pub price: Cents,
    pub currency: Currency,
    pub status: Status,
    /// Null: not pooled (yet).
    pub pool: Option<PoolId>,
    /// Counted stock of a product without a pool; null is unlimited.
    pub counted: Option<i32>,
    pub source: Source,
    pub listing: Listing,
    pub licensing: Licensing,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

impl Entity for Product {
    const PREFIX: &'static str = "prod";
}

/// What narrows a list. Empty sets narrow nothing, but no status leaves out archived products (R7).
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub statuses: Vec<Status>,
    pub types: Vec<Type>,
    /// Leaves out what the public does not see in lists: unlisted and private products.
    pub listed: bool,
}

pub async fn list(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    filter: &Filter,
    window: Window<Product>,
    place: &Place,
) -> Result<Page<Product>> {
    let mut statuses: Vec<String> = filter.statuses.iter().map(|s| s.word().to_owned()).collect();
    if statuses.is_empty() {
        statuses = vec![Status::Active.word().into(), Status::Draft.word().into()];
    }
    let types: Vec<String> = filter.types.iter().map(|t| t.word().to_owned()).collect();
    let types = (!types.is_empty()).then_some(types.as_slice());
    let rows = sql::list(db, shop.uuid(), &statuses, types, filter.listed, window.after(), window.rows()).await?;
    let products = rows.into_iter().map(Product::try_from).collect::<Result<_>>()?;
    Ok(Page::cut(products, &window, place, &env.vault, |product| *product.id))
}

pub async fn get(db: &mut PgConnection, shop: Tenant, id: ProductId) -> Result<Product> {
    sql::by_id(db, shop.uuid(), *id).await?.map(Product::try_from).ok_or(Error::NotFound("product"))?
}

/// The product of that slug, or of that id in either spelling: how the public names a product.
pub async fn find(db: &mut PgConnection, shop: Tenant, slug_or_id: &str) -> Result<Product> {
    match ProductId::parse(slug_or_id) {
        Some(id) => get(db, shop, id).await,
        None => {
            sql::by_slug(db, shop.uuid(), slug_or_id).await?.map(Product::try_from).ok_or(Error::NotFound("product"))?
        }
    }
}

/// The products of these ids, whatever their status; unknown ids are simply not among them.
pub async fn get_all(db: &mut PgConnection, shop: Tenant, ids: &[ProductId]) -> Result<Vec<Product>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    sql::by_ids(db, shop.uuid(), &ids).await?.into_iter().map(Product::try_from).collect()
}

/// The active products that sell codes of these pools.
pub async fn on_sale_from(db: &mut PgConnection, shop: Tenant, pools: &[Uuid]) -> Result<Vec<ProductId>> {
    Ok(sql::on_sale_from(db, shop.uuid(), pools).await?.into_iter().map(ProductId::from).collect())
}

/// The product, locked until the transaction ends, so that two changes of it come one after the other.
pub async fn lock(db: &mut PgConnection, shop: Tenant, id: ProductId) -> Result<Product> {
    sql::lock(db, shop.uuid(), *id).await?.map(Product::try_from).ok_or(Error::NotFound("product"))?
}

/// Archives: nothing is deleted, and orders keep what they bought.
pub async fn archive(db: &mut PgConnection, shop: Tenant, env: &Env, id: ProductId) -> Result<Product> {
    let patch = ProductPatch { status: Some(Status::Archived), ..ProductPatch::default() };
    Ok(update(db, shop, env, id, patch).await?.product)
}

/// A product as written, and what is known only now.
#[derive(Debug)]
pub struct Written {
    pub product: Product,
    /// Signs the calls to a webhook that was set for the first time.
    pub dynamic_secret: Option<SecretString>,
}

/// Creates a product; one that takes codes gets its pool with it, but an `account` only with its first code.
///
/// # Errors
/// [`Error::Invalid`] for a source that does not belong to its type (R12).
pub async fn create(db: &mut PgConnection, shop: Tenant, env: &Env, new: NewProduct) -> Result<Written> {
    let pool = match new.r#type {
        Type::LicenseKey => Some(open_pool(db, shop, env).await?),
        _ => None,
    };
    let product = new.into_product(env.id(), pool, env.now())?;
    let secret = source::first_secret(&product, shop, env)?;
    let sealed = secret.as_ref().map(|secret| secret.sealed.as_slice());
    let product = sql::insert_with_free_slug(db, shop.uuid(), product, sealed).await?;
    outbox::emit(db, shop, env, &[Event::ProductCreated(product.facts())]).await?;
    Ok(Written { product, dynamic_secret: secret.map(|secret| secret.plain) })
}

/// Changes a product. Its signing secret is made with its first webhook and stays with it.
///
/// # Errors
/// As [`create`], and for activating what has nothing to deliver.
pub async fn update(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: ProductId,
    patch: ProductPatch,
) -> Result<Written> {
    let before = lock(db, shop, id).await?;
    let was = before.status;
    let after = patch.apply(before, env.now())?;
    let secret = match sql::dynamic_secret(db, shop.uuid(), *id).await? {
        Some(_) => None,
        None => source::first_secret(&after, shop, env)?,
    };
    let sealed = secret.as_ref().map(|secret| secret.sealed.as_slice());
    sql::update(db, shop.uuid(), &after, sealed).await?;
    let archived = was != Status::Archived && after.status == Status::Archived;
    let event = if archived { Event::ProductArchived } else { Event::ProductUpdated };
    outbox::emit(db, shop, env, &[event(after.facts())]).await?;
    Ok(Written { product: after, dynamic_secret: secret.map(|secret| secret.plain) })
}

/// The product's pool, opened now if this is the first code of an `account`, and locked: imports into
/// one pool come one after the other, so equal codes at once cannot deadlock in the unique index.
///
/// # Errors
/// [`Error::Invalid`] where the product is of a type that takes no codes (R11).
pub async fn pool_for_import(db: &mut PgConnection, shop: Tenant, env: &Env, id: ProductId) -> Result<PoolId> {
    let product = get(db, shop, id).await?;
    if !product.r#type.takes_codes() {
        let word = product.r#type.word();
        return Err(Error::invalid("keys", format!("a product of type {word} takes no codes")));
    }
    let pool = match product.pool {
        Some(pool) => pool,
        None => first_pool(db, shop, env, id).await?,
    };
    sql::lock_pool(db, shop.uuid(), *pool).await?;
    Ok(pool)
}

/// Opens the pool of a product that has none, looking again under its lock: somebody may have been first.
async fn first_pool(db: &mut PgConnection, shop: Tenant, env: &Env, id: ProductId) -> Result<PoolId> {
    if let Some(pool) = lock(db, shop, id).await?.pool {
        return Ok(pool);
    }
    let pool = open_pool(db, shop, env).await?;
    sql::give_pool(db, shop.uuid(), *id, *pool).await?;
    Ok(pool)
}

/// Takes counted stock; unlimited products always have some.
///
/// # Errors
/// [`crate::error::Conflict::OutOfStock`]: the guard in the statement settles races.
pub async fn take_counted(db: &mut PgConnection, shop: Tenant, product: &Product, quantity: i32) -> Result<()> {
    if product.counted.is_none() || sql::take_counted(db, shop.uuid(), *product.id, quantity).await? {
        return Ok(());
    }
    Err(Error::Conflict(crate::error::Conflict::OutOfStock { product: product.name.clone() }))
}

/// Takes counted stock again for an order whose money came late. `false` where it is sold out by now: then nothing
/// is counted and nothing refused, for the money is here, and the merchant delivers by hand.
pub async fn retake_counted(db: &mut PgConnection, shop: Tenant, product: ProductId, quantity: i32) -> Result<bool> {
    Ok(sql::take_counted(db, shop.uuid(), *product, quantity).await?)
}

/// Gives counted stock back, in product order so that two releases cannot deadlock.
pub async fn release_counted(db: &mut PgConnection, shop: Tenant, mut taken: Vec<(ProductId, i32)>) -> Result<()> {
    taken.sort_unstable();
    for (product, quantity) in taken {
        sql::release_counted(db, shop.uuid(), *product, quantity).await?;
    }
    Ok(())
}

async fn open_pool(db: &mut PgConnection, shop: Tenant, env: &Env) -> Result<PoolId> {
    let pool = env.id::<Pool>();
    sql::insert_pool(db, shop.uuid(), *pool, env.now()).await?;
    Ok(pool)
}

impl Product {
    /// Whether a checkout may sell it.
    #[must_use]
    pub fn is_on_sale(&self) -> bool {
        self.status == Status::Active && self.listing.is_on_sale()
    }

    fn facts(&self) -> ProductFacts {
        ProductFacts {
            id: *self.id,
            name: self.name.clone(),
            slug: self.slug.clone(),
            r#type: self.r#type.word(),
            price_cents: self.price.get(),
            currency: self.currency.code(),
            status: self.status.word(),
            created_at: self.created_at,
        }
    }
}

/// Was looked at when it was given; how far calls may go today is looked at when it is dialled.
fn stored_address(text: &str) -> Result<WebAddress, ()> {
    WebAddress::parse(text, Reach::Loopback).map_err(drop)
}

impl TryFrom<sql::Row> for Product {
    type Error = Error;

    fn try_from(row: sql::Row) -> Result<Self> {
        let fault = |what: &str| Error::Internal(format!("product {} has an unknown {what}", row.id));
        let word = |words: &'static [(&'static str, Type)], word: &str| {
            words.iter().find(|(w, _)| *w == word).map(|(_, value)| *value)
        };
        Ok(Self {
            id: Id::from(row.id),
            r#type: word(Type::WORDS, &row.r#type).ok_or_else(|| fault("type"))?,
            price: Cents::new(row.price_cents).ok_or_else(|| fault("price"))?,
            currency: Currency::parse(&row.currency).ok_or_else(|| fault("currency"))?,
            status: match row.status.as_str() {
                "active" => Status::Active,
                "archived" => Status::Archived,
                _ => Status::Draft,
            },
            name: row.name,
            slug: row.slug,
            description: row.description,
            pool: row.pool_id.map(Id::from),
            counted: row.stock,
            source: Source {
                webhook: row
                    .dynamic_webhook
                    .as_deref()
                    .map(stored_address)
                    .transpose()
                    .map_err(|()| fault("webhook"))?,
                text: row.service_text,
                file: row.file_id.map(Id::from),
            },
            listing: Listing { unlisted: row.unlisted, private: row.private, on_hold: row.on_hold },
            licensing: Licensing {
                enabled: row.licensing_enabled,
                period_days: row.license_period_days,
                uses: Uses::of(&row.license_uses),
                key_pattern: row.license_key_pattern,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
            archived_at: row.archived_at,
        })
    }
}
