//! Many at once for the same thing: settled by the database, never twice.

use std::collections::BTreeSet;

use chrono::Duration;
use keyhouse::worker;
use serde_json::{Value, json};

use super::operations::NO_LIMITS;
use super::{patiently, together};
use crate::house::actor::Answer;
use crate::house::{TestApp, house_with, product_body};

const CODES: usize = 20;
const BUYERS: usize = 5 * CODES;
const ROUNDS: usize = 24;

async fn buy(app: &TestApp, product: &str) -> Option<String> {
    let opened = patiently(async || app.stranger().post("/checkout/v1/sessions", app.cart(product, 1)).await).await;
    if opened.status == 409 {
        opened.is_conflict("out_of_stock");
        return None;
    }
    let session = opened.is(201).json().clone();
    let paid = patiently(async || pay(app, &session, "succeed").await).await;
    Some(paid.is(200).json()["items"][0]["codes"][0].as_str().expect("a code").to_owned())
}

async fn pay(app: &TestApp, session: &Value, outcome: &str) -> Answer {
    let path = format!("/checkout/v1/sessions/{}/pay", session["id"].as_str().unwrap());
    app.bearer(session["token"].as_str().unwrap()).post(&path, json!({ "outcome": outcome })).await
}

async fn stock(app: &TestApp, product: &str) -> i64 {
    app.test_merchant().get(&format!("/v1/products/{product}")).await.is(200).json()["stock"].as_i64().unwrap()
}

async fn order(app: &TestApp, session: &Value) -> Value {
    let path = format!("/v1/orders/{}", session["order_id"].as_str().unwrap());
    app.test_merchant().get(&path).await.is(200).json().clone()
}

#[test]
fn a_crowd_empties_a_pool_and_each_code_goes_to_one_buyer() {
    house_with(NO_LIMITS, async |app| {
        let codes: Vec<String> = (0..CODES).map(|n| format!("CODE-{n:02}")).collect();
        let product = app.stocked(&codes.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let bought = together((0..BUYERS).map(|_| buy(app, &product))).await;
        let sold: Vec<String> = bought.into_iter().flatten().collect();
        assert_eq!(sold.len(), CODES, "exactly as many as there are");
        assert_eq!(sold.into_iter().collect::<BTreeSet<_>>(), codes.into_iter().collect(), "each of them once");
        assert_eq!(stock(app, &product).await, 0, "nobody was refused while a code was free");
    });
}

#[test]
fn a_payment_that_meets_the_expiry_is_delivered_whoever_comes_first() {
    house_with(NO_LIMITS, async |app| {
        let product = app.stocked(&[]).await;
        for round in 0..ROUNDS {
            let code = format!("ROUND-{round}");
            app.test_merchant().post(&format!("/v1/products/{product}/keys"), json!({ "keys": [code] })).await.is(201);
            let session = app.checkout(&product, 1).await;
            app.advance(Duration::minutes(30));
            let (paid, swept) = tokio::join!(pay(app, &session, "succeed"), worker::settle(&app.app));
            swept.unwrap();
            assert_eq!(paid.is(200).json()["items"][0]["codes"], json!([code]), "round {round}");
            let order = order(app, &session).await;
            assert_eq!(order["status"], "completed", "round {round}: {order}");
            assert_eq!(stock(app, &product).await, 0, "round {round}");
        }
    });
}

#[test]
fn a_refusal_that_meets_the_expiry_gives_the_stock_back_once() {
    house_with(NO_LIMITS, async |app| {
        let product = app.stocked(&["ONLY"]).await;
        for round in 0..ROUNDS {
            let session = app.checkout(&product, 1).await;
            app.advance(Duration::minutes(30));
            let (refused, swept) = tokio::join!(pay(app, &session, "fail"), worker::settle(&app.app));
            swept.unwrap();
            assert!(matches!(refused.status, 200 | 409), "round {round}: {}", refused.text());
            let order = order(app, &session).await;
            assert_eq!(order["status"], "failed", "round {round}: {order}");
            assert_eq!(stock(app, &product).await, 1, "round {round}");
        }
        let failed = app.events().await.into_iter().filter(|topic| topic == "order.failed").count();
        assert_eq!(failed, ROUNDS, "each failure is told of once");
    });
}

#[test]
fn the_last_code_goes_to_the_late_payer_or_to_the_next_buyer_and_never_to_both() {
    house_with(NO_LIMITS, async |app| {
        for round in 0..ROUNDS {
            let product = app.stocked(&[&format!("LAST-{round}")]).await;
            let late = app.checkout(&product, 1).await;
            app.advance(Duration::minutes(30));
            let (paid, swept, next) =
                tokio::join!(pay(app, &late, "succeed"), worker::settle(&app.app), buy(app, &product));
            swept.unwrap();
            let first = paid.is(200).json()["items"][0]["codes"].as_array().unwrap().len();
            assert!(first + next.iter().len() <= 1, "round {round}: the code went out twice");
            let order = order(app, &late).await;
            let expected = if first == 1 { "completed" } else { "delivering" };
            assert_eq!(order["status"], expected, "round {round}: paid and delivered, or paid and waiting: {order}");
            assert_eq!(stock(app, &product).await, 0, "round {round}: somebody has it");
        }
    });
}

#[test]
fn a_late_payment_takes_counted_stock_once_more() {
    house_with(NO_LIMITS, async |app| {
        let mut body = product_body("Mug");
        body["type"] = json!("physical");
        body["stock"] = json!(3);
        let made = app.test_merchant().post("/v1/products", body).await;
        let product = made.is(201).json()["id"].as_str().unwrap().to_owned();
        let session = app.checkout(&product, 2).await;
        assert_eq!(stock(app, &product).await, 1);
        app.advance(Duration::minutes(30));
        app.settle().await;
        assert_eq!(stock(app, &product).await, 3, "the expiry gave it back");
        pay(app, &session, "succeed").await.is(200);
        assert_eq!(stock(app, &product).await, 1, "two are sold after all");
    });
}
