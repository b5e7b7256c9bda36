//! What is sold with a license comes with it.

mod issued;
mod keys;
mod once;
mod shown;

use serde_json::{Value, json};

use crate::house::TestApp;

/// A licensed sandbox product with these members; answers its id.
async fn licensed(app: &TestApp, members: Value) -> String {
    let mut body = json!({ "title": "Studio Pro", "type": "SERIALS", "price": 49, "licensing_enabled": true });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let made = app.test_developer().post("/dev/v1/products/", body).await;
    made.is(201).json()["data"]["uniqid"].as_str().unwrap().to_owned()
}

/// One without a pool: its goods are the license, which begins with the payment.
async fn generated(app: &TestApp, members: Value) -> String {
    let mut all = json!({ "type": "SUBSCRIPTION" });
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    licensed(app, all).await
}

/// Changes a product.
async fn change(app: &TestApp, product: &str, members: Value) {
    app.test_developer().patch(&format!("/dev/v1/products/{product}"), members).await.is(200);
}

/// The licenses of an order, in the order of their issue.
async fn licenses(app: &TestApp, session: &Value) -> Vec<Value> {
    let path = format!("/dev/v1/licenses?limit=100&search={}", session["id"].as_str().unwrap());
    let answer = app.test_developer().get(&path).await;
    let mut found = answer.is(200).json()["data"]["productLicenses"].as_array().unwrap().clone();
    found.reverse();
    found
}

/// Their keys.
async fn keys(app: &TestApp, session: &Value) -> Vec<String> {
    let key = |license: Value| license["license_key"].as_str().unwrap().to_owned();
    licenses(app, session).await.into_iter().map(key).collect()
}

/// Buys so many units; answers the session as paid.
async fn sold(app: &TestApp, product: &str, quantity: i64) -> Value {
    app.pay(&app.checkout(product, quantity).await).await
}

/// Whether it looks as the house makes keys.
fn is_generated(key: &str) -> bool {
    let groups: Vec<&str> = key.split('-').collect();
    groups.len() == 5 && groups.iter().all(|group| group.len() == 5 && group.bytes().all(|b| b.is_ascii_alphanumeric()))
}

async fn validate(app: &TestApp, product: &str, key: &str, hwid: &str) -> crate::house::actor::Answer {
    let body = json!({ "key": key, "product_id": product, "hardware_id": hwid });
    app.test_developer().post("/dev/v1/licenses/validate", body).await
}
