use insta::assert_json_snapshot;
use keyhouse::domain::products::ProductId;
use serde_json::{Value, json};

use super::{holder, ready};
use crate::house::actor::Actor;
use crate::house::reseller::order;
use crate::house::{TestApp, house};

#[test]
fn me_says_which_relationship_the_key_is_for() {
    house(async |app| {
        let (reseller, _) = ready(app, 2_000, 3).await;
        let me = holder(app, &reseller).get("/reseller/v1/me").await;
        let mut shown = me.is(200).masked()["data"].clone();
        shown["reseller_code"] = json!("[code]");
        shown["products"][0]["product_id"] = json!("[product]");
        shown["products"][0]["title"] = json!("[title]");
        assert_json_snapshot!(shown, @r#"
        {
          "balance": 20.0,
          "currency": "USD",
          "id": "[id]",
          "key": {
            "created_at": "2026-05-26T07:18:03Z",
            "id": "[id]",
            "last4": "[last4]",
            "last_used_at": null,
            "name": "till"
          },
          "mode": "BOTH",
          "products": [
            {
              "available_stock": 3,
              "currency": "USD",
              "max_quantity": null,
              "min_quantity": 1,
              "product_id": "[product]",
              "sold": true,
              "title": "[title]",
              "variant_id": null,
              "wholesale_price": 3.9
            }
          ],
          "reseller_code": "[code]",
          "shop": {
            "currency": "USD",
            "id": "[id]",
            "name": "Acme Keys"
          },
          "status": "ACTIVE"
        }
        "#);
    });
}

#[test]
fn the_balance_is_what_was_paid_in_and_not_spent() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        holder(app, &reseller).post("/reseller/v1/fulfillments", order("o", &product, 1)).await.is(201);
        let balance = holder(app, &reseller).get("/reseller/v1/balance").await;
        assert_json_snapshot!(balance.is(200).json()["data"], @r#"
        {
          "auto_top_up": {
            "amount": null,
            "enabled": false,
            "threshold": null
          },
          "available_balance": 16.1,
          "balance": 16.1,
          "currency": "USD",
          "low_balance": []
        }
        "#);
    });
}

#[test]
fn products_are_those_that_can_be_sold_now_with_stock() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let second = app.sellable(&app.test_merchant(), &reseller, &[]).await;
        app.stocked(&["NOT-OURS"]).await;
        let key = holder(app, &reseller);
        let first = key.get("/reseller/v1/products?limit=1").await;
        assert_eq!(first.is(200).json()["data"][0]["available_stock"], 0);
        let cursor = first.json()["pagination"]["next_cursor"].as_str().unwrap();
        let rest = key.get(&format!("/reseller/v1/products?limit=1&cursor={cursor}")).await;
        assert_eq!(rest.is(200).json()["data"][0]["available_stock"], 3);
        assert_eq!(rest.json()["pagination"]["has_more"], false);
        let as_of = first.json()["as_of"].as_str().unwrap().to_owned();
        assert_eq!(as_of, "2026-05-26T07:17:53Z", "ten seconds in the past (R50)");
        app.settle().await;
        app.advance(chrono::Duration::hours(1));
        let later = key.get("/reseller/v1/products").await.json()["as_of"].as_str().unwrap().to_owned();
        let none = key.get(&format!("/reseller/v1/products?updated_since={later}")).await;
        assert_eq!(none.is(200).json()["data"], json!([]));
        app.test_merchant().patch(&format!("/v1/products/{second}"), json!({ "name": "New" })).await.is(200);
        let changed = key.get(&format!("/reseller/v1/products?updated_since={later}")).await;
        assert_eq!(changed.is(200).json()["data"].as_array().unwrap().len(), 1);
        key.get("/reseller/v1/products?updated_since=yesterday").await.is(422);
        let _ = product;
    });
}

