//! Goods that a merchant's address answers with, from the payment to the buyer's hands.

mod answers;
mod guard;
mod limits;
mod lost;
mod request;
mod retry;

use keyhouse::domain::shops::Tenant;
use serde_json::{Value, json};

use crate::house::TestApp;
use crate::house::receiver::Receiver;

/// An active sandbox product whose goods come from there; answers its creation.
async fn product_at(app: &TestApp, url: &str) -> Value {
    let body = json!({
        "name": "Cloud account", "type": "dynamic", "price_cents": 4900, "currency": "USD",
        "dynamic_webhook": url,
    });
    app.test_merchant().post("/v1/products", body).await.is(201).json().clone()
}

/// A sandbox product of this receiver, bought and paid; the call is not made yet. Answers the session.
async fn bought(app: &TestApp, receiver: &Receiver) -> Value {
    let product = product_at(app, &receiver.url()).await;
    bought_of(app, &product).await
}

async fn bought_of(app: &TestApp, product: &Value) -> Value {
    let session = app.checkout(product["id"].as_str().unwrap(), 2).await;
    app.pay(&session).await;
    session
}

/// What the buyer sees.
async fn seen(app: &TestApp, session: &Value) -> Value {
    let path = format!("/checkout/v1/sessions/{}", session["id"].as_str().unwrap());
    app.bearer(session["token"].as_str().unwrap()).get(&path).await.is(200).json().clone()
}

/// Asks for a repetition, as the merchant.
async fn retried(app: &TestApp, session: &Value) -> crate::house::actor::Answer {
    let path = format!("/dev/v1/orders/{}/retry-delivery", session["order_id"].as_str().unwrap());
    let developer = app.bearer(app.shop.developer_test.clone());
    developer.send(axum::http::Method::POST, &path, None).await
}

/// State and reason of the only call.
async fn call(app: &TestApp) -> (String, Option<String>) {
    let row = sqlx::query_as("select state, error from dynamic_calls");
    row.fetch_one(&mut app.db().await).await.unwrap()
}

/// Asserts that the buyer still waits, and that the call failed for this reason.
#[track_caller]
fn is_failed((state, error): (String, Option<String>), session: &Value, reason: &str) {
    assert_eq!(state, "failed");
    let error = error.unwrap();
    assert!(error.contains(reason), "{error:?}, not {reason:?}");
    assert_eq!(session["status"], "delivering", "{session}");
    assert_eq!(session["items"][0]["text"], Value::Null, "{session}");
}

fn sandbox(app: &TestApp) -> Tenant {
    app.shop.row.twin
}
