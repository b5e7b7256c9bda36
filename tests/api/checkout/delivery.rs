//! Every type of product reaches its buyer in its own way.

use serde_json::{Value, json};

use super::{on_sale, seen, stock};
use crate::house::{TestApp, house};

/// Sells one unit; answers its session as the buyer sees it.
async fn sold(app: &TestApp, product: &str) -> Value {
    let session = app.checkout(product, 1).await;
    app.pay(&session).await;
    seen(app, &session).await
}

#[test]
fn a_text_is_handed_over_with_the_payment() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "physical", "service_text": "Come by at nine." })).await;
        let session = app.checkout(&product, 1).await;
        assert_eq!(seen(app, &session).await["items"][0]["text"], json!(null));
        let paid = app.pay(&session).await;
        assert_eq!(
            (&paid["status"], &paid["delivery"]["state"], &paid["items"][0]["text"]),
            (&json!("completed"), &json!("delivered"), &json!("Come by at nine."))
        );
    });
}

#[test]
fn the_text_that_was_sold_is_the_text_that_is_delivered() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription", "service_text": "first" })).await;
        let session = app.checkout(&product, 1).await;
        let path = format!("/v1/products/{product}");
        app.test_merchant().patch(&path, json!({ "service_text": "second" })).await.is(200);
        assert_eq!(app.pay(&session).await["items"][0]["text"], "first");
    });
}

#[test]
fn a_text_goes_along_with_codes() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "license_key", "service_text": "Type it in at start." })).await;
        super::restock(app, &product, &["A"]).await;
        let seen = sold(app, &product).await;
        assert_eq!(
            (&seen["items"][0]["codes"], &seen["items"][0]["text"]),
            (&json!(["A"]), &json!("Type it in at start."))
        );
    });
}

#[test]
fn the_text_is_in_the_mail() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "physical", "service_text": "Come by at nine." })).await;
        sold(app, &product).await;
        app.settle().await;
        let mail = app.mails().pop().unwrap();
        assert!(mail.contains("Come by at nine."), "{mail}");
    });
}

#[test]
fn a_subscription_begins_with_the_payment() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        assert_eq!(sold(app, &product).await["delivery"]["state"], "delivered");
    });
}

#[test]
fn what_the_merchant_delivers_waits_for_the_merchant() {
    house(async |app| {
        for kind in ["physical", "account"] {
            let product = on_sale(app, json!({ "type": kind })).await;
            let seen = sold(app, &product).await;
            assert_eq!((&seen["status"], &seen["delivery"]["state"]), (&json!("delivering"), &json!("pending")));
        }
    });
}

#[test]
fn an_account_with_codes_is_delivered_from_its_pool() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "account", "stock": 5 })).await;
        assert_eq!(stock(app, &product).await, 5);
        super::restock(app, &product, &["ada:secret"]).await;
        assert_eq!(stock(app, &product).await, 1);
        assert_eq!(sold(app, &product).await["items"][0]["codes"], json!(["ada:secret"]));
    });
}

#[test]
fn a_cart_is_complete_when_its_slowest_line_is() {
    house(async |app| {
        let text = on_sale(app, json!({ "type": "physical", "service_text": "Hello." })).await;
        let mug = on_sale(app, json!({ "type": "physical" })).await;
        let cart = super::open(app, json!({ "items": super::lines(&[&text, &mug]) })).await.is(201).json().clone();
        app.pay(&cart).await;
        let waiting = seen(app, &cart).await;
        assert_eq!((&waiting["status"], &waiting["items"][0]["text"]), (&json!("delivering"), &json!("Hello.")));
        let path = format!("/dev/v1/orders/{}/fulfill", cart["id"].as_str().unwrap());
        app.test_developer().post(&path, json!({})).await.is(200);
        assert_eq!(seen(app, &cart).await["status"], "completed");
    });
}

#[test]
fn goods_are_kept_sealed() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "physical", "service_text": "the word is swordfish" })).await;
        sold(app, &product).await;
        let kept: Vec<Vec<u8>> = sqlx::query_scalar("select goods from order_items where goods is not null")
            .fetch_all(&mut app.db().await)
            .await
            .unwrap();
        assert_eq!(kept.len(), 1);
        assert!(!kept[0].windows(9).any(|window| window == b"swordfish"));
    });
}
