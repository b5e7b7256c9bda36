//! Errors of `/dev/v1` and `/reseller/v1`: `{"error":{code,message,doc_url,details}}`.

use axum::http::StatusCode;
use serde::Serialize;

use super::Words;
use super::problem;
use crate::error::{Conflict, Error, LicenseRefusal};

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Envelope {
    pub error: Body,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Body {
    /// The code to branch on.
    #[schema(example = "NOT_FOUND")]
    pub code: &'static str,
    /// What happened and what to do next.
    pub message: String,
    pub doc_url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Detail {
    pub field: String,
    pub message: String,
}

/// Puts an error into these surfaces' words.
#[must_use]
pub fn words(error: &Error, public_url: &str) -> Words {
    let (status, code) = kind(error);
    let details = match error {
        Error::Invalid(fields) => fields
            .messages()
            .iter()
            .flat_map(|(field, messages)| {
                messages.iter().map(|message| Detail { field: field.clone(), message: message.clone() })
            })
            .collect(),
        Error::License { signed: Some(signed), .. } => {
            vec![Detail { field: "signed".into(), message: signed.clone() }]
        }
        _ => Vec::new(),
    };
    let doc_url = format!("{public_url}/docs/errors#{code}");
    let envelope = Envelope { error: Body { code, message: problem::detail(error), doc_url, details } };
    Words { status, content_type: "application/json", body: serde_json::to_vec(&envelope).unwrap_or_default() }
}

fn kind(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Malformed(_) => (StatusCode::BAD_REQUEST, "INVALID_REQUEST"),
        Error::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR"),
        Error::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        Error::MissingScope(_) | Error::Forbidden(_) => (StatusCode::FORBIDDEN, "FORBIDDEN"),
        Error::NotFound(_) | Error::Gone(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Error::RangeNotSatisfiable { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "INVALID_REQUEST"),
        Error::Conflict(conflict) => (StatusCode::CONFLICT, conflict_code(conflict)),
        Error::License { refusal: refusal @ LicenseRefusal::NotFound, .. } => (StatusCode::NOT_FOUND, refusal.code()),
        Error::License { refusal, .. } => (StatusCode::BAD_REQUEST, refusal.code()),
        Error::Reseller(refusal) => (problem::reseller(refusal).0, refusal.code()),
        Error::InsufficientFunds => (StatusCode::PAYMENT_REQUIRED, "INSUFFICIENT_BALANCE"),
        Error::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
        Error::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT"),
        Error::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
        Error::UriTooLong { .. } => (StatusCode::URI_TOO_LONG, "URI_TOO_LONG"),
        Error::HeadersTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "HEADERS_TOO_LARGE"),
        Error::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
        Error::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
        Error::Unavailable { .. } | Error::Unknown | Error::FileStore(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
        }
        Error::Database(_) if error.is_passing() => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Error::Database(_) | Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
    }
}

const fn conflict_code(conflict: &Conflict) -> &'static str {
    match conflict {
        Conflict::IdempotencyMismatch => "IDEMPOTENCY_CONFLICT",
        Conflict::IdempotencyInProgress => "IDEMPOTENCY_IN_PROGRESS",
        Conflict::OutOfStock { .. } => "STOCK_UNAVAILABLE",
        Conflict::WrongState(_) => "WRONG_STATE",
    }
}
