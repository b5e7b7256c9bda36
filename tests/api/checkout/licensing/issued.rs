//! Whatever delivers a unit issues its license.

use chrono::Duration;
use serde_json::{Value, json};

use super::super::{lines, on_sale, open, pay, restock, seen, told};
use super::{change, generated, is_generated, keys, licensed, licenses, sold, validate};
use crate::house::receiver::{Receiver, Reply};
use crate::house::{house, house_with};

#[test]
fn a_code_that_is_sold_is_the_key_of_a_license() {
    house(async |app| {
        let product = licensed(app, json!({ "serials": ["A-1", "A-2", "A-3"] })).await;
        let session = sold(app, &product, 2).await;
        let issued = licenses(app, &session).await;
        assert_eq!(keys(app, &session).await, ["A-1", "A-2"]);
        for license in &issued {
            assert_eq!(license["invoice_id"], session["id"]);
            assert_eq!((&license["product_id"], &license["status"]), (&json!(product), &json!("ACTIVE")));
            assert_eq!((&license["customer_email"], &license["uses"]), (&json!("ada@example.com"), &json!(0)));
            assert_eq!((&license["expires_at"], &license["hardware_id"]), (&Value::Null, &Value::Null));
        }
        assert_eq!(told(app, "license:created").await, 2);
    });
}

#[test]
fn what_has_no_code_gets_a_generated_key_for_each_unit() {
    house(async |app| {
        let product = generated(app, json!({})).await;
        let session = sold(app, &product, 3).await;
        let keys = keys(app, &session).await;
        assert_eq!(keys.len(), 3);
        assert!(keys.iter().all(|key| is_generated(key)) && keys[0] != keys[1], "{keys:?}");
    });
}

#[test]
fn a_sold_key_opens_and_binds() {
    house(async |app| {
        let pooled = licensed(app, json!({ "serials": ["A-1"] })).await;
        let made = generated(app, json!({})).await;
        for product in [&pooled, &made] {
            let key = keys(app, &sold(app, product, 1).await).await.remove(0);
            validate(app, product, &key, "one").await.is(200);
            validate(app, product, &key, "two").await.is(400).has_code("LICENSE_HWID_MISMATCH");
        }
    });
}

#[test]
fn each_line_of_a_cart_is_as_its_product_says() {
    house(async |app| {
        let pooled = licensed(app, json!({ "serials": ["A-1"] })).await;
        let (made, plain) = (generated(app, json!({})).await, app.stocked(&["B-1"]).await);
        let session = open(app, json!({ "items": lines(&[&plain, &made, &pooled]) })).await.is(201).json().clone();
        assert!(licenses(app, &session).await.is_empty());
        app.pay(&session).await;
        let issued = licenses(app, &session).await;
        let products: Vec<&str> = issued.iter().map(|license| license["product_id"].as_str().unwrap()).collect();
        assert_eq!(products, [made, pooled]);
        assert_eq!(issued[1]["license_key"], "A-1");
    });
}

#[test]
fn what_costs_nothing_is_licensed_at_once() {
    house(async |app| {
        let product = generated(app, json!({ "price": 0 })).await;
        let session = app.checkout(&product, 1).await;
        assert_eq!(licenses(app, &session).await.len(), 1);
    });
}

#[test]
fn an_order_that_waits_for_codes_is_licensed_by_the_import() {
    house(async |app| {
        let product = licensed(app, json!({ "serials": ["A-1"] })).await;
        let late = app.checkout(&product, 1).await;
        app.advance(Duration::minutes(31));
        app.settle().await;
        sold(app, &product, 1).await;
        app.pay(&late).await;
        assert!(licenses(app, &late).await.is_empty());
        restock(app, &product, &["A-2"]).await;
        assert_eq!(keys(app, &late).await, ["A-2"]);
    });
}

#[test]
fn an_order_paid_late_is_licensed_with_what_is_there() {
    house(async |app| {
        let (pooled, made) = (licensed(app, json!({ "serials": ["A-1"] })).await, generated(app, json!({})).await);
        let late = open(app, json!({ "items": lines(&[&pooled, &made]) })).await.is(201).json().clone();
        app.advance(Duration::minutes(31));
        app.settle().await;
        app.pay(&late).await;
        let keys = keys(app, &late).await;
        assert!(keys.len() == 2 && keys[0] == "A-1" && is_generated(&keys[1]), "{keys:?}");
    });
}

