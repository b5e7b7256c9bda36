//! The outermost layers: a request id on every answer, one span and one set of figures a request, and
//! errors put into the surface's words on the way out.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{Refusal, Surface, envelope, problem};
use crate::app::App;
use crate::error::{Conflict, Error};
use crate::kit::id::Entity;

/// Names a request in answers and logs.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

enum Traced {}
impl Entity for Traced {
    const PREFIX: &'static str = "req";
}

/// An error in a surface's words.
#[derive(Debug)]
pub struct Words {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

/// Axum's middleware for everything: id, span, figures.
pub async fn trace(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let id: Uuid = app.env.id::<Traced>().uuid();
    let id = RequestId(id.simple().to_string());
    let method = request.method().clone();
    // The pattern, never the path: paths and queries may hold what must not be logged.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("request", id = %id.0, %method, route);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;

    let status = response.status().as_u16();
    let labels = [("route", route), ("method", label(&method)), ("status", status.to_string())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_seconds", &labels[..2]).record(started.elapsed().as_secs_f64());
    span.in_scope(|| tracing::debug!(status, ms = started.elapsed().as_millis(), "answered"));
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert("x-request-id", value);
    }
    if chunked {
        // Length and chunking together is how requests are smuggled; a connection that chunked is not used again.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A client may send any word as a method; figures are kept for those that exist.
fn label(method: &Method) -> String {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    if known.contains(method) { method.to_string() } else { "other".into() }
}

/// Where [`render`] stands.
#[derive(Clone)]
pub struct Voice {
    pub app: Arc<App>,
    pub surface: Surface,
}

/// Axum's middleware for one surface: turns a [`Refusal`] into its words, and logs what is our fault, once.
pub async fn render(State(voice): State<Voice>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let mut response = next.run(request).await;
    let Some(Refusal(error)) = response.extensions_mut().remove::<Refusal>() else { return response };
    let words = match voice.surface {
        Surface::V1 | Surface::Checkout => problem::words(&error, &id),
        Surface::Dev | Surface::Reseller => envelope::words(&error, &voice.app.public_url),
    };
    if words.status.is_server_error() {
        tracing::error!(error = %error, status = words.status.as_u16(), "a request failed");
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(words.content_type));
    headers.remove(header::CONTENT_LENGTH);
    if let Some(seconds) = retry_after_s(&error, words.status) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if words.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if matches!(*error, Error::RequestTimeout | Error::BodyTooLarge { .. }) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    *response.status_mut() = words.status;
    *response.body_mut() = Body::from(words.body);
    response
}

fn retry_after_s(error: &Error, status: StatusCode) -> Option<u64> {
    match error {
        Error::RateLimited { retry_after_s } | Error::Unavailable { retry_after_s } => Some(*retry_after_s),
        Error::Conflict(Conflict::IdempotencyInProgress) => Some(1),
        _ => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
    }
}
