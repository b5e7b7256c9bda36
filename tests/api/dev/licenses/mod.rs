//! `/dev/v1/licenses`.

mod expiry;
mod issued;
mod limits;
mod manage;
mod races;
mod signed;
mod trail;
mod validate;

use serde_json::{Value, json};

use crate::house::actor::Answer;
use crate::house::{TestApp, product_body};

/// A product of the live shop; its id as `/dev/v1` says it.
pub async fn product(app: &TestApp, settings: Value) -> String {
    let mut body = product_body("Studio");
    body["price_cents"] = json!(0);
    let made = app.merchant().post("/v1/products", body).await;
    let id = made.is(201).json()["id"].as_str().unwrap().to_owned();
    let changed = app.developer().patch(&format!("/dev/v1/products/{id}"), settings).await;
    changed.is(200).json()["data"]["id"].as_str().unwrap().to_owned()
}

/// A license of a new product, with what `more` says.
pub async fn license(app: &TestApp, more: Value) -> Value {
    let product = product(app, json!({})).await;
    license_of(app, &product, more).await
}

pub async fn license_of(app: &TestApp, product: &str, more: Value) -> Value {
    let mut body = json!({ "product_id": product });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = app.developer().post("/dev/v1/licenses", body).await;
    made.is(200).json()["data"]["productLicense"].clone()
}

/// What a client sends, with what `more` says.
pub fn check(license: &Value, more: Value) -> Value {
    let mut body = json!({ "key": license["license_key"], "product_id": license["product_id"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn validate(app: &TestApp, license: &Value, more: Value) -> Answer {
    app.developer().post("/dev/v1/licenses/validate", check(license, more)).await
}

fn path(license: &Value) -> String {
    format!("/dev/v1/licenses/{}", license["id"].as_str().unwrap())
}

/// The kinds of a license's events, oldest first, with the code of what failed.
async fn trail(app: &TestApp, license: &Value) -> Vec<String> {
    let answer = app.developer().get(&format!("{}/events?limit=100", path(license))).await;
    let events = answer.is(200).json()["data"].as_array().unwrap().clone();
    let word = |event: &Value| match event["code"].as_str() {
        Some(code) => format!("{} {code}", event["type"].as_str().unwrap()),
        None => event["type"].as_str().unwrap().to_owned(),
    };
    events.iter().rev().map(word).collect()
}
