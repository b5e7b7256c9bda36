//! Pages for people: the start page, the reference, events, errors, verifying, orders, the portal. Every route on one
//! screen. They are made of what the program knows of itself, so they need no database, and of assets inside it,
//! so they need no other host.

mod assets;
mod checkout;
pub mod errors;
mod overview;
mod portal;
mod reference;
mod schema;
mod template;
mod verify;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::app::App;
use crate::error::Error;
use crate::http::door::{Door, Surface, limit};

/// Everything from this host, and nothing that a page does not say itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The routes; `door` says whom a visit counts against.
pub fn routes(door: Door) -> Router<Arc<App>> {
    let pages = Router::new()
        .route("/", get(overview::start))
        .route("/docs", get(overview::docs))
        .route("/docs/{surface}", get(overview::surface))
        .route("/docs/webhooks", get(webhooks::page))
        .route("/docs/errors", get(errors::page))
        .route("/docs/verify", get(verify::page))
        .route("/.well-known/jwks.json", get(verify::jwks))
        .route("/llms.txt", get(overview::llms))
        .route_layer(from_fn_with_state(door.clone(), count));
    pages
        .merge(checkout::routes(door.clone()))
        .merge(portal::routes(Door { surface: Surface::Portal, ..door }))
        .route("/assets/{hash}/{name}", get(assets::asset)) // kept by browsers, so not counted
        .route("/favicon.ico", get(assets::icon))
        .route_layer(map_response(protect))
}

async fn protect(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// A visit counts as one of its address, together with the public checkout's.
async fn count(State(door): State<Door>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let verdict = limit::count(&door, &parts);
    let mut response = match verdict {
        Some(verdict) if !verdict.allowed => Error::RateLimited { retry_after_s: verdict.reset_s }.into_response(),
        _ => next.run(Request::from_parts(parts, body)).await,
    };
    if let Some(verdict) = verdict {
        limit::tell(&mut response, &verdict, door.surface);
    }
    response
}

/// Whether the page was asked for as `localhost` or a loopback address: by somebody at this machine, and
/// not through a proxy, a name on the network, or a name that was made to point here.
fn is_from_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let name = host.host().trim_matches(['[', ']']);
    let loopback = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    (loopback || name.eq_ignore_ascii_case("localhost")) && !headers.contains_key("x-forwarded-for")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_sits_at_the_machine_is_from_it() {
        let asked = |host: &'static str| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            is_from_this_machine(&headers)
        };
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080"] {
            assert!(asked(host), "{host}");
        }
        for host in ["keys.example.com", "localhost.example.com", "192.168.1.7:8080", "0.0.0.0:8080", "", "::::"] {
            assert!(!asked(host), "{host}");
        }
        assert!(!is_from_this_machine(&HeaderMap::new()));
        let proxied = [(header::HOST, "localhost"), ("x-forwarded-for".parse().unwrap(), "9.9.9.9")];
        let proxied = proxied.map(|(name, value)| (name, HeaderValue::from_static(value)));
        assert!(!is_from_this_machine(&HeaderMap::from_iter(proxied)));
    }
}
