//! `/v1/webhooks`.

mod endpoints;
mod refusals;
mod trial;

use serde_json::{Value, json};

use crate::house::TestApp;

/// Registers an endpoint of the sandbox; answers it, with its secret.
pub async fn registered(app: &TestApp, url: &str, events: &[&str]) -> Value {
    let made = app.test_merchant().post("/v1/webhooks", json!({ "url": url, "events": events })).await;
    made.is(201).json().clone()
}

/// The path of an endpoint, with what is done to it.
pub fn path(endpoint: &Value, verb: &str) -> String {
    format!("/v1/webhooks/{}{verb}", endpoint["id"].as_str().unwrap())
}

/// An endpoint as its merchant sees it.
pub async fn listed(app: &TestApp, endpoint: &Value) -> Value {
    let list = app.test_merchant().get("/v1/webhooks?limit=100").await;
    let all = list.is(200).json()["data"].as_array().unwrap().clone();
    all.into_iter().find(|one| one["id"] == endpoint["id"]).unwrap_or(Value::Null)
}
