//! Styles, scripts and the icon: inside the program, under names that hold their hash, so that a
//! browser keeps them for good and never shows an old one.

use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::kit::vault::hex;

struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
    hash: LazyLock<String>,
}

macro_rules! asset {
    ($name:literal, $content_type:literal) => {
        Asset {
            name: $name,
            content_type: $content_type,
            text: include_str!(concat!("assets/", $name)),
            hash: LazyLock::new(|| hash(include_str!(concat!("assets/", $name)))),
        }
    };
}

static ASSETS: [Asset; 7] = [
    asset!("style.css", "text/css; charset=utf-8"),
    asset!("checkout.css", "text/css; charset=utf-8"),
    asset!("checkout.js", "text/javascript; charset=utf-8"),
    asset!("copy.js", "text/javascript; charset=utf-8"),
    asset!("portal.js", "text/javascript; charset=utf-8"),
    asset!("try.js", "text/javascript; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
];

const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const FOR_A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

fn hash(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes())[..8])
}

/// Where a page finds an asset.
pub fn path(name: &str) -> String {
    let hash = ASSETS.iter().find(|asset| asset.name == name).map_or("missing", |asset| asset.hash.as_str());
    format!("/assets/{hash}/{name}")
}

/// `GET /assets/{hash}/{name}`.
pub async fn asset(Path((hash, name)): Path<(String, String)>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name && *asset.hash == hash) {
        Some(asset) => asset.response(FOR_GOOD),
        None => Error::NotFound("asset").into_response(),
    }
}

/// `GET /favicon.ico`: what a browser asks for beside answers that are no pages.
pub async fn icon() -> Response {
    let icon = ASSETS.iter().find(|asset| asset.name == "icon.svg");
    icon.map_or_else(|| Error::NotFound("asset").into_response(), |icon| icon.response(FOR_A_DAY))
}

impl Asset {
    fn response(&self, keep: HeaderValue) -> Response {
        let mut response = Response::new(Body::from(self.text));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, keep);
        response
    }
}
