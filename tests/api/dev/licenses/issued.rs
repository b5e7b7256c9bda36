//! A sale of a licensed product brings a license with each unit.

use std::collections::BTreeSet;

use chrono::Duration;
use keyhouse::domain::licenses;
use keyhouse::domain::orders::{Order, OrderId};
use keyhouse::kit::id::Id;
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::task::JoinSet;

use crate::house::{TestApp, house, product_body};

/// A licensed product of the sandbox shop, with these codes in its pool; its `/v1` id.
async fn licensed(app: &TestApp, made: Value, licensing: Value, codes: &[&str]) -> String {
    let mut body = product_body("Studio");
    body.as_object_mut().unwrap().extend(made.as_object().unwrap().clone());
    let product = app.test_merchant().post("/v1/products", body).await;
    let id = product.is(201).json()["id"].as_str().unwrap().to_owned();
    let mut settings = json!({ "licensing_enabled": true });
    settings.as_object_mut().unwrap().extend(licensing.as_object().unwrap().clone());
    app.test_developer().patch(&format!("/dev/v1/products/{id}"), settings).await.is(200);
    restock(app, &id, codes).await;
    id
}

async fn restock(app: &TestApp, product: &str, codes: &[&str]) {
    if !codes.is_empty() {
        app.test_merchant().post(&format!("/v1/products/{product}/keys"), json!({ "keys": codes })).await.is(201);
    }
}

/// Sells some units; answers the session as the buyer sees it.
async fn sold(app: &TestApp, product: &str, quantity: i64) -> Value {
    let session = app.checkout(product, quantity).await;
    app.pay(&session).await
}

async fn issued(app: &TestApp) -> Vec<Value> {
    let list = app.test_developer().get("/dev/v1/licenses").await;
    list.is(200).json()["data"]["productLicenses"].as_array().unwrap().clone()
}

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn keys(licenses: &[Value]) -> BTreeSet<String> {
    licenses.iter().map(|license| license["license_key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_code_that_is_sold_is_the_key_of_its_license() {
    house(async |app| {
        let product = licensed(app, json!({}), json!({}), &["AAAA", "BBBB", "CCCC"]).await;
        let seen = sold(app, &product, 2).await;
        let item = &seen["items"][0];
        let licenses = issued(app).await;
        assert_eq!(keys(&licenses), strings(&item["codes"]));
        assert_eq!((licenses.len(), &item["license_keys"]), (2, &json!([])));
        assert_eq!(licenses[0]["invoice_id"], seen["id"]);
        let check = json!({ "key": item["codes"][0], "product_id": licenses[0]["product_id"], "hardware_id": "one" });
        app.test_developer().post("/dev/v1/licenses/validate", check).await.is(200);
    });
}

#[test]
fn what_has_no_codes_gets_a_made_key_that_the_buyer_sees() {
    house(async |app| {
        let text = json!({ "type": "physical", "service_text": "Fetch the installer at our site." });
        let pattern = json!({ "license_key_pattern": "ACME-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX" });
        let product = licensed(app, text, pattern, &[]).await;
        let seen = sold(app, &product, 3).await;
        let shown = strings(&seen["items"][0]["license_keys"]);
        assert_eq!((shown.len(), shown.clone()), (3, keys(&issued(app).await)));
        assert!(shown.iter().all(|key| key.starts_with("ACME-") && key.len() == 34), "{shown:?}");
        app.settle().await;
        let mail = &app.mails()[0];
        assert!(shown.iter().all(|key| mail.contains(&format!("License key: {key}"))), "{mail}");
    });
}

#[test]
fn the_page_shows_a_made_key() {
    house(async |app| {
        let product = licensed(app, json!({ "type": "subscription" }), json!({}), &[]).await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        let id = session["id"].as_str().unwrap();
        let cookie = format!("kh_checkout_{id}={}", session["token"].as_str().unwrap());
        let page = app.stranger().header("cookie", &cookie).get(&format!("/checkout/{id}")).await.is(200).text();
        let key = issued(app).await[0]["license_key"].as_str().unwrap().to_owned();
        assert!(page.contains(&format!("data-copy=\"{key}\"")), "{page}");
    });
}

#[test]
fn a_product_that_is_not_licensed_issues_none() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let seen = sold(app, &product, 1).await;
        assert_eq!((issued(app).await.len(), &seen["items"][0]["license_keys"]), (0, &json!([])));
    });
}