#[test]
fn a_change_of_stock_or_of_the_programs_terms_is_a_change_of_a_product() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let (idle, key) =
            (app.sellable(&app.test_merchant(), &reseller, &["IDLE".into()]).await, holder(app, &reseller));
        let later = async || {
            app.settle().await;
            app.advance(chrono::Duration::hours(1));
            key.get("/reseller/v1/products").await.is(200).json()["as_of"].as_str().unwrap().to_owned()
        };
        let changed = async |since: &str| {
            let answer = key.get(&format!("/reseller/v1/products?updated_since={since}")).await;
            let data = answer.is(200).json()["data"].as_array().unwrap().clone();
            data.iter().map(|one| one["available_stock"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        let since = later().await;
        assert!(changed(&since).await.is_empty());
        key.post("/reseller/v1/fulfillments", order("o", &product, 1)).await.is(201);
        assert_eq!(changed(&since).await, [2], "not folded yet");
        app.settle().await;
        assert_eq!(changed(&since).await, [2], "folded");
        let since = later().await;
        assert!(changed(&since).await.is_empty());
        app.test_merchant().post(&format!("/v1/products/{idle}/keys"), json!({ "keys": ["NEW"] })).await.is(201);
        assert_eq!(changed(&since).await, [2], "an import");
        let since = later().await;
        let terms = json!({ "default_wholesale_discount_percent": 10 });
        app.test_developer().patch("/dev/v1/reseller-program", terms).await.is(200);
        assert_eq!(changed(&since).await, [2, 2], "all of them");
    });
}

#[test]
fn what_is_not_sold_any_more_is_told_to_who_asks_what_changed() {
    house(async |app| {
        let (reseller, product) = ready(app, 0, 3).await;
        app.sellable(&app.test_merchant(), &reseller, &["IDLE".into()]).await;
        let (key, merchant, developer) = (holder(app, &reseller), app.test_merchant(), app.test_developer());
        let (at_v1, at_dev) = (format!("/v1/products/{product}"), format!("/dev/v1/products/{product}"));
        for archived in [false, true] {
            let since = later(app, &key).await;
            let off = if archived {
                merchant.delete(&at_v1).await
            } else {
                developer.patch(&at_dev, json!({ "on_hold": true })).await
            };
            off.is(200);
            let told = changed(&key, &since).await;
            let rows = told["data"].as_array().unwrap();
            assert_eq!((rows.len(), &told["complete"]), (1, &json!(false)));
            assert_eq!((&rows[0]["sold"], &rows[0]["available_stock"]), (&json!(false), &json!(0)));
            assert_eq!((&rows[0]["product_id"], &rows[0]["wholesale_price"]), (&uuid_of(&product), &json!(null)));
            let whole = key.get("/reseller/v1/products").await.is(200).json().clone();
            assert_eq!((whole["data"].as_array().unwrap().len(), &whole["complete"]), (1, &json!(true)));
            let since = later(app, &key).await;
            let on = if archived {
                merchant.patch(&at_v1, json!({ "status": "active" })).await
            } else {
                developer.patch(&at_dev, json!({ "on_hold": false })).await
            };
            on.is(200);
            let told = changed(&key, &since).await;
            assert_eq!((&told["data"][0]["sold"], &told["data"][0]["available_stock"]), (&json!(true), &json!(3)));
        }
    });
}

#[test]
fn what_is_taken_out_of_access_is_not_in_an_answer_that_says_it_is_complete() {
    house(async |app| {
        let (reseller, _) = ready(app, 0, 3).await;
        let kept = app.sellable(&app.test_merchant(), &reseller, &["KEPT".into()]).await;
        let key = holder(app, &reseller);
        let since = later(app, &key).await;
        let access = json!({ "product_ids": [kept] });
        let path = format!("/dev/v1/resellers/{}", reseller.id.uuid());
        app.test_developer().patch(&path, access).await.is(200);
        let told = changed(&key, &since).await;
        let ids: Vec<&Value> = told["data"].as_array().unwrap().iter().map(|one| &one["product_id"]).collect();
        assert_eq!(ids, [&uuid_of(&kept)]);
        assert_eq!(told["complete"], true);

        let since = later(app, &key).await;
        app.test_developer().patch(&path, json!({ "mode": "AFFILIATE" })).await.is(200);
        let told = changed(&key, &since).await;
        assert_eq!((&told["data"][0]["sold"], &told["complete"]), (&json!(false), &json!(true)));
    });
}

/// An hour on, what to ask with next time.
async fn later(app: &TestApp, key: &Actor<'_>) -> String {
    app.settle().await;
    app.advance(chrono::Duration::hours(1));
    key.get("/reseller/v1/products").await.is(200).json()["as_of"].as_str().unwrap().to_owned()
}

async fn changed(key: &Actor<'_>, since: &str) -> Value {
    key.get(&format!("/reseller/v1/products?updated_since={since}")).await.is(200).json().clone()
}

/// As this surface shows the id.
fn uuid_of(product: &str) -> Value {
    json!(ProductId::parse(product).unwrap().uuid().to_string())
}
