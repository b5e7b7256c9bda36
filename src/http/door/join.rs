//! The way into a lane: for a write that many clients make at once, and that shares its transaction with
//! others. No connection is taken, and so no permit: the lane's queue is the bound.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use sha2::{Digest, Sha256};

use super::caller::presented;
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

/// A request for a lane: who asks, as far as is known without asking the database (the lane does), and
/// the body.
pub struct Join<S, B> {
    pub app: Arc<App>,
    pub caller: Caller,
    pub body: B,
    pub client: IpAddr,
    presented: Presented,
    key: Option<IdempotencyKey>,
    fingerprint: Sha256,
    scope: PhantomData<S>,
}

impl<S: Scope, B: Wire + Send> FromRequest<Arc<App>> for Join<S, B> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self> {
        let (parts, _) = request.into_parts();
        let presented = presented(&parts)?;
        let caller = who(app, presented).await?;
        app.last_used.touch(&caller, app.env.now());
        if !S::granted(&caller.scopes) {
            return Err(Error::MissingScope(S::NAME));
        }
        let (body, key, fingerprint) = read_request(&parts)?;
        let client = client_address(|peer| app.config.trusts(peer), &parts).to_canonical();
        Ok(Self { app: app.clone(), caller, body, client, presented, key, fingerprint, scope: PhantomData })
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
    let db = Db::new(app.requests.clone(), permit(app).await?);
    let look_up = async move {
        let mut connection = db.connection().await?;
        keys::authenticate(&mut connection, &presented.hash).await
    };
    let caller = admit_alone(look_up).await??.ok_or(Error::Unauthenticated(Unauthenticated::Invalid))?;
    app.known.learn(presented.hash, caller.clone());
    Ok(caller)
}

impl<S, B> Join<S, B> {
    /// The number of the lock that revoking the caller's key takes.
    #[must_use]
    pub fn lock(&self) -> i64 {
        secret::lock_number(&self.presented.hash)
    }

    /// What the idempotency key claims within `scope`, where one was sent.
    #[must_use]
    pub fn claim(&self, scope: String) -> Option<Claim> {
        let key = self.key.as_ref()?;
        let fingerprint = self.fingerprint.clone().finalize().into();
        Some(Claim { scope, key_hash: idempotency::hash(key.0.as_bytes()), fingerprint })
    }

    /// The lane found that the key does not stand any more: it is looked up again next time.
    pub fn forget_caller(&self) {
        self.app.known.forget(&self.presented.hash);
    }
}
