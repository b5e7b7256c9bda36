//! The one door of a write. Idempotency record, domain change and outbox rows are one transaction,
//! begun and committed here, so a retry is safe and a failure is nothing having happened.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, OriginalUri, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use rand::RngExt as _;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{Connection as _, PgConnection};

use super::caller::Authority;
use super::read::Db;
use super::{Reply, Surface};
use crate::app::App;
use crate::domain::idempotency::{self, Batch, Claim, Claimed, Stored};
use crate::error::{Error, Result, Unauthenticated};
use crate::kit::json::{Form, Json, Unknown, Wire};

/// How often the work may run in all (promises OPS-12).
const ATTEMPTS_MAX: u32 = 5;
/// A twin in another process waits this long for the first, then is told that it is still at work.
const TWIN_LOCK_TIMEOUT: &str = "500ms";

/// A request that changes something: its body read once and whole, its idempotency key, its door.
pub struct Write<B> {
    app: Arc<App>,
    db: Db,
    pub body: B,
    key: Option<IdempotencyKey>,
    fingerprint: Sha256,
    private: bool,
}

/// The client's own name for this request: 1 to 255 visible ASCII characters (R1).
#[derive(Clone, Debug)]
pub struct IdempotencyKey(pub String);

impl IdempotencyKey {
    /// # Errors
    /// [`Error::Malformed`] for a key that is empty, too long, not plain ASCII, or sent twice.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>> {
        let refuse = || Error::Malformed(format!("Idempotency-Key must be one header, and {}", Self::FORM));
        let mut given = headers.get_all("idempotency-key").iter();
        let key = match (given.next(), given.next()) {
            (None, _) => return Ok(None),
            (Some(key), None) => key.to_str().map_err(|_| refuse())?,
            (Some(_), Some(_)) => return Err(refuse()),
        };
        Self::parse(key).map(Some).ok_or_else(refuse)
    }

    /// As [`Self::parse`] takes them.
    pub const FORM: &'static str = "have 1 to 255 visible ASCII characters";

    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        // `"abc"` and `abc` are the same key: the bytes between the quotes.
        let quoted = key.len() >= 2 && key.starts_with('"') && key.ends_with('"');
        let key = if quoted { &key[1..key.len() - 1] } else { key };
        let fits = (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(key.to_owned()))
    }
}

impl<B: Wire + Send> FromRequest<Arc<App>> for Write<B> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self> {
        let (parts, _) = request.into_parts();
        let (body, key, fingerprint) = read_request(&parts)?;
        Ok(Self { app: app.clone(), db: Db::of(&parts)?, body, key, fingerprint, private: false })
    }
}

/// Body, idempotency key, and what the key names.
pub(super) fn read_request<B: Wire>(parts: &Parts) -> Result<(B, Option<IdempotencyKey>, Sha256)> {
    let bytes = parts.extensions.get::<Bytes>().cloned().unwrap_or_default();
    let surface = parts.extensions.get::<Surface>().copied().unwrap_or(Surface::V1);
    let members = read_object(&parts.headers, &bytes)?;
    let fingerprint = fingerprint(parts, &members);
    let unknown = match surface {
        Surface::V1 | Surface::Checkout => Unknown::Refused,
        Surface::Dev | Surface::Reseller | Surface::Portal => Unknown::Ignored,
    };
    let Json::Object(members) = members else { return Err(not_an_object()) };
    let body = Form::new(members).finish(unknown)?;
    Ok((body, IdempotencyKey::read(&parts.headers)?, fingerprint))
}

/// The body as an object; an absent one is an object without members.
fn read_object(headers: &HeaderMap, bytes: &[u8]) -> Result<Json> {
    if bytes.is_empty() {
        return Ok(Json::Object(std::collections::BTreeMap::new()));
    }
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = media_type.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Error::UnsupportedMediaType);
    }
    match Json::parse(bytes)? {
        object @ Json::Object(_) => Ok(object),
        _ => Err(not_an_object()),
    }
}

fn not_an_object() -> Error {
    Error::Malformed("the body must be a JSON object".into())
}

/// Method, path, query and canonical body: what one key names.
fn fingerprint(parts: &Parts, body: &Json) -> Sha256 {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    let mut hasher = Sha256::new();
    for part in [parts.method.as_str(), uri.path(), uri.query().unwrap_or("")] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    body.digest(&mut hasher);
    hasher
}

impl Write<()> {
    /// The write of a provider's call, whose body is not ours to read, or of a form. Neither sends an
    /// idempotency key: providers name their events themselves, and what a form does is safe to repeat.
    pub(super) fn without_key(parts: &Parts, app: &Arc<App>) -> Result<Self> {
        let (db, fingerprint) = (Db::of(parts)?, Sha256::new());
        Ok(Self { app: app.clone(), db, body: (), key: None, fingerprint, private: false })
    }
}

impl<B> Write<B> {
    #[must_use]
    pub fn app(&self) -> Arc<App> {
        self.app.clone()
    }

    /// A turn with the request's connection before the write begins: to find the shop that is meant.
    pub async fn read(&self) -> Result<super::read::Read> {
        self.db.connection().await
    }

    /// The answer that this very request had before: for who would else do costly work ahead of the
    /// transaction, and whose authority ends by nothing but time. [`Write::once`] asks again.
    pub async fn before<A: Authority>(&self, authority: &A) -> Result<Option<Reply>> {
        let Some(claim) = self.claim(authority) else { return Ok(None) };
        let mut db = self.db.connection().await?;
        let met = Batch::load(&mut db, authority.shop(), &self.app.env, std::iter::once(&claim)).await?;
        met.replay(&claim)?.map(|stored| reply(stored, true)).transpose()
    }

