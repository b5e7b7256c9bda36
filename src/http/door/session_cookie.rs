//! The cookie of who signed in to the portal in a browser: it goes to the portal alone, comes from no
//! other site, and writes only for a page of ours.

use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use chrono::Duration;

use super::cookie::{is_of_our_page, named};
use super::credential::Presented;
use crate::error::{Error, Result};
use crate::kit::secret::{self, Kind};

const NAME: &str = "kh_session";

/// What the browser presents. On a write that another site makes it do: nothing.
pub fn present(parts: &Parts) -> Option<Presented> {
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let token = named(&parts.headers, NAME).filter(|_| reads || is_of_our_page(&parts.headers))?;
    (secret::recognise(token) == Some(Kind::Session))
        .then(|| Presented { kind: Kind::Session, hash: secret::hash(token) })
}

/// The cookie, for the answer of who signs in.
pub fn set(token: &str, lives: Duration, public_url: &str) -> Result<HeaderValue> {
    cookie(token, lives, public_url)
}

/// Takes the cookie away.
pub fn clear(public_url: &str) -> Result<HeaderValue> {
    cookie("", Duration::zero(), public_url)
}

fn cookie(value: &str, lives: Duration, public_url: &str) -> Result<HeaderValue> {
    let secure = if public_url.starts_with("https://") { "; Secure" } else { "" };
    let max_age = lives.num_seconds();
    let cookie = format!("{NAME}={value}; Path=/portal; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(cookie).map_err(|e| Error::Internal(format!("a cookie: {e}")))
}