#[test]
fn what_was_sold_licensed_stays_so() {
    house(async |app| {
        let product = licensed(app, json!({}), json!({}), &["A"]).await;
        let session = app.checkout(&product, 1).await;
        let path = format!("/dev/v1/products/{product}");
        app.test_developer().patch(&path, json!({ "licensing_enabled": false })).await.is(200);
        app.pay(&session).await;
        assert_eq!(issued(app).await.len(), 1);
    });
}

#[test]
fn a_license_lasts_from_its_delivery_as_long_as_the_product_says() {
    house(async |app| {
        let product = licensed(app, json!({}), json!({ "license_period": 30 }), &["A"]).await;
        let session = app.checkout(&product, 1).await;
        app.advance(Duration::minutes(10));
        app.pay(&session).await;
        let until = issued(app).await[0]["expires_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>();
        assert_eq!(until.unwrap(), app.now() + Duration::days(30));
    });
}

#[test]
fn paying_again_issues_nothing_again() {
    house(async |app| {
        let product = licensed(app, json!({ "type": "subscription" }), json!({}), &[]).await;
        let session = app.checkout(&product, 2).await;
        let first = app.pay(&session).await;
        let again = app.pay(&session).await;
        assert_eq!(first["items"], again["items"]);
        assert_eq!(issued(app).await.len(), 2);
    });
}

#[test]
fn of_many_payments_at_once_one_issues() {
    house(async |app| {
        let product = licensed(app, json!({ "type": "subscription" }), json!({}), &[]).await;
        let session = app.checkout(&product, 3).await;
        let (id, token) = (session["id"].as_str().unwrap(), session["token"].as_str().unwrap());
        let mut payments = JoinSet::new();
        for _ in 0..32 {
            let (router, path) = (app.router(), format!("/checkout/v1/sessions/{id}/pay"));
            let request = axum::http::Request::post(path)
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", "application/json")
                .body(axum::body::Body::from("{}"))
                .unwrap();
            payments.spawn(async move { tower::ServiceExt::oneshot(router, request).await.unwrap().status().as_u16() });
        }
        let statuses: BTreeSet<u16> = payments.join_all().await.into_iter().collect();
        assert!(statuses.contains(&200) && statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
        assert_eq!(issued(app).await.len(), 3);
    });
}

#[test]
fn who_waits_for_codes_gets_licenses_with_them() {
    house(async |app| {
        let product = licensed(app, json!({}), json!({}), &["A"]).await;
        let session = app.checkout(&product, 1).await;
        app.advance(Duration::minutes(31));
        app.settle().await; // the time to pay is over
        sold(app, &product, 1).await;
        let late = app.pay(&session).await;
        assert_eq!(late["delivery"]["state"], "awaiting_stock");
        assert_eq!(keys(&issued(app).await), BTreeSet::from(["A".to_owned()]));
        restock(app, &product, &["B"]).await;
        assert_eq!(keys(&issued(app).await), BTreeSet::from(["A".to_owned(), "B".to_owned()]));
    });
}

#[test]
fn what_the_merchant_hands_over_brings_its_license_then() {
    house(async |app| {
        let product = licensed(app, json!({ "type": "physical" }), json!({}), &[]).await;
        let paid = sold(app, &product, 1).await;
        assert_eq!(issued(app).await.len(), 0);
        let order = format!("/dev/v1/orders/{}/fulfill", paid["id"].as_str().unwrap());
        app.test_developer().post(&order, json!({})).await.is(200);
        app.test_developer().post(&order, json!({})).await.is(200);
        assert_eq!(issued(app).await.len(), 1);
    });
}

#[test]
fn the_same_code_in_two_pools_is_the_key_of_one_license_and_the_other_is_made() {
    house(async |app| {
        let one = licensed(app, json!({ "name": "One" }), json!({}), &["SAME"]).await;
        let two = licensed(app, json!({ "name": "Two" }), json!({}), &["SAME"]).await;
        sold(app, &one, 1).await;
        let seen = sold(app, &two, 1).await;
        let item = &seen["items"][0];
        assert_eq!((&seen["status"], &item["codes"]), (&json!("completed"), &json!(["SAME"])));
        let made = strings(&item["license_keys"]);
        assert_eq!((made.len(), issued(app).await.len()), (1, 2));
        assert!(keys(&issued(app).await).is_superset(&made));
    });
}

#[test]
fn a_code_that_can_be_no_key_does_not_hold_up_the_sale() {
    house(async |app| {
        let long = "L".repeat(4_000);
        let product = licensed(app, json!({}), json!({}), &[&long, "two\u{7}bells"]).await;
        let seen = sold(app, &product, 2).await;
        assert_eq!(seen["status"], "completed");
        assert_eq!(strings(&seen["items"][0]["license_keys"]), keys(&issued(app).await));
    });
}

#[test]
fn a_key_that_was_given_by_hand_does_not_hold_up_the_sale() {
    house(async |app| {
        let product = licensed(app, json!({}), json!({}), &["TAKEN"]).await;
        let by_hand = json!({ "product_id": product, "license_key": "TAKEN" });
        app.test_developer().post("/dev/v1/licenses", by_hand).await.is(200);
        let seen = sold(app, &product, 1).await;
        assert_eq!((seen["items"][0]["license_keys"].as_array().unwrap().len(), issued(app).await.len()), (1, 2));
    });
}

#[test]
fn a_bad_pattern_is_refused_in_words() {
    house(async |app| {
        let product = licensed(app, json!({}), json!({}), &[]).await;
        let path = format!("/dev/v1/products/{product}");
        for bad in ["XXXX-XXXX", "XXXXX XXXXX XXXXX XXXXX XXXXX", ""] {
            let refused = app.test_developer().patch(&path, json!({ "license_key_pattern": bad })).await;
            refused.is(422).has_code("VALIDATION_ERROR");
        }
        let back = app.test_developer().patch(&path, json!({ "license_key_pattern": null })).await;
        assert_eq!(back.is(200).json()["data"]["license_key_pattern"], json!(null));
    });
}

#[test]
fn a_refund_in_full_revokes_what_came_with_the_order_once() {
    house(async |app| {
        let product = licensed(app, json!({}), json!({}), &["A", "B", "C"]).await;
        let order = sold(app, &product, 2).await;
        sold(app, &product, 1).await;
        let id: OrderId = Id::<Order>::parse(order["order_id"].as_str().unwrap()).unwrap();
        let shop = app.shop.row.twin;
        let mut db = app.db().await;
        let mut revoked = Vec::new();
        for _ in 0..2 {
            let mut transaction = db.begin().await.unwrap();
            revoked.push(licenses::revoke_of_order(&mut transaction, shop, &app.app.env, *id).await.unwrap());
            transaction.commit().await.unwrap();
        }
        assert_eq!(revoked, [2, 0]);
        let statuses: Vec<String> =
            issued(app).await.iter().map(|license| license["status"].as_str().unwrap().to_owned()).collect();
        assert_eq!(statuses, ["ACTIVE", "REVOKED", "REVOKED"]);
        let told = app.events().await.into_iter().filter(|topic| topic == "license:status_changed").count();
        assert_eq!(told, 2);
    });
}