#[test]
fn what_the_webhook_delivers_is_licensed_when_it_comes() {
    house_with("allow_private_webhooks = true", async |app| {
        let receiver = Receiver::start(vec![Reply::text("user: ada")]).await;
        let hook = json!({ "type": "DYNAMIC", "dynamic_webhook": receiver.url() });
        let session = app.checkout(&licensed(app, hook).await, 2).await;
        app.pay(&session).await;
        assert!(licenses(app, &session).await.is_empty());
        app.settle().await;
        assert_eq!(seen(app, &session).await["items"][0]["text"], "user: ada");
        assert_eq!(licenses(app, &session).await.len(), 2);
    });
}

#[test]
fn what_the_shop_hands_over_is_licensed_then_and_once() {
    house(async |app| {
        let session = sold(app, &licensed(app, json!({ "type": "SERVICE" })).await, 1).await;
        assert!(licenses(app, &session).await.is_empty());
        let fulfill = format!("/dev/v1/orders/{}/fulfill", session["id"].as_str().unwrap());
        for _ in 0..2 {
            app.test_developer().post(&fulfill, json!({})).await.is(200);
            assert_eq!(licenses(app, &session).await.len(), 1);
        }
    });
}

#[test]
fn a_file_and_a_text_are_licensed_too() {
    house(async |app| {
        let file = app.sells_file("guide.pdf", b"pages").await;
        change(app, &file, json!({ "licensing_enabled": true })).await;
        let text = licensed(app, json!({ "type": "SERVICE", "service_text": "Hello." })).await;
        for product in [&file, &text] {
            assert_eq!(keys(app, &sold(app, product, 1).await).await.len(), 1);
        }
    });
}

#[test]
fn a_declined_or_expired_order_is_not_licensed() {
    house(async |app| {
        let product = generated(app, json!({})).await;
        let (declined, expired) = (app.checkout(&product, 1).await, app.checkout(&product, 1).await);
        pay(app, &declined, "fail").await.is(200);
        app.advance(Duration::minutes(31));
        app.settle().await;
        for session in [declined, expired] {
            assert!(licenses(app, &session).await.is_empty());
        }
    });
}

#[test]
fn whether_it_is_licensed_is_decided_when_it_is_sold() {
    house(async |app| {
        let (off, on) = (on_sale(app, json!({ "type": "subscription" })).await, generated(app, json!({})).await);
        let (without, with) = (app.checkout(&off, 1).await, app.checkout(&on, 1).await);
        change(app, &off, json!({ "licensing_enabled": true })).await;
        change(app, &on, json!({ "licensing_enabled": false })).await;
        for (session, expected) in [(without, 0), (with, 1)] {
            app.pay(&session).await;
            assert_eq!(licenses(app, &session).await.len(), expected);
        }
    });
}

#[test]
fn its_period_begins_with_the_delivery() {
    house(async |app| {
        let product = licensed(app, json!({ "type": "SERVICE", "license_period": 30 })).await;
        let session = sold(app, &product, 1).await;
        app.advance(Duration::days(2));
        let fulfill = format!("/dev/v1/orders/{}/fulfill", session["id"].as_str().unwrap());
        app.test_developer().post(&fulfill, json!({})).await.is(200);
        assert_eq!(licenses(app, &session).await[0]["expires_at"], "2026-06-27T07:18:03.250Z");
        app.advance(Duration::days(30));
        let key = keys(app, &session).await.remove(0);
        validate(app, &product, &key, "one").await.is(400).has_code("LICENSE_EXPIRED");
    });
}

#[test]
fn its_uses_are_counted_as_the_product_says() {
    house(async |app| {
        for (count, expected) in [("validation", 3), ("activation", 1)] {
            let product = generated(app, json!({ "count_uses": count })).await;
            let session = sold(app, &product, 1).await;
            let key = keys(app, &session).await.remove(0);
            for _ in 0..3 {
                validate(app, &product, &key, "one").await.is(200);
            }
            assert_eq!(licenses(app, &session).await[0]["uses"], expected, "{count}");
        }
    });
}
