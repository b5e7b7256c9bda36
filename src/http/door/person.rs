//! People at the portal's door: who is signed in, and which of their programs they speak of.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use sqlx::PgConnection;

use super::caller::{Authority, presented};
use super::credential::Presented;
use super::limit::client_address;
use super::read::Db;
use crate::app::App;
use crate::domain::accounts::{self, Account};
use crate::domain::resellers::{self, Reseller, ResellerId};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result, Unauthenticated};
use crate::kit::env::Env;
use crate::kit::vault::hex;

/// Somebody who is signed in.
pub struct Person {
    pub account: Account,
    /// The session.
    hash: [u8; 32],
    env: Arc<Env>,
}

impl FromRequestParts<Arc<App>> for Person {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let Presented { hash, .. } = presented(parts)?;
        let mut db = Db::of(parts)?.connection().await?;
        let found = accounts::by_session(&mut db, &hash, app.env.now()).await?;
        let account = found.ok_or(Error::Unauthenticated(Unauthenticated::Invalid))?;
        Ok(Self { account, hash, env: app.env.clone() })
    }
}

impl Authority for Person {
    fn shop(&self) -> Tenant {
        accounts::PEOPLE
    }

    fn scope(&self) -> String {
        format!("person:{}", self.account.id)
    }

    fn holder(&self) -> Vec<u8> {
        self.hash.to_vec()
    }

    async fn stands(&self, db: &mut PgConnection) -> Result<bool> {
        accounts::session_stands(db, &self.hash, self.env.now()).await
    }
}

/// Somebody who is signed in, if anybody is: a session that has ended is nobody's.
pub struct Somebody(pub Option<Person>);

impl FromRequestParts<Arc<App>> for Somebody {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        match Person::from_request_parts(parts, app).await {
            Ok(person) => Ok(Self(Some(person))),
            Err(Error::Unauthenticated(_)) => Ok(Self(None)),
            Err(e) => Err(e),
        }
    }
}

/// A person in one of their programs: the `{relationship}` of the path, whatever its shop. Somebody else's
/// is not there.
pub struct Program {
    pub person: Person,
    pub shop: Tenant,
    pub reseller: Reseller,
}

impl FromRequestParts<Arc<App>> for Program {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let person = Person::from_request_parts(parts, app).await?;
        let unknown = || Error::NotFound("program");
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| unknown())?;
        let named = params.iter().find(|(name, _)| *name == "relationship");
        let id = named.and_then(|(_, text)| ResellerId::parse(text)).ok_or_else(unknown)?;
        let mut db = Db::of(parts)?.connection().await?;
        let (shop, reseller) = resellers::of_person(&mut db, person.account.id, id).await?.ok_or_else(unknown)?;
        Ok(Self { person, shop, reseller })
    }
}

impl Authority for Program {
    fn shop(&self) -> Tenant {
        self.shop
    }

    fn scope(&self) -> String {
        self.person.scope()
    }

    fn holder(&self) -> Vec<u8> {
        self.person.holder()
    }

    async fn stands(&self, db: &mut PgConnection) -> Result<bool> {
        self.person.stands(db).await
    }
}

/// A session as presented, whether or not it is still one: who signs out twice with one idempotency key
/// gets the same answer twice.
pub struct Leaving(pub [u8; 32]);

impl FromRequestParts<Arc<App>> for Leaving {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self> {
        presented(parts).map(|presented| Self(presented.hash))
    }
}

impl Authority for Leaving {
    fn shop(&self) -> Tenant {
        accounts::PEOPLE
    }

    fn scope(&self) -> String {
        format!("session:{}", hex(&self.0))
    }

    fn holder(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    async fn stands(&self, _: &mut PgConnection) -> Result<bool> {
        Ok(true) // the work itself finds out
    }
}

/// Somebody who is not signed in, and names what they come for: an address, or a token that was mailed.
pub struct Guest {
    pub shop: Tenant,
    pub scope: String,
}

impl Guest {
    /// By their address.
    #[must_use]
    pub fn of(email_key: &str) -> Self {
        Self { shop: accounts::PEOPLE, scope: format!("guest:{email_key}") }
    }

    /// By a token that was mailed to them.
    #[must_use]
    pub fn with(shop: Tenant, token: &[u8; 32]) -> Self {
        Self { shop, scope: format!("token:{}", hex(token)) }
    }
}

impl Authority for Guest {
    fn shop(&self) -> Tenant {
        self.shop
    }

    fn scope(&self) -> String {
        self.scope.clone()
    }

    fn holder(&self) -> Vec<u8> {
        Vec::new()
    }

    async fn stands(&self, _: &mut PgConnection) -> Result<bool> {
        Ok(true) // what they know is asked for in the work itself
    }
}

/// The client's address, for limits of a handler's own.
pub struct Client(pub IpAddr);

impl FromRequestParts<Arc<App>> for Client {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        Ok(Self(client_address(|peer| app.config.trusts(peer), parts)))
    }
}
