//! The pages, as a browser shows them.

mod checkout;
mod errors;
mod events;
mod everywhere;
mod portal;
mod reference;
mod start;
mod try_it;

use keyhouse::http::door::Surface;
use keyhouse::http::openapi::{SURFACES, describe};
use serde_json::Value;

/// Every page that is there for anybody.
fn paths() -> Vec<String> {
    let fixed = ["/", "/docs", "/docs/webhooks", "/docs/errors", "/docs/verify"].map(str::to_owned);
    let references = SURFACES.into_iter().filter(|surface| !operations(*surface).is_empty());
    fixed.into_iter().chain(references.map(|surface| format!("/docs/{}", surface.name()))).collect()
}

/// What a surface's document says of each of its operations.
fn operations(surface: Surface) -> Vec<Value> {
    let document = serde_json::to_value(describe(surface)).unwrap();
    let paths = document["paths"].as_object().cloned().unwrap_or_default();
    let items = paths.values().flat_map(|item| item.as_object().unwrap().values().cloned());
    items.filter(|operation| operation["operationId"].is_string()).collect()
}
