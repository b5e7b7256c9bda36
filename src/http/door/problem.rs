//! Errors of `/v1` and `/checkout/v1`: problem+json (RFC 9457), branched on by the bare slug in `type`.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Serialize;

use super::Words;
use crate::error::{Conflict, Error, LicenseRefusal, ResellerRefusal, Unauthenticated};

pub const CONTENT_TYPE: &str = "application/problem+json";

/// The body of every non-2xx.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// The slug to branch on.
    #[schema(example = "not_found")]
    pub r#type: &'static str,
    pub title: &'static str,
    pub status: u16,
    /// What happened and what to do next.
    pub detail: String,
    /// Which conflict it is (`idempotency_payload_mismatch`, `idempotency_in_progress`, `out_of_stock`, `wrong_state`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Messages by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<BTreeMap<String, Vec<String>>>,
    /// As in the header `X-Request-Id`.
    pub request_id: String,
    /// For support; 500 alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// Puts an error into this surface's words.
#[must_use]
pub fn words(error: &Error, request_id: &str) -> Words {
    let (status, slug, title) = kind(error);
    let problem = Problem {
        r#type: slug,
        title,
        status: status.as_u16(),
        detail: detail(error),
        code: match error {
            Error::Conflict(conflict) => Some(code(conflict)),
            Error::License { refusal, .. } => Some(refusal.code()),
            Error::Reseller(refusal) => Some(refusal.code()),
            _ => None,
        },
        errors: match error {
            Error::Invalid(fields) => Some(fields.messages().clone()),
            _ => None,
        },
        request_id: request_id.to_owned(),
        trace_id: (status == StatusCode::INTERNAL_SERVER_ERROR).then(|| request_id.to_owned()),
    };
    Words { status, content_type: CONTENT_TYPE, body: serde_json::to_vec(&problem).unwrap_or_default() }
}

fn kind(error: &Error) -> (StatusCode, &'static str, &'static str) {
    match error {
        Error::Malformed(_) => (StatusCode::BAD_REQUEST, "invalid_request", "The request cannot be read"),
        Error::Invalid(fields) if fields.any_missing() => {
            (StatusCode::BAD_REQUEST, "invalid_request", "A required field is missing")
        }
        Error::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", "Validation failed"),
        Error::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "unauthenticated", "Missing or invalid credential"),
        Error::MissingScope(_) | Error::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden_scope", "Not allowed"),
        Error::NotFound(_) | Error::Gone(_) | Error::License { refusal: LicenseRefusal::NotFound, .. } => {
            (StatusCode::NOT_FOUND, "not_found", "Not found")
        }
        Error::RangeNotSatisfiable { .. } => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "invalid_request", "The range is beyond the end")
        }
        Error::Conflict(_) => (StatusCode::CONFLICT, "conflict", "Conflict"),
        Error::License { .. } => (StatusCode::BAD_REQUEST, "invalid_request", "The license does not allow it"),
        Error::Reseller(refusal) => reseller(refusal),
        Error::InsufficientFunds => (StatusCode::PAYMENT_REQUIRED, "payment_required", "Insufficient funds"),
        Error::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed"),
        Error::RequestTimeout => {
            (StatusCode::REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive")
        }
        Error::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large"),
        Error::UriTooLong { .. } => (StatusCode::URI_TOO_LONG, "uri_too_long", "The address is too long"),
        Error::HeadersTooLarge => {
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "The headers are too large")
        }
        Error::UnsupportedMediaType => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type")
        }
        Error::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests"),
        Error::Unavailable { .. } | Error::Unknown | Error::FileStore(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable")
        }
        Error::Database(_) if error.is_passing() => {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable")
        }
        Error::Database(_) | Error::Internal(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "Something broke on our side")
        }
    }
}

