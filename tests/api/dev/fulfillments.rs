//! Good codes for bad ones of a reseller's fulfillment (R22).

use serde_json::{Value, json};

use crate::house::reseller::{TestReseller, order};
use crate::house::{TestApp, house};

/// A fulfillment of two codes, with so many left in the pool.
async fn sold(app: &TestApp, left: usize) -> (TestReseller, Value) {
    let reseller = app.reseller().await;
    app.fund(&reseller, 780).await;
    let codes: Vec<String> = (0..2 + left).map(|n| format!("LONG-CODE-{n:03}")).collect();
    let product = app.sellable(&app.test_merchant(), &reseller, &codes).await;
    let key = app.bearer(reseller.token.clone());
    let made = key.post("/reseller/v1/fulfillments", order("o", &product, 2)).await;
    let made = made.is(201).json()["data"].clone();
    (reseller, made)
}

fn path(reseller: &TestReseller, fulfillment: &Value) -> String {
    let (id, fulfillment) = (reseller.id.uuid(), fulfillment["id"].as_str().unwrap());
    format!("/dev/v1/resellers/{id}/fulfillments/{fulfillment}/replace")
}

async fn codes(app: &TestApp, reseller: &TestReseller) -> Vec<String> {
    let listed = app.bearer(reseller.token.clone()).get("/reseller/v1/fulfillments").await;
    let items = listed.is(200).json()["data"][0]["items"].as_array().unwrap().clone();
    items.iter().map(|item| item["serial"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_bad_code_is_burned_and_a_good_one_given_at_no_charge() {
    house(async |app| {
        let (reseller, one) = sold(app, 2).await;
        let body = json!({ "serials": ["LONG-CODE-000"], "reason": "does not activate" });
        let replaced = app.test_developer().post(&path(&reseller, &one), body.clone()).await;
        assert_eq!(replaced.is(200).json()["data"]["burned_ids"], json!([one["items"][0]["id"]]));
        assert!(!replaced.text().contains("LONG-CODE"), "the merchant sees the last characters");
        assert_eq!(codes(app, &reseller).await, ["LONG-CODE-001", "LONG-CODE-002"]);
        assert_eq!(app.left_of(&reseller).await, 0);
        app.test_developer().post(&path(&reseller, &one), body).await.is(422).has_code("VALIDATION_ERROR");
        app.test_developer().post(&path(&reseller, &one), json!({})).await.is(200);
        assert_eq!(codes(app, &reseller).await, ["LONG-CODE-001", "LONG-CODE-003"]);
    });
}

#[test]
fn a_pool_that_is_too_small_burns_nothing() {
    house(async |app| {
        let (reseller, one) = sold(app, 1).await;
        let refused = app.test_developer().post(&path(&reseller, &one), json!({ "quantity": 2 })).await;
        refused.is(409).has_code("STOCK_UNAVAILABLE");
        assert_eq!(codes(app, &reseller).await, ["LONG-CODE-000", "LONG-CODE-001"]);
        let burned: i64 = sqlx::query_scalar("select count(*) from serials where status = 'burned'")
            .fetch_one(&mut app.db().await)
            .await
            .unwrap();
        assert_eq!(burned, 0);
    });
}

#[test]
fn what_is_not_of_this_fulfillment_is_refused() {
    house(async |app| {
        let (reseller, one) = sold(app, 2).await;
        let other = app.reseller().await;
        let developer = app.test_developer();
        developer.post(&path(&other, &one), json!({})).await.is(404).has_code("NOT_FOUND");
        for body in [
            json!({ "serials": ["LONG-CODE-003"] }),
            json!({ "serials": ["LONG-CODE-000", "LONG-CODE-000"] }),
            json!({ "serial_ids": ["019e0000-0000-7000-8000-000000000000"] }),
            json!({ "serials": ["LONG-CODE-000"], "serial_ids": [one["items"][0]["id"]] }),
            json!({ "quantity": 3 }),
            json!({ "quantity": 0 }),
        ] {
            developer.post(&path(&reseller, &one), body).await.is(422).has_code("VALIDATION_ERROR");
        }
        assert_eq!(codes(app, &reseller).await, ["LONG-CODE-000", "LONG-CODE-001"]);
    });
}
