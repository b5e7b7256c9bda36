//! `shr_` keys: each acts for one relationship, and for nothing else.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{ApiKey, KeyId, MintedKey, NewKey, REVOKED_LISTED_FOR, Surface, end, insert, sql};
use crate::domain::shops::{self, Mode, Tenant};
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::ip_rule::IpRule;
use crate::kit::page::{Page, Place, Window};

#[derive(Clone, Debug)]
pub struct NewResellerKey {
    pub name: String,
    /// From where it may be used; none: from anywhere.
    pub allowed_ips: Vec<IpRule>,
}

/// Makes a key of a relationship of `shop`, which may be the twin: then the key acts in the sandbox alone (R49).
pub async fn mint_for(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    reseller: Uuid,
    new: NewResellerKey,
) -> Result<MintedKey> {
    let (owner, mode) = owner(db, shop).await?;
    let key = NewKey { name: new.name, surface: Surface::Reseller, mode, scopes: vec!["*".into()] };
    insert(db, owner, shop, env, key, Some(reseller), new.allowed_ips).await
}

/// A relationship's keys, newest first, revoked ones for 90 days more.
pub async fn list_of(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    reseller: Uuid,
    window: Window<ApiKey>,
    place: &Place,
) -> Result<Page<ApiKey>> {
    let (owner, _) = owner(db, shop).await?;
    let since = env.now() - REVOKED_LISTED_FOR;
    let rows = sql::list_of(db, owner.uuid(), shop.uuid(), reseller, since, window.after(), window.rows()).await?;
    let keys = rows.into_iter().map(ApiKey::try_from).collect::<Result<_>>()?;
    Ok(Page::cut(keys, &window, place, &env.vault, |key| *key.id))
}

/// How many of a relationship's keys stand.
pub async fn count_of(db: &mut PgConnection, shop: Tenant, reseller: Uuid) -> Result<i64> {
    let (owner, _) = owner(db, shop).await?;
    Ok(sql::count_of(db, owner.uuid(), shop.uuid(), reseller).await?)
}

/// Revokes a relationship's key, as [`super::revoke`] does.
///
/// # Errors
/// [`Error::NotFound`] for a key that is not this relationship's.
pub async fn revoke_of(db: &mut PgConnection, shop: Tenant, env: &Env, reseller: Uuid, key: KeyId) -> Result<()> {
    let (owner, _) = owner(db, shop).await?;
    let hash = sql::hash_of_resellers(db, owner.uuid(), shop.uuid(), reseller, *key)
        .await?
        .and_then(|hash| <[u8; 32]>::try_from(hash).ok())
        .ok_or(Error::NotFound("API key"))?;
    end(db, owner, env, key, &hash).await
}

/// Keys belong to the live shop.
async fn owner(db: &mut PgConnection, shop: Tenant) -> Result<(Tenant, Mode)> {
    let shop = shops::get(db, shop).await?;
    Ok((if shop.mode == Mode::Live { shop.tenant } else { shop.twin }, shop.mode))
}