    /// Lets go of connection and permit until the write begins: for work that needs neither.
    pub async fn let_go(&self) {
        self.db.let_go().await;
    }

    #[must_use]
    pub const fn key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }

    /// The answer shows a secret: it replays only to the one who made it (R1).
    #[must_use]
    pub const fn private(self) -> Self {
        self.private_if(true)
    }

    /// Private, where this body makes the answer show a secret.
    #[must_use]
    pub const fn private_if(mut self, shows_secret: bool) -> Self {
        self.private = shows_secret;
        self
    }

    /// Runs `work` in one transaction, at most once for the idempotency key, and answers `status` with
    /// what it returns. `work` may run again after a deadlock or a lost connection, so it has no effect
    /// but through its connection.
    ///
    /// # Errors
    /// What `work` refuses; the idempotency conflicts; [`Error::Unknown`] where the answer to COMMIT
    /// was lost and there is no key to ask by.
    pub async fn once<A, T, F>(self, authority: &A, status: StatusCode, work: F) -> Result<Reply>
    where
        A: Authority,
        T: Serialize,
        F: AsyncFn(&mut PgConnection, &B) -> Result<T>,
    {
        let claim = self.claim(authority);
        let mut attempt = 1;
        loop {
            match self.attempt(authority, claim.as_ref(), status, &work).await {
                Err(e) if attempt < ATTEMPTS_MAX && e.is_retryable() => {
                    tracing::info!(attempt, error = %e, "a write runs again");
                    metrics::counter!("write_retries_total").increment(1);
                    if e.is_connection_loss() {
                        self.db.give_up().await;
                    }
                    self.pause(attempt).await;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn attempt<A, T, F>(
        &self,
        authority: &A,
        claim: Option<&Claim>,
        status: StatusCode,
        work: &F,
    ) -> Result<Reply>
    where
        A: Authority,
        T: Serialize,
        F: AsyncFn(&mut PgConnection, &B) -> Result<T>,
    {
        let env = &self.app.env;
        let shop = authority.shop();
        let mut connection = self.db.connection().await?;
        let begin = sqlx::AssertSqlSafe(begin_sql(authority.lock(), claim.is_some()));
        let mut transaction = connection.begin_with(begin).await?;
        let worked = async {
            let db = &mut *transaction;
            if !authority.stands(db).await? {
                return Err(Error::Unauthenticated(Unauthenticated::Invalid));
            }
            if let Some(claim) = claim
                && let Claimed::Replay(stored) = idempotency::claim(db, shop, env, claim).await?
            {
                return Ok(Done::Before(stored));
            }
            let answer = work(db, &self.body).await?;
            let body = serde_json::to_vec(&answer).map_err(|e| Error::Internal(format!("answer: {e}")))?;
            let stored = Stored { status: status.as_u16(), body };
            if let Some(claim) = claim {
                idempotency::store(db, shop, env, claim, &stored).await?;
            }
            Ok(Done::Now(stored))
        }
        .await;
        match worked {
            Ok(Done::Now(stored)) => {
                transaction.commit().await.map_err(|e| lost_commit(e, claim.is_some()))?;
                self.app.work.notify_one();
                reply(stored, false)
            }
            Ok(Done::Before(stored)) => {
                transaction.rollback().await?;
                reply(stored, true)
            }
            Err(refused) => {
                // What went wrong matters more than a rollback that fails on a connection already lost.
                if transaction.rollback().await.is_err() {
                    drop(connection);
                    self.db.give_up().await;
                }
                Err(refused)
            }
        }
    }

    fn claim<A: Authority>(&self, authority: &A) -> Option<Claim> {
        let key = self.key.as_ref()?;
        let mut fingerprint = self.fingerprint.clone();
        if self.private {
            fingerprint.update(authority.holder());
        }
        Some(Claim {
            scope: authority.scope(),
            key_hash: idempotency::hash(key.0.as_bytes()),
            // Keyed, because a body may hold a password: who sees the row alone can try none against it.
            fingerprint: self.app.env.vault.mac("fingerprint", &[&fingerprint.finalize()]),
        })
    }

    /// Full jitter, doubling: 10, 20, 40, 80 ms at most.
    async fn pause(&self, attempt: u32) {
        let bound = 5_u64 << attempt;
        let ms = self.app.env.fork_rng().random_range(0..=bound);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

enum Done {
    Now(Stored),
    Before(Stored),
}

/// One round trip: begin, take the key's lock (a later statement reads the key), and set the patience
/// for the idempotency insert, which puts it back itself.
fn begin_sql(lock: Option<i64>, has_key: bool) -> String {
    let mut sql = String::from("begin");
    if let Some(lock) = lock {
        let _ = write!(sql, "; select pg_advisory_xact_lock_shared({lock})");
    }
    if has_key {
        let _ = write!(sql, "; set local lock_timeout = '{TWIN_LOCK_TIMEOUT}'");
    }
    sql
}

/// With a key the next attempt finds out: it meets the row that this one left, or waits for it, or
/// works afresh. Without one nobody can know.
fn lost_commit(error: sqlx::Error, has_key: bool) -> Error {
    let error = Error::from(error);
    if error.is_connection_loss() && !has_key { Error::Unknown } else { error }
}

fn reply(stored: Stored, replayed: bool) -> Result<Reply> {
    let status = StatusCode::from_u16(stored.status).map_err(|e| Error::Internal(format!("stored status: {e}")))?;
    Ok(Reply { status, body: stored.body, replayed })
}
