//! `GET /`, `GET /docs`, `GET /docs/{surface}` and `GET /llms.txt`: what there is, for people and for machines.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use secrecy::ExposeSecret as _;

use super::schema::SAMPLE_PRODUCT;
use super::{is_from_this_machine, reference, template};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::openapi;

/// `GET /`.
pub async fn start() -> Result<Response> {
    template::page("start.html", context! { here => "/", surfaces => Serde(reference::all()) })
}

/// `GET /docs`.
pub async fn docs(State(app): State<Arc<App>>) -> Result<Response> {
    let limits = app.config.limits;
    let limits = context! { reads => limits.reads, writes => limits.writes, visitors => limits.visitors };
    let surfaces = Serde(reference::all());
    template::page("overview.html", context! { here => "/docs", surfaces, url => &app.public_url, limits })
}

/// `GET /docs/{surface}`.
pub async fn surface(State(app): State<Arc<App>>, Path(name): Path<String>, headers: HeaderMap) -> Result<Response> {
    let found = reference::all().iter().find(|reference| reference.name == name);
    let reference = found.ok_or(Error::NotFound("page"))?;
    // The demo's test key is for who started it, not for whoever finds the page.
    let demo = app.demo.as_ref().filter(|_| is_from_this_machine(&headers));
    let key = match (reference.name, demo) {
        ("v1", Some(demo)) => demo.merchant.expose_secret(),
        ("dev", Some(demo)) => demo.developer.expose_secret(),
        _ => "",
    };
    let product = demo.map_or(SAMPLE_PRODUCT, |demo| &demo.product);
    let here = format!("/docs/{name}");
    template::page(
        "reference.html",
        context! { here, reference => Serde(reference), demo_key => key, product, sample_product => SAMPLE_PRODUCT, url => &app.public_url },
    )
}

/// `GET /llms.txt`: every page and document, as an index in plain text (contract 9.6).
pub async fn llms(State(app): State<Arc<App>>) -> String {
    let url = &app.public_url;
    let mut text = format!(
        "# Keyhouse\n\n\
         > A server for merchants of digital codes: it holds pools of codes, takes checkouts and payments, \
         and hands each code out exactly once.\n\n\
         ## Pages\n\n\
         - [Overview]({url}/docs): keys, the first sale in five calls, retries, limits\n"
    );
    for page in reference::all() {
        let _ = writeln!(text, "- [{}]({url}/docs/{}): every operation below {}", page.label, page.name, page.prefix);
    }
    let _ = write!(
        text,
        "- [Events]({url}/docs/webhooks): every topic with a sample of its payload\n\
         - [Verify]({url}/docs/verify): how a client checks what this server signed, in Python, JavaScript and Rust\n\
         - [Errors]({url}/docs/errors): every code, what it means, what to do next\n\n\
         ## OpenAPI documents\n\n"
    );
    for surface in openapi::SURFACES {
        let _ = writeln!(text, "- [{}]({url}/openapi/{}.json): OpenAPI 3.1", surface.prefix(), surface.name());
    }
    let _ = write!(
        text,
        "\n## Keys\n\n- [Signing keys]({url}/.well-known/jwks.json): a JWK set, Ed25519\n\n## Health\n\n- [Alive]({url}/livez)\n- [Ready]({url}/readyz)\n"
    );
    text
}
