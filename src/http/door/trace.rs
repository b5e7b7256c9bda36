//! The outermost layer: a request id on every answer, one span and one set of figures a request.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::app::App;
use crate::kit::id::Entity;

/// Names a request in answers and logs.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

enum Traced {}
impl Entity for Traced {
    const PREFIX: &'static str = "req";
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
