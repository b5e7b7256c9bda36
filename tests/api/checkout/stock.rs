//! What a checkout takes is there, and comes back if it is not paid.

use chrono::Duration;
use serde_json::{Value, json};

use super::{lines, on_sale, open, pay, stock};
use crate::house::house;

#[test]
fn too_few_codes_change_nothing() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let before = app.books().await;
        let answer = app.stranger().post("/checkout/v1/sessions", app.cart(&product, 3)).await;
        answer.is_conflict("out_of_stock");
        insta::assert_json_snapshot!(answer.masked(), @r#"
        {
          "code": "out_of_stock",
          "detail": "There is not enough stock of Studio Pro.",
          "request_id": "[request_id]",
          "status": 409,
          "title": "Conflict",
          "type": "conflict"
        }
        "#);
        assert_eq!(app.books().await, before);
    });
}

#[test]
fn an_empty_pool_changes_nothing() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let before = app.books().await;
        let opener = app.stranger().idempotent("a-key-of-22-characters");
        opener.post("/checkout/v1/sessions", app.cart(&product, 1)).await.is_conflict("out_of_stock");
        assert_eq!(app.books().await, before);
    });
}

#[test]
fn one_line_too_many_gives_back_the_other_lines() {
    house(async |app| {
        let (there, gone) = (app.stocked(&["A"]).await, app.stocked(&[]).await);
        let counted = on_sale(app, json!({ "type": "physical", "stock": 5 })).await;
        let before = app.books().await;
        let cart = json!({ "items": lines(&[&there, &counted, &gone]) });
        open(app, cart).await.is_conflict("out_of_stock");
        assert_eq!(app.books().await, before);
    });
}

#[test]
fn the_last_code_is_sold_once() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let (visitor, cart) = (app.stranger(), app.cart(&product, 1));
        let open = || visitor.post("/checkout/v1/sessions", cart.clone());
        let (one, two) = tokio::join!(open(), open());
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    });
}

#[test]
fn counted_stock_counts_down() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "physical", "stock": 3 })).await;
        let session = app.checkout(&product, 2).await;
        assert_eq!(stock(app, &product).await, 1);
        app.pay(&session).await;
        assert_eq!(stock(app, &product).await, 1);
        let cart = app.cart(&product, 2);
        app.stranger().post("/checkout/v1/sessions", cart).await.is_conflict("out_of_stock");
        app.checkout(&product, 1).await;
        assert_eq!(stock(app, &product).await, 0);
    });
}

#[test]
fn counted_stock_comes_back_on_expiry() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "physical", "stock": 3 })).await;
        app.checkout(&product, 2).await;
        app.advance(Duration::minutes(30));
        app.settle().await;
        assert_eq!(stock(app, &product).await, 3);
    });
}

#[test]
fn counted_stock_comes_back_on_a_declined_payment() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "physical", "stock": 3 })).await;
        let session = app.checkout(&product, 2).await;
        pay(app, &session, "fail").await.is(200);
        assert_eq!(stock(app, &product).await, 3);
    });
}

#[test]
fn a_late_payment_counts_down_again() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "physical", "stock": 3 })).await;
        let session = app.checkout(&product, 2).await;
        app.advance(Duration::minutes(30));
        app.settle().await;
        app.pay(&session).await;
        assert_eq!(stock(app, &product).await, 1);
    });
}

#[test]
fn a_late_payment_for_what_is_sold_out_is_left_to_the_merchant() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "physical", "stock": 2 })).await;
        let late = app.checkout(&product, 2).await;
        app.advance(Duration::minutes(30));
        app.settle().await;
        app.pay(&app.checkout(&product, 1).await).await;
        assert_eq!(app.pay(&late).await["status"], "delivering");
        assert_eq!(stock(app, &product).await, 1);
    });
}

#[test]
fn unlimited_stock_stays_unlimited() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "physical" })).await;
        let session = app.checkout(&product, 1_000).await;
        assert_eq!(stock(app, &product).await, Value::Null);
        pay(app, &session, "fail").await.is(200);
        assert_eq!(stock(app, &product).await, Value::Null);
    });
}

#[test]
fn stock_that_became_counted_after_the_checkout_gets_nothing_back() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "physical" })).await;
        let session = app.checkout(&product, 5).await;
        let path = format!("/v1/products/{product}");
        app.test_merchant().patch(&path, json!({ "stock": 10 })).await.is(200);
        pay(app, &session, "fail").await.is(200);
        assert_eq!(stock(app, &product).await, 10);
    });
}

#[test]
fn an_account_product_without_codes_is_delivered_by_hand() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "account", "stock": 1 })).await;
        let session = app.checkout(&product, 1).await;
        let paid = app.pay(&session).await;
        assert_eq!((&paid["status"], &paid["delivery"]["state"]), (&json!("delivering"), &json!("pending")));
        assert_eq!(stock(app, &product).await, 0);
    });
}

#[test]
fn an_account_product_with_codes_hands_them_out() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "account" })).await;
        super::restock(app, &product, &["user:pass"]).await;
        let paid = app.pay(&app.checkout(&product, 1).await).await;
        assert_eq!(paid["items"][0]["codes"], json!(["user:pass"]));
    });
}

#[test]
fn a_checkout_from_before_the_first_code_is_still_the_merchants_to_deliver() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "account", "stock": 4 })).await;
        let session = app.checkout(&product, 1).await;
        assert_eq!(super::restock(app, &product, &["user:pass"]).await, 1);
        let paid = app.pay(&session).await;
        assert_eq!((&paid["status"], &paid["items"][0]["codes"]), (&json!("delivering"), &json!([])));
        assert_eq!(stock(app, &product).await, 1);
    });
}
