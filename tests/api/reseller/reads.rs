use insta::assert_json_snapshot;
use serde_json::json;

use super::{holder, ready};
use crate::house::house;
use crate::house::reseller::order;

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
