//! The way into a lane: for a write that many clients make at once, and that shares its transaction with
//! others. No connection is taken, and so no permit: the lane's queue is the bound.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use std::ops::Deref;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use sha2::{Digest, Sha256};

use super::caller::{check_address, presented};
use super::credential::Presented;
use super::enter::{admit_alone, permit};
use super::limit::client_address;
use super::read::Db;
use super::write::{IdempotencyKey, read_request};
use crate::app::App;
use crate::domain::idempotency::{self, Claim};
use crate::domain::keys::{self, Caller, Scope};
use crate::error::{Error, Result, Unauthenticated};
use crate::kit::json::Wire;
use crate::kit::secret;

/// Who asks, as far as is known without asking the database; the lane does.
pub struct Joiner<S> {
    pub app: Arc<App>,
    pub caller: Caller,
    pub client: IpAddr,
    presented: Presented,
    scope: PhantomData<S>,
}

/// A request for a lane: who asks, and the body.
pub struct Join<S, B> {
    joiner: Joiner<S>,
    pub body: B,
    key: Option<IdempotencyKey>,
    fingerprint: Sha256,
}

impl<S, B> Deref for Join<S, B> {
    type Target = Joiner<S>;
    fn deref(&self) -> &Joiner<S> {
        &self.joiner
    }
}

impl<S: Scope> FromRequestParts<Arc<App>> for Joiner<S> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let presented = presented(parts)?;
        let caller = who(app, presented).await?;
        let client = client_address(|peer| app.config.trusts(peer), parts).to_canonical();
        check_address(&caller, client)?;
        app.last_used.touch(&caller, app.env.now());
        if !S::granted(&caller.scopes) {
            return Err(Error::MissingScope(S::NAME));
        }
        Ok(Self { app: app.clone(), caller, client, presented, scope: PhantomData })
    }
}

impl<S: Scope, B: Wire + Send> FromRequest<Arc<App>> for Join<S, B> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self> {
        let (mut parts, _) = request.into_parts();
        let joiner = Joiner::from_request_parts(&mut parts, app).await?;
        let (body, key, fingerprint) = read_request(&parts)?;
        Ok(Self { joiner, body, key, fingerprint })
    }
}

/// Remembered, or looked up as any other request's caller is. A client that leaves cancels no query.
async fn who(app: &Arc<App>, presented: Presented) -> Result<Caller> {
    if let Some(caller) = app.known.find(&presented.hash) {
        return Ok(caller);
    }
    // A crowd whose key nobody knows yet looks it up once, and not as often as there are permits.
    let mut gate = [0; 16];
    gate.copy_from_slice(&presented.hash[..16]);
    let _turn = app.twins.enter(gate).await.ok_or(Error::Unavailable { retry_after_s: 1 })?;
    if let Some(caller) = app.known.find(&presented.hash) {
        return Ok(caller);
    }
    let db = Db::new(app.requests.clone(), permit(&app.permits).await?);
    let look_up = async move {
        let mut connection = db.connection().await?;
        keys::authenticate(&mut connection, &presented.hash).await
    };
    let caller = admit_alone(look_up).await??.ok_or(Error::Unauthenticated(Unauthenticated::Invalid))?;
    app.known.learn(presented.hash, caller.clone());
    Ok(caller)
}

impl<S, B> Join<S, B> {
    /// What the idempotency key claims within `scope`, where one was sent.
    #[must_use]
    pub fn claim(&self, scope: String) -> Option<Claim> {
        self.key.as_ref().map(|key| self.claim_by(key, scope))
    }

    /// The same for a key that was sent otherwise.
    #[must_use]
    pub fn claim_by(&self, key: &IdempotencyKey, scope: String) -> Claim {
        claim(key, scope, self.fingerprint.clone())
    }

    /// The same where the headers say in which form to answer: a key names that form too, for a replay has the
    /// same bytes.
    #[must_use]
    pub fn claim_in(&self, form: &str, scope: String) -> Option<Claim> {
        let key = self.key.as_ref()?;
        let mut fingerprint = self.fingerprint.clone();
        fingerprint.update(form);
        Some(claim(key, scope, fingerprint))
    }

    #[must_use]
    pub const fn key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }
}

fn claim(key: &IdempotencyKey, scope: String, fingerprint: Sha256) -> Claim {
    Claim { scope, key_hash: idempotency::hash(key.0.as_bytes()), fingerprint: fingerprint.finalize().into() }
}

impl<S> Joiner<S> {
    /// The number of the lock that revoking the caller's key takes.
    #[must_use]
    pub fn lock(&self) -> i64 {
        secret::lock_number(&self.presented.hash)
    }

    /// The lane found that the key does not stand any more: it is looked up again next time.
    pub fn forget_caller(&self) {
        self.app.known.forget(&self.presented.hash);
    }
}
