//! The way in, the same for every route behind a surface's door. Cheap refusals come first; what may
//! wait (body, twin, permit) waits here, where a client that leaves is simply gone; then the handler
//! runs in a task of its own, so that nobody can cancel a transaction half-way (promises F1).

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument as _;

use super::credential::{self, Presented};
use super::dynamic::{self, DYNAMIC};
use super::limit;
use super::read::Db;
use super::write::IdempotencyKey;
use super::{Door, Surface, params, session_cookie};
use crate::app::App;
use crate::error::{Conflict, Error, Result, Unauthenticated};
use crate::kit::limiter::Verdict;

const BODY_BYTES_MAX: usize = 1 << 20;
/// Routes whose bodies are large by nature.
const LARGE_BODIES: &[(&str, usize)] = &[("/v1/products/{id}/keys", 8 << 20)];
pub const URI_BYTES_MAX: usize = 8 << 10;
pub const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 32 << 10;
/// Routes that go through a lane: they take no connection, and have limits of their own (R2).
const LANES: &[(Method, &str)] = &[
    (Method::POST, "/dev/v1/licenses/validate"),
    (Method::POST, "/reseller/v1/fulfillments"),
    (Method::GET, DYNAMIC),
    (Method::POST, DYNAMIC),
];
/// A request that finds no free connection for this long is told to come back.
const PERMIT_PATIENCE: Duration = Duration::from_millis(500);

/// Axum's middleware for every matched route of a surface.
pub async fn enter(State(door): State<Door>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(harmless) = dynamic::harmless(&parts) {
        return harmless;
    }
    parts.extensions.insert(door.surface);
    let presented = check_form(&parts).and_then(|()| present(&door, &mut parts));
    let (lane, is_dynamic) = (is_lane(&parts), dynamic::is_dynamic(&parts));
    let counted = if lane { limit::count_in_lane(&door, &parts) } else { limit::count(&door, &parts) };
    let refused = match (presented, counted) {
        (Err(e), _) => Some(e),
        (Ok(()), Some(verdict)) if !verdict.allowed => {
            if lane && door.surface == Surface::Dev {
                note_throttled(&door.app, &parts);
            }
            Some(Error::RateLimited { retry_after_s: verdict.reset_s })
        }
        _ => None,
    };
    let mut response = match refused {
        Some(error) => error.into_response(),
        None => admit(&door, parts, body, next).await.unwrap_or_else(axum::response::IntoResponse::into_response),
    };
    // A handler that counts by itself tells of its own limit.
    if let Some(verdict) = response.extensions_mut().remove::<Verdict>().or(counted) {
        limit::tell(&mut response, &verdict, door.surface);
    }
    if is_dynamic {
        dynamic::keep_unlisted(&mut response);
    }
    response
}

async fn admit(door: &Door, mut parts: Parts, body: Body, next: Next) -> Result<Response> {
    let bytes = read_body(door, &parts, body).await?;
    if is_lane(&parts) {
        parts.extensions.insert(bytes);
        let request = Request::from_parts(parts, Body::empty());
        return admit_alone(async move { next.run(request).await }).await;
    }
    let twin = match twin_key(&parts)? {
        Some(key) => match door.app.twins.enter(key).await {
            Some(turn) => Some(turn),
            None => return Err(Error::Conflict(Conflict::IdempotencyInProgress)),
        },
        None => None,
    };
    let permit = permit(&door.app.permits).await?;
    parts.extensions.insert(bytes);
    parts.extensions.insert(Db::new(door.app.requests.clone(), permit));
    let request = Request::from_parts(parts, Body::empty());
    admit_alone(async move {
        let response = next.run(request).await;
        drop(twin);
        response
    })
    .await
}

/// Runs to its end in a task of its own, whether or not somebody still waits for it.
pub(super) async fn admit_alone<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T> {
    let span = tracing::Span::current();
    tokio::spawn(work.instrument(span)).await.map_err(|e| Error::Internal(format!("the handler did not return: {e}")))
}

fn is_lane(parts: &Parts) -> bool {
    let path = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    LANES.iter().any(|(method, lane)| parts.method == *method && path == Some(lane))
}

/// What a limit refuses at the door is counted too, where it is known whose it is.
fn note_throttled(app: &App, parts: &Parts) {
    let presented = parts.extensions.get::<Presented>();
    if let Some(caller) = presented.and_then(|presented| app.known.find(&presented.hash)) {
        app.throttled.note(caller.shop, [0; 16]); // the body was not read
    }
}

/// Sizes and shapes that are refused before anything is read.
fn check_form(parts: &Parts) -> Result<()> {
    let uri_bytes = parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
    if uri_bytes > URI_BYTES_MAX {
        return Err(Error::UriTooLong { limit_bytes: URI_BYTES_MAX });
    }
    let header_bytes: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if parts.headers.len() > HEADERS_MAX || header_bytes > HEADER_BYTES_MAX {
        return Err(Error::HeadersTooLarge);
    }
    if parts.headers.get_all(header::HOST).iter().count() > 1 {
        return Err(Error::Malformed("the Host header is given twice".into()));
    }
    let encoding = parts.headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return Err(Error::UnsupportedMediaType);
    }
    params::check_query(parts.uri.query())?;
    IdempotencyKey::read(&parts.headers).map(drop)
}

/// Notes what the request presents. The public checkout and the portal ask for a token only where a handler
/// does; a browser that is signed in to the portal shows its cookie.
fn present(door: &Door, parts: &mut Parts) -> Result<()> {
    let presented = match (credential::present(door.surface, parts), door.surface) {
        (Err(Error::Unauthenticated(Unauthenticated::Missing)), Surface::Checkout) => None,
        (Err(Error::Unauthenticated(Unauthenticated::Missing)), Surface::Portal) => session_cookie::present(parts),
        (presented, _) => Some(presented?),
    };
    if let Some(presented) = presented {
        parts.extensions.insert(presented);
    }
    Ok(())
}

async fn read_body(door: &Door, parts: &Parts, body: Body) -> Result<Bytes> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(Bytes::new());
    }
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let large = LARGE_BODIES.iter().find(|(path, _)| *path == route);
    let limit_bytes = large.map_or(BODY_BYTES_MAX, |(_, bytes)| *bytes);
    if declared_length(&parts.headers).is_some_and(|length| length > limit_bytes) {
        return Err(Error::BodyTooLarge { limit_bytes });
    }
    let deadline = Duration::from_secs(door.app.config.http.body_timeout_s);
    let read = tokio::time::timeout(deadline, Limited::new(body, limit_bytes).collect());
    match read.await {
        Err(_) => Err(Error::RequestTimeout),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(Error::BodyTooLarge { limit_bytes }),
        Ok(Err(_)) => Err(Error::Malformed("the body ended early".into())),
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// By what twins of one process meet: who presents it, and their idempotency key.
fn twin_key(parts: &Parts) -> Result<Option<[u8; 16]>> {
    let Some(key) = IdempotencyKey::read(&parts.headers)? else { return Ok(None) };
    let presented = parts.extensions.get::<Presented>().map_or([0; 32], |presented| presented.hash);
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest([presented.as_slice(), key.0.as_bytes()].concat())[..16]);
    Ok(Some(short))
}

pub(super) async fn permit(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let asked = Instant::now();
    let waited = tokio::time::timeout(PERMIT_PATIENCE, permits.clone().acquire_owned()).await;
    metrics::histogram!("pool_wait_seconds", "pool" => "permits").record(asked.elapsed().as_secs_f64());
    match waited {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Error::Unavailable { retry_after_s: 1 }),
    }
}
