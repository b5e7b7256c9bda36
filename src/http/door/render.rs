//! Errors are put into the surface's words on the way out, once, and what is our fault is logged, once.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::trace::RequestId;
use super::{Door, Refusal, Surface, Words, envelope, problem};
use crate::error::{Conflict, Error};

/// Axum's middleware for one surface: turns a [`Refusal`] into its words, and logs what is our fault, once.
pub async fn render(State(door): State<Door>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let mut response = next.run(request).await;
    let Some(Refusal(error)) = response.extensions_mut().remove::<Refusal>() else { return response };
    let words = match door.surface {
        Surface::V1 | Surface::Checkout => problem::words(&error, &id),
        Surface::Dev | Surface::Reseller | Surface::Portal => envelope::words(&error, &door.app.public_url),
    };
    if words.status.is_server_error() {
        tracing::error!(error = %error, status = words.status.as_u16(), "a request failed");
    }
    dress(&mut response, &error, words);
    response
}

/// Puts the words into the answer, with the headers that belong to the error.
pub fn dress(response: &mut Response, error: &Error, words: Words) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(words.content_type));
    headers.remove(header::CONTENT_LENGTH);
    if let Some(seconds) = retry_after_s(error, words.status) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if words.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Error::RangeNotSatisfiable { size_bytes } = error
        && let Ok(all) = HeaderValue::from_str(&format!("bytes */{size_bytes}"))
    {
        headers.insert(header::CONTENT_RANGE, all);
    }
    if matches!(error, Error::RequestTimeout | Error::BodyTooLarge { .. }) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    *response.status_mut() = words.status;
    *response.body_mut() = Body::from(words.body);
}

fn retry_after_s(error: &Error, status: StatusCode) -> Option<u64> {
    match error {
        Error::RateLimited { retry_after_s } | Error::Unavailable { retry_after_s } => Some(*retry_after_s),
        Error::Conflict(Conflict::IdempotencyInProgress) => Some(1),
        _ => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
    }
}
