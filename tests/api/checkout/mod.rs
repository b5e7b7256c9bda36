//! From the cart to the codes.

mod cart;
mod delivery;
mod downloads;
mod expiry;
mod gateways;
mod idempotency;
mod licensing;
mod mail;
mod payment;
mod shops;
mod stock;
mod tokens;
mod totals;
mod waiting;

use serde_json::{Value, json};

use crate::house::actor::{Actor, Answer};
use crate::house::{TestApp, product_body};

/// A sandbox product: the least that one needs, and these members over it. Answers its id.
async fn on_sale(app: &TestApp, members: Value) -> String {
    let mut body = product_body("Mug");
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    app.test_merchant().post("/v1/products", body).await.is(201).json()["id"].as_str().unwrap().to_owned()
}

/// Opens a checkout with these members over the sandbox's usual cart.
async fn open(app: &TestApp, members: Value) -> Answer {
    let mut cart = app.cart("", 1);
    cart.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    app.stranger().post("/checkout/v1/sessions", cart).await
}

/// Lines of a cart, one unit each.
fn lines(products: &[&str]) -> Value {
    products.iter().map(|product| json!({ "product_id": product, "quantity": 1 })).collect()
}

fn path_of(session: &Value) -> String {
    format!("/checkout/v1/sessions/{}", session["id"].as_str().unwrap())
}

fn buyer<'a>(app: &'a TestApp, session: &Value) -> Actor<'a> {
    app.bearer(session["token"].as_str().unwrap())
}

/// Looks at a session.
async fn seen(app: &TestApp, session: &Value) -> Value {
    buyer(app, session).get(&path_of(session)).await.is(200).json().clone()
}

/// Asks for a payment of this outcome.
async fn pay(app: &TestApp, session: &Value, outcome: &str) -> Answer {
    buyer(app, session).post(&format!("{}/pay", path_of(session)), json!({ "outcome": outcome })).await
}

/// What the merchant sees of a sandbox product's stock.
async fn stock(app: &TestApp, product: &str) -> Value {
    app.test_merchant().get(&format!("/v1/products/{product}")).await.is(200).json()["stock"].clone()
}

/// Loads codes into a sandbox product; answers the stock afterwards.
async fn restock(app: &TestApp, product: &str, codes: &[&str]) -> i64 {
    let path = format!("/v1/products/{product}/keys");
    let answer = app.test_merchant().post(&path, json!({ "keys": codes })).await;
    answer.is(201).json()["stock_after"].as_i64().unwrap()
}

/// How often this topic was told.
async fn told(app: &TestApp, topic: &str) -> usize {
    app.events().await.iter().filter(|told| *told == topic).count()
}
