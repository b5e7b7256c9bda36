//! The request's connection: one, taken when it is first needed, and never a second. The permit for it
//! goes with it: a handler that has let go of both may wait for others without keeping anybody waiting.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::enter::permit;
use crate::app::App;
use crate::error::{Error, Result};

/// Where the request's connection is, or comes from. Its users take turns.
#[derive(Clone)]
pub struct Db {
    pool: PgPool,
    permits: Arc<Semaphore>,
    held: Arc<Mutex<Held>>,
}

struct Held {
    connection: Option<PoolConnection<Postgres>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Db {
    #[must_use]
    pub fn new(pool: PgPool, permit: OwnedSemaphorePermit) -> Self {
        let permits = permit.semaphore().clone();
        Self { pool, permits, held: Arc::new(Mutex::new(Held { connection: None, permit: Some(permit) })) }
    }

    pub fn of(parts: &Parts) -> Result<Self> {
        let db = parts.extensions.get::<Self>().cloned();
        db.ok_or_else(|| Error::Internal("a route is not behind its door".into()))
    }

    /// A turn with the connection; it is taken from the pool at the first one.
    pub async fn connection(&self) -> Result<Read> {
        let mut held = self.held.clone().lock_owned().await;
        if held.permit.is_none() {
            held.permit = Some(permit(&self.permits).await?);
        }
        if held.connection.is_none() {
            let asked = Instant::now();
            let acquired = self.pool.acquire().await;
            metrics::histogram!("pool_wait_seconds", "pool" => "requests").record(asked.elapsed().as_secs_f64());
            held.connection = Some(acquired.map_err(not_let_in)?);
        }
        OwnedMutexGuard::try_map(held, |held| held.connection.as_mut())
            .map(Read)
            .map_err(|_| Error::Internal("a connection vanished".into()))
    }

    /// Lets go of connection and permit, for work that needs neither: so it holds up nobody. The next turn
    /// waits for both again.
    pub async fn let_go(&self) {
        let mut held = self.held.lock().await;
        held.connection = None;
        held.permit = None;
    }

    /// Lets go of a connection that broke; the next turn takes another one.
    pub async fn give_up(&self) {
        if let Some(mut broken) = self.held.lock().await.connection.take() {
            broken.close_on_drop();
        }
    }
}

/// A database that does not let us in is away, whatever it says: full, closed for now, or being restored.
fn not_let_in(error: sqlx::Error) -> Error {
    let error = Error::from(error);
    if error.is_passing() {
        return error;
    }
    tracing::error!(error = %error, "the database does not let us in");
    Error::Unavailable { retry_after_s: 1 }
}

/// A turn with the request's connection. As an argument of a handler: for reads.
pub struct Read(OwnedMappedMutexGuard<Held, PoolConnection<Postgres>>);

impl Deref for Read {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Read {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

impl FromRequestParts<Arc<App>> for Read {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self> {
        Db::of(parts)?.connection().await
    }
}
