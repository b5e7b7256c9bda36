//! Buyers, and what they have spent.

use chrono::Duration;
use serde_json::{Value, json};

use crate::house::{TestApp, house};
use crate::v1::{id, ids, walk};

/// Opens a checkout of one unit for this address.
async fn buys(app: &TestApp, product: &str, email: &str) -> Value {
    let mut cart = app.cart(product, 1);
    cart["email"] = json!(email);
    app.stranger().post("/checkout/v1/sessions", cart).await.is(201).json().clone()
}

/// A sandbox product without a pool, so that it can be sold without end.
async fn endless(app: &TestApp, price: i64, currency: &str) -> String {
    let body = json!({ "name": "Call", "type": "subscription", "price_cents": price, "currency": currency });
    id(app.test_merchant().post("/v1/products", body).await.is(201).json()).to_owned()
}

async fn newest(app: &TestApp) -> Value {
    app.test_merchant().get("/v1/customers").await.is(200).json()["data"][0].clone()
}

#[test]
fn a_list_shows_each_buyer_in_short() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        app.pay(&app.checkout(&product, 2).await).await;
        let answer = app.test_merchant().get("/v1/customers").await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "data": [
            {
              "email": "ada@example.com",
              "id": "[id]",
              "lifetime_cents": 9800,
              "orders_count": 1
            }
          ],
          "has_more": false,
          "next_cursor": null,
          "object": "list"
        }
        "#);
    });
}

#[test]
fn a_buyer_is_shown_with_what_was_paid() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let first = app.checkout(&product, 1).await;
        app.advance(Duration::minutes(10));
        app.pay(&first).await;
        app.checkout(&product, 1).await;
        let path = format!("/v1/customers/{}", id(&newest(app).await));
        insta::assert_json_snapshot!(app.test_merchant().get(&path).await.is(200).masked(), @r#"
        {
          "email": "ada@example.com",
          "first_seen_at": "2026-05-26T07:18:03Z",
          "id": "[id]",
          "last_seen_at": "2026-05-26T07:28:03Z",
          "lifetime_cents": 4900,
          "orders": [
            {
              "id": "[id]",
              "paid_at": "2026-05-26T07:28:03Z",
              "total_cents": 4900
            }
          ],
          "orders_count": 1
        }
        "#);
    });
}

#[test]
fn a_buyer_exists_from_the_first_order_and_counts_from_the_first_payment() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let figures = async || {
            let buyer = newest(app).await;
            (buyer["orders_count"].as_i64().unwrap(), buyer["lifetime_cents"].as_i64().unwrap())
        };
        assert_eq!(figures().await, (0, 0));
        app.pay(&session).await;
        assert_eq!(figures().await, (1, 4_900));
    });
}

#[test]
fn an_address_is_one_buyer_however_it_is_written() {
    house(async |app| {
        let product = endless(app, 500, "USD").await;
        for email in ["Ada@Example.com", "ada@example.com", "ADA@EXAMPLE.COM"] {
            app.pay(&buys(app, &product, email).await).await;
        }
        let buyer = newest(app).await;
        assert_eq!((&buyer["email"], &buyer["orders_count"]), (&json!("Ada@Example.com"), &json!(3)));
        assert_eq!(walk(&app.test_merchant(), "/v1/customers?").await.concat().len(), 1);
    });
}

#[test]
fn a_failed_order_counts_for_nothing() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        app.checkout(&product, 1).await;
        app.advance(Duration::hours(1));
        app.settle().await;
        assert_eq!(newest(app).await["orders_count"], 0);
    });
}

#[test]
fn another_currency_counts_as_an_order_and_not_as_money() {
    house(async |app| {
        let euros = endless(app, 500, "EUR").await;
        app.pay(&buys(app, &euros, "ada@example.com").await).await;
        let buyer = newest(app).await;
        assert_eq!((&buyer["orders_count"], &buyer["lifetime_cents"]), (&json!(1), &json!(0)));
    });
}

#[test]
fn the_newest_hundred_paid_orders_are_shown() {
    house(async |app| {
        let product = endless(app, 0, "USD").await;
        let mut last = Value::Null;
        for _ in 0..101 {
            last = buys(app, &product, "ada@example.com").await;
        }
        let buyer = newest(app).await;
        let answer = app.test_merchant().get(&format!("/v1/customers/{}", id(&buyer))).await;
        let orders = answer.is(200).json()["orders"].as_array().unwrap();
        assert_eq!((orders.len(), &answer.json()["orders_count"]), (100, &json!(101)));
        assert_eq!(orders[0]["id"], last["order_id"]);
    });
}

#[test]
fn a_walk_meets_every_buyer_once_newest_first() {
    house(async |app| {
        let product = endless(app, 500, "USD").await;
        for i in 0..5 {
            buys(app, &product, &format!("buyer-{i}@example.com")).await;
        }
        let all = ids(app.test_merchant().get("/v1/customers").await.json());
        let pages = walk(&app.test_merchant(), "/v1/customers?limit=2").await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(pages.concat(), all);
        assert_eq!(newest(app).await["email"], "buyer-4@example.com");
    });
}

#[test]
fn both_spellings_of_an_id_find_a_buyer() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        app.checkout(&product, 1).await;
        let uuid: uuid::Uuid =
            sqlx::query_scalar("select id from customers").fetch_one(&mut app.db().await).await.unwrap();
        let answer = app.test_merchant().get(&format!("/v1/customers/{uuid}")).await;
        assert_eq!(answer.is(200).json()["id"], newest(app).await["id"]);
    });
}

#[test]
fn another_shops_and_another_modes_buyer_is_not_there() {
    house(async |app| {
        let other = app.another_shop().await;
        let product = app.stocked(&["A"]).await;
        app.checkout(&product, 1).await;
        let path = format!("/v1/customers/{}", id(&newest(app).await));
        for stranger in [app.merchant(), app.bearer(&other.live), app.bearer(&other.test)] {
            stranger.get(&path).await.is(404).is_problem("not_found");
            assert!(ids(stranger.get("/v1/customers").await.is(200).json()).is_empty());
        }
    });
}
