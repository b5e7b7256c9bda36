//! Keys of the merchant's own making (R21).

mod list;
mod mint;
mod powers;
mod revoke;

use serde_json::{Value, json};

use crate::house::actor::Actor;

/// Mints a key with these abilities; answers it, secret and all.
async fn minted(by: &Actor<'_>, abilities: &[&str]) -> Value {
    let body = json!({ "name": "till", "abilities": abilities });
    by.post("/v1/api-keys", body).await.is(201).json().clone()
}

fn secret(key: &Value) -> &str {
    key["secret"].as_str().unwrap()
}

const EVERY_ABILITY: &[&str] = &[
    "customers:read",
    "orders:read",
    "orders:write",
    "payouts:read",
    "payouts:write",
    "products:read",
    "products:write",
    "webhooks:read",
    "webhooks:write",
];
