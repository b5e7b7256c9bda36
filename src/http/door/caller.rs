//! Authority is a type: a handler that holds a [`Merchant`] or a [`Developer`] was let in, with that
//! scope, and has its tenant from nowhere else.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sqlx::PgConnection;
use uuid::Uuid;

use super::cookie;
use super::credential::Presented;
use super::read::Db;
use crate::app::App;
use crate::domain::keys::{self, Caller, Scope};
use crate::domain::shops::{self, Listed, Tenant};
use crate::error::{Error, Result, Unauthenticated};
use crate::kit::secret;

/// In whose name a write is done. The write door asks it inside the transaction.
pub trait Authority: Send + Sync {
    fn shop(&self) -> Tenant;

    /// What an idempotency key is unique in, within the shop (R1).
    fn scope(&self) -> String;

    /// The number of the advisory lock that revoking this authority takes exclusively.
    fn lock(&self) -> Option<i64> {
        None
    }

    /// Told apart from every other holder of the same scope: answers with secrets replay to it alone.
    fn holder(&self) -> Vec<u8>;

    /// Whether it still stands, asked under the lock.
    fn stands(&self, db: &mut PgConnection) -> impl Future<Output = Result<bool>> + Send;
}

/// A caller with an API key of a shop, and the scope `S`.
pub struct KeyHolder<S> {
    caller: Caller,
    hash: [u8; 32],
    scope: PhantomData<S>,
}

/// Holds an `sx_` key with the ability `S`.
pub type Merchant<S> = KeyHolder<S>;
/// Holds an `shx_` key with the scope `S`.
pub type Developer<S> = KeyHolder<S>;

impl<S> Deref for KeyHolder<S> {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<S: Scope> FromRequestParts<Arc<App>> for KeyHolder<S> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let presented = presented(parts)?;
        let mut db = Db::of(parts)?.connection().await?;
        let found = keys::authenticate(&mut db, &presented.hash).await?;
        let caller = found.ok_or(Error::Unauthenticated(Unauthenticated::Invalid))?;
        app.last_used.touch(&caller, app.env.now());
        if !S::granted(&caller.scopes) {
            return Err(Error::MissingScope(S::NAME));
        }
        Ok(Self { caller, hash: presented.hash, scope: PhantomData })
    }
}

impl<S: Scope> Authority for KeyHolder<S> {
    fn shop(&self) -> Tenant {
        self.shop
    }

    fn scope(&self) -> String {
        self.surface.word().to_owned()
    }

    fn lock(&self) -> Option<i64> {
        Some(secret::lock_number(&self.hash))
    }

    fn holder(&self) -> Vec<u8> {
        self.key.as_bytes().to_vec()
    }

    async fn stands(&self, db: &mut PgConnection) -> Result<bool> {
        keys::stands(db, &self.caller).await
    }
}

/// Holds the token of one checkout, in a header or in the cookie of its page.
#[derive(Debug)]
pub struct Buyer {
    pub shop: Tenant,
    /// The order that the token opens.
    pub order: Uuid,
}

impl FromRequestParts<Arc<App>> for Buyer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self> {
        let presented = match presented(parts) {
            Ok(presented) => presented,
            Err(missing) => cookie::present(parts).await.ok_or(missing)?,
        };
        let mut db = Db::of(parts)?.connection().await?;
        let found = shops::look_up(&mut db, Listed::Checkout, &presented.hash).await?;
        let (shop, order) = found.ok_or(Error::Unauthenticated(Unauthenticated::Invalid))?;
        Ok(Self { shop, order })
    }
}

impl Authority for Buyer {
    fn shop(&self) -> Tenant {
        self.shop
    }

    fn scope(&self) -> String {
        format!("checkout:{}", self.order)
    }

    fn holder(&self) -> Vec<u8> {
        self.order.as_bytes().to_vec()
    }

    async fn stands(&self, _: &mut PgConnection) -> Result<bool> {
        Ok(true) // a checkout's token ends with its order, and orders are never deleted
    }
}

/// Anybody at a shop's public door, known by the address they give.
#[derive(Debug)]
pub struct Visitor {
    pub shop: Tenant,
    pub email_key: String,
}

impl Authority for Visitor {
    fn shop(&self) -> Tenant {
        self.shop
    }

    fn scope(&self) -> String {
        format!("visitor:{}", self.email_key)
    }

    fn holder(&self) -> Vec<u8> {
        Vec::new()
    }

    async fn stands(&self, _: &mut PgConnection) -> Result<bool> {
        Ok(true)
    }
}

/// # Errors
/// [`Error::Forbidden`] for a key that is used from where it may not be.
pub(super) fn check_address(caller: &Caller, client: IpAddr) -> Result<()> {
    let allowed = caller.allowed_ips.is_empty() || caller.allowed_ips.iter().any(|rule| rule.allows(client));
    if allowed { Ok(()) } else { Err(Error::Forbidden("This key may not be used from this address.")) }
}

pub(super) fn presented(parts: &Parts) -> Result<Presented> {
    let presented = parts.extensions.get::<Presented>().copied();
    presented.ok_or(Error::Unauthenticated(Unauthenticated::Missing))
}
