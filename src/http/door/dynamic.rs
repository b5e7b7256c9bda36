//! The dynamic URL of resellers: the one address that takes a key in its query, for tools that can only call
//! an address (contract 4.13). Probing it has no effect (promises F7).

use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::params::Query;
use crate::error::{Error, Result};

pub const DYNAMIC: &str = "/reseller/v1/fulfillments/dynamic";
const ALLOWED: &str = "GET, POST, OPTIONS";

/// The answer to a probe, which needs no key and does nothing.
pub(super) fn harmless(parts: &Parts) -> Option<Response> {
    if !is_dynamic(parts) {
        return None;
    }
    let mut response = match parts.method {
        Method::HEAD => Error::MethodNotAllowed.into_response(),
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => return None,
    };
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOWED));
    keep_unlisted(&mut response);
    Some(response)
}

/// No search engine is to list what this address answers, a refusal neither: the address holds a key.
pub(super) fn keep_unlisted(response: &mut Response) {
    response.headers_mut().insert("x-robots-tag", HeaderValue::from_static("noindex"));
}

/// The key in the query, where this address takes one.
pub(super) fn key_in_query(parts: &Parts) -> Result<Option<String>> {
    if !is_dynamic(parts) {
        return Ok(None);
    }
    Ok(Query::parse(parts.uri.query().unwrap_or(""))?.get("api_key").map(str::to_owned))
}

pub(super) fn is_dynamic(parts: &Parts) -> bool {
    parts.extensions.get::<MatchedPath>().is_some_and(|path| path.as_str() == DYNAMIC)
}
