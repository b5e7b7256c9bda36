use chrono::Duration;
use serde_json::{Value, json};

use crate::house::actor::Answer;
use crate::house::{TestApp, house};

async fn order(app: &TestApp, session: &Value) -> Answer {
    app.test_merchant().get(&format!("/v1/orders/{}", session["order_id"].as_str().unwrap())).await
}

#[test]
fn before_payment_an_order_waits() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let session = app.checkout(&product, 2).await;
        insta::assert_json_snapshot!(order(app, &session).await.is(200).masked(), @r#"
        {
          "created_at": "2026-05-26T07:18:03Z",
          "currency": "USD",
          "customer_email": "ada@example.com",
          "delivery": {
            "delivered_at": null,
            "kind": "license_key",
            "state": "pending"
          },
          "id": "[id]",
          "items": [
            {
              "delivery": {
                "kind": "license_key",
                "state": "pending"
              },
              "product": "Studio Pro",
              "qty": 2,
              "subtotal_cents": 9800
            }
          ],
          "paid_at": null,
          "payment": null,
          "refunded_cents": 0,
          "refunds": [],
          "status": "awaiting_payment",
          "total_cents": 9800
        }
        "#);
    });
}

#[test]
fn after_payment_an_order_is_completed() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let session = app.checkout(&product, 2).await;
        app.advance(Duration::minutes(2));
        app.pay(&session).await;
        insta::assert_json_snapshot!(order(app, &session).await.is(200).masked(), @r#"
        {
          "created_at": "2026-05-26T07:18:03Z",
          "currency": "USD",
          "customer_email": "ada@example.com",
          "delivery": {
            "delivered_at": "2026-05-26T07:20:03Z",
            "kind": "license_key",
            "state": "delivered"
          },
          "id": "[id]",
          "items": [
            {
              "delivery": {
                "kind": "license_key",
                "state": "delivered"
              },
              "product": "Studio Pro",
              "qty": 2,
              "subtotal_cents": 9800
            }
          ],
          "paid_at": "2026-05-26T07:20:03Z",
          "payment": {
            "asset": null,
            "chain": null,
            "provider": "sandbox",
            "tx_hash": null
          },
          "refunded_cents": 0,
          "refunds": [],
          "status": "completed",
          "total_cents": 9800
        }
        "#);
    });
}

#[test]
fn an_order_of_goods_by_hand_is_delivering() {
    house(async |app| {
        let body = json!({ "name": "Mug", "type": "physical", "price_cents": 900, "currency": "USD" });
        let product = app.test_merchant().post("/v1/products", body).await;
        let session = app.checkout(product.json()["id"].as_str().unwrap(), 1).await;
        app.pay(&session).await;
        let order = order(app, &session).await;
        assert_eq!(order.is(200).json()["status"], "delivering");
        assert_eq!(order.json()["delivery"], json!({ "kind": "physical", "state": "pending", "delivered_at": null }));
    });
}

#[test]
fn an_order_keeps_what_it_bought_at_the_price_it_was() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let path = format!("/v1/products/{product}");
        let change = json!({ "name": "Dearer", "price_cents": 9_900 });
        app.test_merchant().patch(&path, change).await.is(200);
        app.test_merchant().delete(&path).await.is(200);
        app.pay(&session).await;
        let order = order(app, &session).await;
        assert_eq!(order.json()["total_cents"], 4_900);
        assert_eq!(order.json()["items"][0]["product"], "Studio Pro");
        assert_eq!(order.json()["status"], "completed");
    });
}

#[test]
fn no_code_is_ever_shown_to_the_merchant() {
    house(async |app| {
        let product = app.stocked(&["CODE-IN-CLEAR"]).await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        assert!(!order(app, &session).await.is(200).text().contains("CODE-IN-CLEAR"));
    });
}

#[test]
fn both_spellings_of_an_id_find_an_order() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let by_uuid = app.test_merchant().get(&format!("/v1/orders/{}", session["id"].as_str().unwrap())).await;
        assert_eq!(by_uuid.is(200).json(), order(app, &session).await.json());
    });
}

#[test]
fn another_shops_and_another_modes_order_is_not_there() {
    house(async |app| {
        let other = app.another_shop().await;
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let path = format!("/v1/orders/{}", session["order_id"].as_str().unwrap());
        for stranger in [app.merchant(), app.bearer(&other.live), app.bearer(&other.test)] {
            stranger.get(&path).await.is(404).is_problem("not_found");
        }
    });
}
