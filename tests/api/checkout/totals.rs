//! Opening a checkout: what it costs and what it answers.

use serde_json::json;

use super::{lines, on_sale, open, seen};
use crate::house::house;

#[test]
fn an_opened_session_is_answered_with_its_token() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let answer = app.stranger().post("/checkout/v1/sessions", app.cart(&product, 2)).await;
        insta::assert_json_snapshot!(answer.is(201).masked(), @r#"
        {
          "checkout_url": "[checkout_url]",
          "currency": "USD",
          "discount_cents": 0,
          "expires_at": "2026-05-26T07:48:03Z",
          "id": "[id]",
          "order_id": "[order_id]",
          "payment": {
            "gateway": "sandbox",
            "instructions": "POST /checkout/v1/sessions/{id}/pay with the token pays in the sandbox.",
            "redirect_url": null,
            "reference": "[reference]"
          },
          "status": "awaiting_payment",
          "subtotal_cents": 9800,
          "token": "[token]",
          "total_cents": 9800
        }
        "#);
        assert!(answer.json()["token"].as_str().unwrap().starts_with("cs_"));
    });
}

#[test]
fn an_unpaid_session_shows_no_code() {
    house(async |app| {
        let product = app.stocked(&["CODE-IN-CLEAR"]).await;
        let session = app.checkout(&product, 1).await;
        let seen = seen(app, &session).await;
        assert_eq!(seen["items"][0]["codes"], json!([]));
        assert!(!seen.to_string().contains("CODE-IN-CLEAR"));
    });
}

#[test]
fn the_hosted_page_is_named_by_the_orders_uuid() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let url = format!("http://keyhouse.test/checkout/{}", session["id"].as_str().unwrap());
        assert_eq!(session["checkout_url"], url);
    });
}

#[test]
fn several_lines_add_up() {
    house(async |app| {
        let pro = app.stocked(&["A", "B", "C"]).await;
        let mug = on_sale(app, json!({ "type": "physical", "price_cents": 1_250, "stock": 9 })).await;
        let items = json!([{ "product_id": pro, "quantity": 3 }, { "product_id": mug, "quantity": 2 }]);
        let session = open(app, json!({ "items": items })).await;
        assert_eq!(session.is(201).json()["total_cents"], 3 * 4_900 + 2 * 1_250);
        let seen = seen(app, session.json()).await;
        let subtotals = [&seen["items"][0]["subtotal_cents"], &seen["items"][1]["subtotal_cents"]];
        assert_eq!(subtotals, [&json!(14_700), &json!(2_500)]);
    });
}

#[test]
fn a_product_may_stand_in_two_lines() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let session = open(app, json!({ "items": lines(&[&product, &product]) })).await;
        let paid = app.pay(session.is(201).json()).await;
        let mut codes = [paid["items"][0]["codes"][0].clone(), paid["items"][1]["codes"][0].clone()];
        codes.sort_by_key(ToString::to_string);
        assert_eq!(codes, ["A", "B"]);
    });
}

#[test]
fn the_dearest_cart_is_still_an_exact_amount() {
    house(async |app| {
        let dear = on_sale(app, json!({ "type": "subscription", "price_cents": 99_999_999_999_i64 })).await;
        let line = json!({ "product_id": dear, "quantity": 1_000 });
        let session = open(app, json!({ "items": vec![line; 50] })).await;
        assert_eq!(session.is(201).json()["total_cents"], 4_999_999_999_950_000_i64);
    });
}

#[test]
fn a_shop_is_named_by_slug_or_by_id() {
    house(async |app| {
        let product = app.stocked(&["A", "B", "C"]).await;
        let tenant = app.shop.row.tenant.uuid();
        for shop in ["acme".to_owned(), tenant.to_string()] {
            open(app, json!({ "shop": shop, "items": lines(&[&product]) })).await.is(201);
        }
    });
}

#[test]
fn a_checkout_is_live_unless_it_says_test() {
    house(async |app| {
        let free = json!({ "name": "Free", "type": "subscription", "price_cents": 0, "currency": "USD" });
        let product = app.merchant().post("/v1/products", free).await.json()["id"].as_str().unwrap().to_owned();
        let session = open(app, json!({ "mode": null, "items": lines(&[&product]) })).await;
        let order = session.is(201).json()["order_id"].as_str().unwrap().to_owned();
        app.merchant().get(&format!("/v1/orders/{order}")).await.is(200);
        app.test_merchant().get(&format!("/v1/orders/{order}")).await.is(404);
    });
}

#[test]
fn an_order_of_nothing_to_pay_is_delivered_at_once() {
    house(async |app| {
        let product = on_sale(app, json!({ "name": "Gift", "price_cents": 0 })).await;
        super::restock(app, &product, &["GIFT-1"]).await;
        let answer = open(app, json!({ "items": lines(&[&product]) })).await;
        insta::assert_json_snapshot!(answer.is(201).masked(), @r#"
        {
          "checkout_url": "[checkout_url]",
          "currency": "USD",
          "discount_cents": 0,
          "expires_at": "2026-05-26T07:48:03Z",
          "id": "[id]",
          "order_id": "[order_id]",
          "payment": {
            "gateway": null,
            "instructions": null,
            "redirect_url": null,
            "reference": null
          },
          "status": "completed",
          "subtotal_cents": 0,
          "token": "[token]",
          "total_cents": 0
        }
        "#);
        let seen = seen(app, answer.json()).await;
        assert_eq!((&seen["status"], &seen["items"][0]["codes"]), (&json!("completed"), &json!(["GIFT-1"])));
    });
}

#[test]
fn an_order_of_nothing_to_pay_needs_no_gateway_in_a_live_shop() {
    house(async |app| {
        let gift = json!({ "name": "Gift", "type": "license_key", "price_cents": 0, "currency": "USD" });
        let product = app.merchant().post("/v1/products", gift).await.json()["id"].as_str().unwrap().to_owned();
        let keys = format!("/v1/products/{product}/keys");
        app.merchant().post(&keys, json!({ "keys": ["GIFT-1"] })).await.is(201);
        let session = open(app, json!({ "mode": "live", "items": lines(&[&product]) })).await;
        assert_eq!(session.is(201).json()["status"], "completed");
        app.settle().await;
        assert!(app.mails()[0].contains("GIFT-1"));
    });
}

#[test]
fn a_free_order_is_paid_for_the_books() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "license_key", "price_cents": 0 })).await;
        super::restock(app, &product, &["GIFT-1"]).await;
        let session = open(app, json!({ "items": lines(&[&product]) })).await;
        let order =
            app.test_merchant().get(&format!("/v1/orders/{}", session.json()["order_id"].as_str().unwrap())).await;
        assert_eq!(order.json()["paid_at"], "2026-05-26T07:18:03Z");
        assert_eq!(order.json()["payment"], serde_json::Value::Null);
        assert_eq!(super::told(app, "order.paid").await, 1);
    });
}

#[test]
fn opening_tells_of_the_order_and_of_a_new_customer_once() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        app.checkout(&product, 1).await;
        app.checkout(&product, 1).await;
        assert_eq!(app.events().await, ["product.created", "customer.created", "order.created", "order.created"]);
    });
}
