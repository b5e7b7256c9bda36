//! Orders that a developer looks at, completes and hands over.

use chrono::Duration;
use serde_json::{Value, json};

use crate::house::{TestApp, house};

/// A sandbox product with these members; answers its id.
async fn product(app: &TestApp, members: Value) -> String {
    let mut body = json!({ "name": "Mug", "type": "physical", "price_cents": 1250, "currency": "USD" });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    app.test_merchant().post("/v1/products", body).await.is(201).json()["id"].as_str().unwrap().to_owned()
}

fn path(session: &Value, verb: &str) -> String {
    format!("/dev/v1/orders/{}{verb}", session["id"].as_str().unwrap())
}

#[test]
fn an_order_is_shown_in_major_units_and_unix_seconds() {
    house(async |app| {
        let session = app.checkout(&product(app, json!({ "service_text": "Hello." })).await, 2).await;
        app.pay(&session).await;
        let answer = app.test_developer().get(&path(&session, "")).await;
        insta::assert_json_snapshot!(answer.is(200).masked());
    });
}

#[test]
fn completing_an_order_pays_it_by_hand_and_delivers_it() {
    house(async |app| {
        let session = app.checkout(&app.stocked(&["A"]).await, 1).await;
        let done = app.test_developer().post(&path(&session, "/complete"), json!({ "note": "cash" })).await;
        let order = &done.is(200).json()["data"];
        assert_eq!((&order["status"], &order["status_details"]), (&json!("COMPLETED"), &json!("Fulfilled: cash")));
        let seen = app.bearer(session["token"].as_str().unwrap());
        let seen = seen.get(&format!("/checkout/v1/sessions/{}", session["id"].as_str().unwrap())).await;
        assert_eq!(seen.json()["items"][0]["codes"], json!(["A"]));
        let merchant = app.test_merchant().get(&format!("/v1/orders/{}", session["order_id"].as_str().unwrap())).await;
        assert_eq!(merchant.json()["payment"]["provider"], "manual");
    });
}

#[test]
fn completing_twice_changes_nothing() {
    house(async |app| {
        let session = app.checkout(&app.stocked(&["A", "B"]).await, 1).await;
        let first = app.test_developer().post(&path(&session, "/complete"), json!({})).await;
        app.advance(Duration::minutes(1));
        let again = app.test_developer().post(&path(&session, "/complete"), json!({})).await;
        assert_eq!(again.is(200).json(), first.json());
        assert_eq!(app.events().await.iter().filter(|topic| *topic == "order.paid").count(), 1);
    });
}

#[test]
fn a_live_shop_sells_through_the_manual_gateway() {
    house(async |app| {
        let body = json!({ "name": "Mug", "type": "license_key", "price_cents": 1250, "currency": "USD" });
        let product = app.merchant().post("/v1/products", body).await.is(201).json()["id"].clone();
        let keys = format!("/v1/products/{}/keys", product.as_str().unwrap());
        app.merchant().post(&keys, json!({ "keys": ["REAL-1"] })).await.is(201);
        let mut cart = app.cart(product.as_str().unwrap(), 1);
        cart["mode"] = json!("live");
        let session = app.stranger().post("/checkout/v1/sessions", cart).await.is(201).json().clone();
        assert_eq!(session["payment"]["gateway"], "manual");
        app.developer().post(&path(&session, "/complete"), json!({})).await.is(200);
        let buyer = app.bearer(session["token"].as_str().unwrap());
        let seen = buyer.get(&format!("/checkout/v1/sessions/{}", session["id"].as_str().unwrap())).await;
        assert_eq!(seen.is(200).json()["items"][0]["codes"], json!(["REAL-1"]));
    });
}

#[test]
fn an_expired_order_can_be_completed_and_a_declined_one_cannot() {
    house(async |app| {
        let product = product(app, json!({})).await;
        let expired = app.checkout(&product, 1).await;
        app.advance(Duration::minutes(31));
        app.settle().await;
        app.test_developer().post(&path(&expired, "/complete"), json!({})).await.is(200);

        let declined = app.checkout(&product, 1).await;
        let pay = format!("/checkout/v1/sessions/{}/pay", declined["id"].as_str().unwrap());
        app.bearer(declined["token"].as_str().unwrap()).post(&pay, json!({ "outcome": "fail" })).await.is(200);
        let refused = app.test_developer().post(&path(&declined, "/complete"), json!({})).await;
        refused.is(409).has_code("WRONG_STATE");
    });
}

#[test]
fn the_merchant_hands_over_what_is_its_own() {
    house(async |app| {
        let session = app.checkout(&product(app, json!({})).await, 1).await;
        app.pay(&session).await;
        let done = app.test_developer().post(&path(&session, "/fulfill"), json!({ "note": "by post" })).await;
        assert_eq!(done.is(200).json()["data"]["status_details"], "Fulfilled: by post");
        app.settle().await;
        assert_eq!(app.mails().len(), 2, "the receipt, and the delivery");
    });
}

#[test]
fn the_buyer_is_not_told_where_the_shop_says_so() {
    house(async |app| {
        for quiet in [json!({ "suppress_emails": true }), json!({ "notify_customer": false })] {
            let session = app.checkout(&product(app, json!({})).await, 1).await;
            app.pay(&session).await;
            app.test_developer().post(&path(&session, "/fulfill"), quiet).await.is(200);
        }
        app.settle().await;
        let mails = app.mails();
        assert!(mails.iter().all(|mail| mail.contains("is on its way")), "receipts of the payments alone: {mails:?}");
        assert_eq!(mails.len(), 2);
    });
}

#[test]
fn what_is_not_paid_or_not_the_merchants_is_not_handed_over() {
    house(async |app| {
        let unpaid = app.checkout(&product(app, json!({})).await, 1).await;
        app.test_developer().post(&path(&unpaid, "/fulfill"), json!({})).await.is(409).has_code("WRONG_STATE");

        let sold_out = app.stocked(&["A"]).await;
        let late = app.checkout(&sold_out, 1).await;
        app.advance(Duration::minutes(31));
        app.settle().await;
        app.pay(&app.checkout(&sold_out, 1).await).await;
        app.pay(&late).await;
        app.test_developer().post(&path(&late, "/fulfill"), json!({})).await.is(409).has_code("WRONG_STATE");
    });
}

#[test]
fn what_is_wrong_in_a_note_is_named() {
    house(async |app| {
        let session = app.checkout(&product(app, json!({})).await, 1).await;
        for body in [
            json!({ "note": 1 }),
            json!({ "note": "\u{0}" }),
            json!({ "note": "n".repeat(2_001) }),
            json!({ "suppress_emails": "yes" }),
        ] {
            let refused = app.test_developer().post(&path(&session, "/complete"), body).await;
            refused.is(422).has_code("VALIDATION_ERROR");
        }
        app.test_developer().post(&path(&session, "/complete"), json!({ "unheard": "of" })).await.is(200);
    });
}
