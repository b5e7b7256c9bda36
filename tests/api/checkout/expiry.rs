//! A checkout that nobody paid in time.

use chrono::Duration;
use serde_json::json;

use super::{pay, seen, stock, told};
use crate::house::{TestApp, house};

async fn run_out(app: &TestApp) {
    app.advance(Duration::minutes(30));
    app.settle().await;
}

#[test]
fn stock_is_set_aside_for_half_an_hour() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        app.advance(Duration::minutes(30) - Duration::milliseconds(1));
        app.settle().await;
        assert_eq!(
            (seen(app, &session).await["status"].clone(), stock(app, &product).await),
            (json!("awaiting_payment"), json!(0))
        );
        app.advance(Duration::milliseconds(1));
        app.settle().await;
        assert_eq!(
            (seen(app, &session).await["status"].clone(), stock(app, &product).await),
            (json!("failed"), json!(1))
        );
    });
}

#[test]
fn an_expiry_is_told_once() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        app.checkout(&product, 1).await;
        run_out(app).await;
        run_out(app).await;
        assert_eq!(told(app, "order.failed").await, 1);
        assert!(app.mails().is_empty());
    });
}

#[test]
fn what_expired_can_be_sold_again() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        app.checkout(&product, 1).await;
        run_out(app).await;
        let paid = app.pay(&app.checkout(&product, 1).await).await;
        assert_eq!(paid["items"][0]["codes"], json!(["A"]));
    });
}

#[test]
fn a_paid_order_does_not_expire() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        run_out(app).await;
        assert_eq!(seen(app, &session).await["items"][0]["codes"], json!(["A"]));
    });
}

#[test]
fn many_checkouts_expire_together() {
    house(async |app| {
        let codes: Vec<String> = (0..110).map(|i| format!("CODE-{i}")).collect();
        let product = app.stocked(&codes.iter().map(String::as_str).collect::<Vec<_>>()).await;
        for _ in 0..110 {
            app.checkout(&product, 1).await;
        }
        run_out(app).await;
        assert_eq!((stock(app, &product).await, told(app, "order.failed").await), (json!(110), 110));
    });
}

#[test]
fn money_between_the_hour_and_the_sweep_is_in_time() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        app.advance(Duration::minutes(31));
        assert_eq!(app.pay(&session).await["status"], "completed");
        assert_eq!(told(app, "order.failed").await, 0);
    });
}

#[test]
fn a_late_payment_claims_stock_again() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let session = app.checkout(&product, 2).await;
        run_out(app).await;
        let paid = app.pay(&session).await;
        assert_eq!((&paid["status"], &paid["items"][0]["codes"]), (&json!("completed"), &json!(["A", "B"])));
        assert_eq!(stock(app, &product).await, 0);
    });
}

#[test]
fn a_late_payment_is_told_after_the_failure() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        run_out(app).await;
        app.pay(&session).await;
        let story = app.events().await;
        assert_eq!(story[story.len() - 3..], ["order.failed", "order.paid", "order.delivered"]);
    });
}

#[test]
fn a_late_payment_keeps_its_price() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        run_out(app).await;
        let path = format!("/v1/products/{product}");
        app.test_merchant().patch(&path, json!({ "price_cents": 99_900 })).await.is(200);
        assert_eq!(app.pay(&session).await["total_cents"], 4_900);
    });
}

#[test]
fn a_late_payment_counts_for_the_buyer() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        run_out(app).await;
        app.pay(&session).await;
        let buyer = app.test_merchant().get("/v1/customers").await.json()["data"][0].clone();
        assert_eq!((&buyer["orders_count"], &buyer["lifetime_cents"]), (&json!(1), &json!(4_900)));
    });
}

#[test]
fn an_expired_order_cannot_be_declined() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        run_out(app).await;
        pay(app, &session, "fail").await.is_conflict("wrong_state");
    });
}