/// The status is the same on every surface.
pub(super) const fn reseller(refusal: &ResellerRefusal) -> (StatusCode, &'static str, &'static str) {
    match refusal {
        ResellerRefusal::ModeNotAllowed | ResellerRefusal::ProductNotAllowed => {
            (StatusCode::FORBIDDEN, "forbidden_scope", "Not allowed")
        }
        ResellerRefusal::ProductNotEligible | ResellerRefusal::QuantityOutOfRange { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", "Validation failed")
        }
        ResellerRefusal::ProgramDisabled
        | ResellerRefusal::PurchaseLimitReached { .. }
        | ResellerRefusal::PriceChanged { .. } => (StatusCode::CONFLICT, "conflict", "Conflict"),
    }
}

/// The text for people; the other surfaces say the same.
#[must_use]
pub fn detail(error: &Error) -> String {
    match error {
        Error::Malformed(text) => text.clone(),
        Error::Invalid(fields) => {
            let named: Vec<&str> = fields.messages().keys().take(5).map(String::as_str).collect();
            format!("Mend {} and send it again.", named.join(", "))
        }
        Error::Unauthenticated(why) => unauthenticated(*why),
        Error::MissingScope(scope) => format!("This key is valid but does not hold {scope}."),
        Error::Forbidden(text) | Error::Gone(text) => (*text).to_owned(),
        Error::NotFound(what) => format!("There is no such {what} here."),
        Error::RangeNotSatisfiable { size_bytes } => format!("There are {size_bytes} bytes; ask for some of them."),
        Error::Conflict(conflict) => conflict_text(conflict),
        Error::License { refusal, .. } => refusal.text().into(),
        Error::Reseller(refusal) => refusal.text(),
        Error::InsufficientFunds => "The balance is too low; nothing was done.".into(),
        Error::MethodNotAllowed => "The Allow header says which methods this address takes.".into(),
        Error::RequestTimeout => "The request did not arrive in time; nothing was done.".into(),
        Error::BodyTooLarge { limit_bytes } => format!("A body here has at most {limit_bytes} bytes."),
        Error::UriTooLong { limit_bytes } => format!("An address here has at most {limit_bytes} bytes."),
        Error::HeadersTooLarge => "Send fewer or smaller headers.".into(),
        Error::UnsupportedMediaType => "Send the body as application/json, not compressed.".into(),
        Error::RateLimited { retry_after_s } => format!("Try again in {retry_after_s} s."),
        Error::Unknown => "The connection to the database broke while the change was being saved; \
                           send an Idempotency-Key to make such a request safe to repeat."
            .into(),
        Error::Unavailable { .. } | Error::FileStore(_) => "Try again in a moment; nothing was done.".into(),
        Error::Database(_) if error.is_passing() => {
            "Try again in a moment; under the same Idempotency-Key nothing is done twice.".into()
        }
        Error::Database(_) | Error::Internal(_) => "Nothing was done. Quote the request id to support.".into(),
    }
}

fn unauthenticated(why: Unauthenticated) -> String {
    match why {
        Unauthenticated::Missing => "Send a key as `Authorization: Bearer …`.".into(),
        Unauthenticated::Invalid => "The credential is not valid here.".into(),
        Unauthenticated::WrongPassword => "The address or the password is wrong.".into(),
        Unauthenticated::WrongKind { sent, wanted } => format!("This surface takes {wanted}; what was sent is {sent}."),
        Unauthenticated::Inactive => "This key is not active: the relationship that it belongs to is suspended or ended, or the shop's reseller program is off.".into(),
        Unauthenticated::KeyInQuery => "Keys are not taken from the address; send `Authorization: Bearer …`.".into(),
    }
}

const fn code(conflict: &Conflict) -> &'static str {
    match conflict {
        Conflict::IdempotencyMismatch => "idempotency_payload_mismatch",
        Conflict::IdempotencyInProgress => "idempotency_in_progress",
        Conflict::OutOfStock { .. } => "out_of_stock",
        Conflict::WrongState(_) => "wrong_state",
    }
}

fn conflict_text(conflict: &Conflict) -> String {
    match conflict {
        Conflict::IdempotencyMismatch => "This Idempotency-Key already names another request.".into(),
        Conflict::IdempotencyInProgress => "The first request with this Idempotency-Key is still at work.".into(),
        Conflict::OutOfStock { product } => format!("There is not enough stock of {product}."),
        Conflict::WrongState(text) => text.clone(),
    }
}
