//! Generated keys are shown wherever codes are, and nowhere once the money went back.

use serde_json::{Value, json};

use super::super::seen;
use super::{generated, keys, licensed};
use crate::house::money::order_of;
use crate::house::{TestApp, house};

/// What the page of an order says to its buyer.
async fn page(app: &TestApp, session: &Value) -> String {
    let path = format!("/checkout/{}", session["id"].as_str().unwrap());
    let cookie = format!("kh_checkout_{}={}", session["id"].as_str().unwrap(), session["token"].as_str().unwrap());
    app.stranger().header("cookie", &cookie).get(&path).await.is(200).text()
}

/// What the developer sees of an order's first item.
async fn delivered(app: &TestApp, session: &Value) -> Value {
    let path = format!("/dev/v1/orders/{}", session["id"].as_str().unwrap());
    app.test_developer().get(&path).await.is(200).json()["data"]["items"][0]["delivered_items"].clone()
}

#[test]
fn a_generated_key_is_shown_to_its_buyer_and_to_the_shop() {
    house(async |app| {
        let session = app.checkout(&generated(app, json!({})).await, 2).await;
        assert_eq!(seen(app, &session).await["items"][0]["license_keys"], json!([]));
        let paid = app.pay(&session).await;
        let keys = keys(app, &session).await;
        assert_eq!(paid["items"][0]["license_keys"], json!(keys));
        assert_eq!(seen(app, &session).await["items"][0]["license_keys"], json!(keys));
        assert_eq!(delivered(app, &session).await["license_keys"], json!(keys));
        let page = page(app, &session).await;
        app.settle().await;
        let mail = app.mails().remove(0);
        for key in &keys {
            assert!(page.contains(&format!("data-copy=\"{key}\"")), "{page}");
            assert!(mail.contains(&format!("License key: {key}\r\n")), "{mail}");
        }
    });
}

#[test]
fn a_code_that_is_the_key_is_shown_once() {
    house(async |app| {
        let session = app.checkout(&licensed(app, json!({ "serials": ["A-1"] })).await, 1).await;
        let paid = app.pay(&session).await;
        assert_eq!(paid["items"][0]["codes"], json!(["A-1"]));
        assert_eq!(paid["items"][0]["license_keys"], json!([]));
        assert!(delivered(app, &session).await.get("license_keys").is_none());
        assert_eq!(page(app, &session).await.matches("data-copy=").count(), 1);
        app.settle().await;
        assert_eq!(app.mails().remove(0).matches("A-1").count(), 1);
    });
}

#[test]
fn after_a_full_refund_nothing_is_shown() {
    house(async |app| {
        let session = app.checkout(&generated(app, json!({})).await, 1).await;
        app.pay(&session).await;
        let key = keys(app, &session).await.remove(0);
        app.settle().await;
        app.refund_at_once(order_of(&session)).await;
        assert_eq!(seen(app, &session).await["items"][0]["license_keys"], json!([]));
        assert!(!page(app, &session).await.contains(&key));
        assert!(delivered(app, &session).await.get("license_keys").is_none());
    });
}

#[test]
fn a_key_lies_sealed_and_is_told_to_nobody_else() {
    house(async |app| {
        let session = app.checkout(&generated(app, json!({})).await, 1).await;
        app.pay(&session).await;
        let key = keys(app, &session).await.remove(0);
        let dump = "select concat((select string_agg(l::text, '') from licenses l),
                                  (select string_agg(e::text, '') from license_events e),
                                  (select string_agg(e::text, '') from events e),
                                  (select string_agg(m::text, '') from mails m))";
        let dump: String = sqlx::query_scalar(dump).fetch_one(&mut app.db().await).await.unwrap();
        let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!dump.contains(&key) && !dump.contains(&hex), "{dump}");
    });
}
