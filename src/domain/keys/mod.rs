//! API keys: minted once, stored as hashes, looked up on every request, revoked at once everywhere.
//!
//! Keys belong to the live shop and carry their mode; authenticating a test key yields the twin. A reseller's
//! key belongs to one relationship besides.

mod known;
mod last_used;
mod relationship;
mod scopes;
mod sql;

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use secrecy::SecretString;
use sqlx::PgConnection;
use uuid::Uuid;

pub use known::Known;
pub use last_used::LastUsed;
pub use relationship::{NewResellerKey, count_of, list_of, mint_for, revoke_of};
pub use scopes::{Scope, Surface, developer, merchant, reseller};

use super::shops::{self, Listed, Mode, Tenant};
use crate::error::{Error, Fields, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::ip_rule::IpRule;
use crate::kit::page::{Page, Place, Window};
use crate::kit::secret::{self, Kind};

pub type KeyId = Id<ApiKey>;

/// A revoked key stays listed this long (R21).
const REVOKED_LISTED_FOR: Duration = Duration::days(90);

#[derive(Clone, Debug)]
pub struct ApiKey {
    pub id: KeyId,
    pub surface: Surface,
    pub mode: Mode,
    pub name: String,
    pub scopes: Vec<String>,
    /// From where it may be used; none: from anywhere.
    pub allowed_ips: Vec<IpRule>,
    pub last4: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Entity for ApiKey {
    const PREFIX: &'static str = "apik";
}

/// Who calls: which key, whose, and in which shop it acts.
#[derive(Clone, Debug)]
pub struct Caller {
    pub key: KeyId,
    pub name: String,
    /// The live shop, to which the key belongs.
    pub owner: Tenant,
    /// Where it acts: the live shop, or its twin.
    pub shop: Tenant,
    pub surface: Surface,
    pub mode: Mode,
    pub scopes: Vec<String>,
    /// The relationship that a reseller's key acts for.
    pub reseller: Option<Uuid>,
    pub allowed_ips: Vec<IpRule>,
}

#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: String,
    pub surface: Surface,
    pub mode: Mode,
    pub scopes: Vec<String>,
}

/// A key just made: the only time its secret is known.
#[derive(Debug)]
pub struct MintedKey {
    pub key: ApiKey,
    pub secret: SecretString,
}

/// Looks a presented key up by its hash: one indexed read, no lock, no cache.
pub async fn authenticate(db: &mut PgConnection, hash: &[u8; 32]) -> Result<Option<Caller>> {
    let Some(row) = sql::by_hash(db, hash).await? else { return Ok(None) };
    Ok(Some(Caller {
        key: Id::from(row.id),
        name: row.name,
        owner: Tenant::new(row.shop_id),
        shop: Tenant::new(row.tenant_id),
        surface: Surface::of(&row.surface),
        mode: Mode::of(&row.mode),
        scopes: row.scopes,
        reseller: row.reseller_id,
        allowed_ips: rules(row.id, &row.allowed_ips)?,
    }))
}

/// Whether the key still stands. Right only in a transaction that took the key's lock, shared, in an
/// earlier statement: then no revocation can have been answered before this transaction commits.
pub async fn stands(db: &mut PgConnection, caller: &Caller) -> Result<bool> {
    Ok(sql::stands(db, caller.owner.uuid(), *caller.key).await?)
}

/// Those of one shop's keys that still stand, with what each may do. As [`stands`], for a group.
pub async fn standing(db: &mut PgConnection, owner: Tenant, keys: &[KeyId]) -> Result<HashMap<KeyId, Vec<String>>> {
    let ids: Vec<Uuid> = keys.iter().map(|key| key.uuid()).collect();
    let rows = sql::standing(db, owner.uuid(), &ids).await?;
    Ok(rows.into_iter().map(|row| (Id::from(row.id), row.scopes)).collect())
}

/// A key of this shop that stands.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(db: &mut PgConnection, owner: Tenant, key: KeyId) -> Result<ApiKey> {
    sql::get(db, owner.uuid(), *key).await?.ok_or(Error::NotFound("API key"))?.try_into()
}

/// Makes a key of the shop `owner` (the live one).
///
/// # Errors
/// [`Error::Invalid`] on `abilities` where a scope is unknown or there is none.
pub async fn mint(db: &mut PgConnection, owner: Tenant, env: &Env, new: NewKey) -> Result<MintedKey> {
    let unknown: Vec<&str> = new.scopes.iter().map(String::as_str).filter(|s| !new.surface.knows(s)).collect();
    if new.scopes.is_empty() || !unknown.is_empty() {
        let known = new.surface.scopes().join(", ");
        return Err(Error::Invalid(Fields::one("abilities", format!("must be one or more of {known}"))));
    }
    let tenant = match new.mode {
        Mode::Live => owner,
        Mode::Test => shops::get(db, owner).await?.twin,
    };
    insert(db, owner, tenant, env, new, None, Vec::new()).await
}

