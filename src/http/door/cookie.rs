//! The cookie of the hosted page: the token of one checkout, under that order's name, sent to its page
//! and its session alone. It reads; it writes only for a page of ours, so no other site can use it.

use axum::extract::{FromRequestParts as _, RawPathParams};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use uuid::Uuid;

use super::credential::Presented;
use crate::error::{Error, Result};
use crate::kit::id::{Entity, Id};
use crate::kit::secret::{self, Kind};

/// As long as somebody may come back to an order without its mail.
const LIVES_S: u32 = 30 * 24 * 3_600;

/// An order, as a path names it.
enum Named {}
impl Entity for Named {
    const PREFIX: &'static str = "ord";
}

/// What the cookie of the order in this path presents.
pub async fn present(parts: &mut Parts) -> Option<Presented> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let id = params.iter().find(|(name, _)| *name == "id").and_then(|(_, text)| Id::<Named>::parse(text))?;
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let token = read(&parts.headers, *id).filter(|_| reads || is_of_our_page(&parts.headers))?;
    (secret::recognise(token) == Some(Kind::Checkout))
        .then(|| Presented { kind: Kind::Checkout, hash: secret::hash(token) })
}

fn name(order: Uuid) -> String {
    format!("kh_checkout_{order}")
}

fn read(headers: &HeaderMap, order: Uuid) -> Option<&str> {
    named(headers, &name(order))
}

/// The cookie of this name.
pub(super) fn named<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(one, _)| *one == name).map(|(_, token)| token)
}

/// The cookie, for an answer. Both the page and the API's session are below its path.
pub fn set(order: Uuid, token: &str, public_url: &str) -> Result<HeaderValue> {
    let secure = if public_url.starts_with("https://") { "; Secure" } else { "" };
    let name = name(order);
    let cookie = format!("{name}={token}; Path=/checkout; Max-Age={LIVES_S}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(cookie).map_err(|e| Error::Internal(format!("a cookie: {e}")))
}

/// Whether the browser says that a page of this very host posts. One that says nothing (an old one, or
/// any on plain http, where our pages send no referrer) has sent a `Lax` cookie, so it was at our site.
pub(super) fn is_of_our_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    match text(header::ORIGIN) {
        None | Some("null") => true,
        Some(origin) => {
            let host = origin.split_once("://").and_then(|(_, host)| host.parse::<Authority>().ok());
            host.is_some() && host == text(header::HOST).and_then(|host| host.parse().ok())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_our_page(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)));
        is_of_our_page(&headers.collect())
    }

    #[test]
    fn no_other_site_posts_with_the_cookie() {
        for (headers, ours) in [
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "cross-site"), ("origin", "null")], false),
            (vec![("origin", "https://shop.example"), ("host", "shop.example")], true),
            (vec![("origin", "https://evil.example"), ("host", "shop.example")], false),
            (vec![("origin", "nonsense"), ("host", "shop.example")], false),
        ] {
            assert_eq!(of_our_page(&headers), ours, "{headers:?}");
        }
    }

    #[test]
    fn an_order_reads_its_own_cookie_alone() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::try_from(format!("a=b; {}=cs_x", name(one))).unwrap());
        assert_eq!((read(&headers, one), read(&headers, two)), (Some("cs_x"), None));
        assert!(set(one, "cs_x", "https://s.example").unwrap().to_str().unwrap().ends_with("SameSite=Lax; Secure"));
        assert!(!set(one, "cs_x", "http://s.example").unwrap().to_str().unwrap().contains("Secure"));
    }
}
