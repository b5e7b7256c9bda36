//! `GET /docs/verify` and `GET /.well-known/jwks.json`: how a client checks what this server signed, and
//! with which keys. The verifiers on the page are files that the tests run.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::template;
use crate::app::App;
use crate::error::Result;

/// A successor is listed a whole rotation before it signs, so an old copy does no harm.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// A verifier to copy.
#[derive(Debug, Serialize)]
struct Verifier {
    language: &'static str,
    file: &'static str,
    text: &'static str,
}

macro_rules! verifier {
    ($language:literal, $file:literal) => {
        Verifier { language: $language, file: $file, text: include_str!(concat!("verify/", $file)) }
    };
}

const VERIFIERS: [Verifier; 3] = [
    verifier!("Python", "keyhouse_verify.py"),
    verifier!("JavaScript", "keyhouse_verify.mjs"),
    verifier!("Rust", "keyhouse_verify.rs"),
];

/// `GET /docs/verify`.
pub async fn page(State(app): State<Arc<App>>) -> Result<Response> {
    let context = context! { here => "/docs/verify", url => &app.public_url, verifiers => Serde(VERIFIERS) };
    template::page("verify.html", context)
}

/// `GET /.well-known/jwks.json`: the public keys (RFC 7517, RFC 8037), newest first.
pub async fn jwks(State(app): State<Arc<App>>) -> Response {
    let mut response = Json(app.env.signing.public()).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, KEEP);
    response
}