async fn insert(
    db: &mut PgConnection,
    owner: Tenant,
    tenant: Tenant,
    env: &Env,
    new: NewKey,
    reseller: Option<Uuid>,
    allowed_ips: Vec<IpRule>,
) -> Result<MintedKey> {
    let kind = match (new.surface, new.mode) {
        (Surface::Developer, _) => Kind::Developer,
        (Surface::Merchant, Mode::Live) => Kind::MerchantLive,
        (Surface::Merchant, Mode::Test) => Kind::MerchantTest,
        (Surface::Reseller, _) => Kind::Reseller,
    };
    let minted = secret::mint(kind, &mut env.fork_rng());
    let mut scopes = new.scopes;
    scopes.sort();
    scopes.dedup();
    let key = ApiKey {
        id: env.id(),
        surface: new.surface,
        mode: new.mode,
        name: new.name,
        scopes,
        allowed_ips,
        last4: minted.last4,
        created_at: env.now(),
        last_used_at: None,
        revoked_at: None,
    };
    sql::insert(db, owner.uuid(), tenant.uuid(), &key, reseller, &minted.hash).await?;
    shops::list(db, owner, Listed::ApiKey, &minted.hash, *key.id).await?;
    Ok(MintedKey { key, secret: minted.secret })
}

/// The shop's keys of one surface, newest first, revoked ones for 90 days more. `only` narrows to a mode.
pub async fn list(
    db: &mut PgConnection,
    owner: Tenant,
    env: &Env,
    surface: Surface,
    only: Option<Mode>,
    window: Window<ApiKey>,
    place: &Place,
) -> Result<Page<ApiKey>> {
    let revoked_since = env.now() - REVOKED_LISTED_FOR;
    let rows =
        sql::list(db, owner.uuid(), surface.word(), only.map(Mode::word), revoked_since, window.after(), window.rows())
            .await?;
    let keys = rows.into_iter().map(ApiKey::try_from).collect::<Result<_>>()?;
    Ok(Page::cut(keys, &window, place, &env.vault, |key| *key.id))
}

/// Revokes a key. When this transaction has committed, nothing older of that key can commit: its
/// writers hold the same lock, shared, and this waits for them and keeps later ones out.
///
/// # Errors
/// [`Error::NotFound`] for an unknown key, or one of another mode than `only`.
pub async fn revoke(
    db: &mut PgConnection,
    owner: Tenant,
    env: &Env,
    surface: Surface,
    only: Option<Mode>,
    key: KeyId,
) -> Result<()> {
    let hash = sql::hash_of(db, owner.uuid(), surface.word(), only.map(Mode::word), *key)
        .await?
        .and_then(|hash| <[u8; 32]>::try_from(hash).ok())
        .ok_or(Error::NotFound("API key"))?;
    end(db, owner, env, key, &hash).await
}

async fn end(db: &mut PgConnection, owner: Tenant, env: &Env, key: KeyId, hash: &[u8; 32]) -> Result<()> {
    sql::lock_exclusively(db, secret::lock_number(hash)).await?;
    Ok(sql::revoke(db, owner.uuid(), *key, env.now()).await?)
}

/// Writes down when keys were last used; the worker calls it once a minute.
pub async fn flush_last_used(db: &mut PgConnection, used: &LastUsed) -> Result<()> {
    let (shops, keys, instants) = used.take();
    if keys.is_empty() {
        return Ok(());
    }
    Ok(sql::touch(db, &shops, &keys, &instants).await?)
}

fn rules(key: Uuid, texts: &[String]) -> Result<Vec<IpRule>> {
    let rules: Option<_> = texts.iter().map(|rule| IpRule::parse(rule).ok()).collect();
    rules.ok_or_else(|| Error::Internal(format!("key {key} has an address that is none")))
}

impl TryFrom<sql::Row> for ApiKey {
    type Error = Error;

    fn try_from(row: sql::Row) -> Result<Self> {
        Ok(Self {
            id: Id::from(row.id),
            surface: Surface::of(&row.surface),
            mode: Mode::of(&row.mode),
            name: row.name,
            scopes: row.scopes,
            allowed_ips: rules(row.id, &row.allowed_ips)?,
            last4: row.last4,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
    }
}
