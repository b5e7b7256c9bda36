//! Tenants. A shop is two rows, live and its sandbox twin; whatever belongs to a shop carries its id,
//! so isolation is structural and nobody filters by mode.

mod sql;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::{Error, OnConstraint as _, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::money::Currency;

pub type ShopId = Id<Shop>;

/// The right to work in one shop. Rooms alone make one, from a key, a token or a public shop name, so
/// whoever holds it was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(Uuid);

impl Tenant {
    pub(in crate::domain) const fn new(shop: Uuid) -> Self {
        Self(shop)
    }

    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    #[must_use]
    pub fn id(self) -> ShopId {
        Id::from(self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Live,
    Test,
}

impl Mode {
    pub const WORDS: &'static [(&'static str, Self)] = &[("live", Self::Live), ("test", Self::Test)];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    pub(in crate::domain) fn of(word: &str) -> Self {
        if word == "test" { Self::Test } else { Self::Live }
    }
}

/// One of the two rows.
#[derive(Clone, Debug)]
pub struct Shop {
    pub tenant: Tenant,
    pub twin: Tenant,
    pub mode: Mode,
    pub slug: String,
    pub name: String,
    pub currency: Currency,
    pub owner_email: Option<String>,
    pub created_at: DateTime<Utc>,
}

impl Entity for Shop {
    const PREFIX: &'static str = "shop";
}

#[derive(Clone, Debug)]
pub struct NewShop {
    pub name: String,
    pub slug: String,
    pub currency: Currency,
    pub owner_email: Option<String>,
}

/// Creates the live shop and its twin; answers the live one.
///
/// # Errors
/// [`Error::Invalid`] on `slug` where it is taken.
pub async fn create(db: &mut PgConnection, env: &Env, new: NewShop) -> Result<Shop> {
    let (live, test) = (env.id::<Shop>(), env.id::<Shop>());
    let taken = || Error::invalid("slug", "is taken by another shop");
    let now = env.now();
    for (id, twin, mode) in [(live, test, Mode::Live), (test, live, Mode::Test)] {
        sql::insert(db, *id, *twin, mode.word(), &new, now).await.on_constraint("shops_slug_taken", taken)?;
    }
    Ok(Shop {
        tenant: Tenant(*live),
        twin: Tenant(*test),
        mode: Mode::Live,
        slug: new.slug,
        name: new.name,
        currency: new.currency,
        owner_email: new.owner_email,
        created_at: now,
    })
}

/// The shop of that slug or id, in that mode: how the public names a shop.
pub async fn find(db: &mut PgConnection, slug_or_id: &str, mode: Mode) -> Result<Shop> {
    let row = match ShopId::parse(slug_or_id) {
        Some(id) => sql::by_id_and_mode(db, *id, mode.word()).await?,
        None => sql::by_slug(db, slug_or_id, mode.word()).await?,
    };
    row.map(Shop::try_from).ok_or(Error::NotFound("shop"))?
}

/// The row of a tenant.
pub async fn get(db: &mut PgConnection, shop: Tenant) -> Result<Shop> {
    sql::by_id(db, shop.uuid()).await?.map(Shop::try_from).ok_or(Error::NotFound("shop"))?
}

/// Whether there is any shop yet.
pub async fn any(db: &mut PgConnection) -> Result<bool> {
    Ok(sql::any(db).await?)
}

/// Something that must be found by a hash before its shop is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    ApiKey,
    Checkout,
    Invitation,
}

impl Listed {
    const fn word(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Checkout => "checkout",
            Self::Invitation => "invitation",
        }
    }
}

/// Lists `id` in the directory, in the transaction that makes it.
pub async fn list(db: &mut PgConnection, shop: Tenant, what: Listed, hash: &[u8; 32], id: Uuid) -> Result<()> {
    Ok(sql::list(db, shop.uuid(), what.word(), hash, id).await?)
}

/// Takes a hash off the directory: what had it is found by another one now.
pub async fn unlist(db: &mut PgConnection, shop: Tenant, hash: &[u8; 32]) -> Result<()> {
    Ok(sql::unlist(db, shop.uuid(), hash).await?)
}

/// Whose hash this is: the one look-up that needs no tenant, and yields one.
pub async fn look_up(db: &mut PgConnection, what: Listed, hash: &[u8; 32]) -> Result<Option<(Tenant, Uuid)>> {
    let row = sql::look_up(db, what.word(), hash).await?;
    Ok(row.map(|(shop, id)| (Tenant(shop), id)))
}

impl TryFrom<sql::Row> for Shop {
    type Error = Error;

    fn try_from(row: sql::Row) -> Result<Self> {
        let currency = Currency::parse(&row.currency)
            .ok_or_else(|| Error::Internal(format!("shop {} has an unknown currency", row.id)))?;
        Ok(Self {
            tenant: Tenant(row.id),
            twin: Tenant(row.twin_id),
            mode: Mode::of(&row.mode),
            slug: row.slug,
            name: row.name,
            currency,
            owner_email: row.owner_email,
            created_at: row.created_at,
        })
    }
}

/// Makes a slug of a name: lower-case ASCII words with hyphens between; `fallback` where none is left.
#[must_use]
pub fn slugify(name: &str, fallback: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().take(80) {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { fallback.to_owned() } else { slug.to_owned() }
}
