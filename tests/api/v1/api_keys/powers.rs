//! What a key may do, and what it may not.

use serde_json::json;

use super::{EVERY_ABILITY, minted};
use crate::house::{house, product_body};
use crate::v1::{id, path_of, product};

#[test]
fn a_missing_ability_is_named() {
    house(async |app| {
        let answer = app.merchant_with(&["orders:read"]).await.get("/v1/products").await;
        insta::assert_json_snapshot!(answer.is(403).masked(), @r#"
        {
          "detail": "This key is valid but does not hold products:read.",
          "request_id": "[request_id]",
          "status": 403,
          "title": "Not allowed",
          "type": "forbidden_scope"
        }
        "#);
    });
}

#[test]
fn each_address_asks_for_its_own_ability() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let path = path_of(&made);
        for ability in EVERY_ABILITY {
            let caller = app.merchant_with(&[ability]).await;
            let reads = [
                ("products:read", caller.get("/v1/products").await),
                ("products:read", caller.get(&path).await),
                ("orders:read", caller.get("/v1/orders").await),
                ("customers:read", caller.get("/v1/customers").await),
                ("products:write", caller.patch(&path, json!({})).await),
                ("products:write", caller.post(&format!("{path}/keys"), json!({ "keys": ["A"] })).await),
                ("products:write", caller.post("/v1/products", product_body("New")).await),
            ];
            for (needed, answer) in reads {
                assert_eq!(answer.status != 403, needed == *ability, "{ability}: {}", answer.text());
                assert!(answer.status < 300 || answer.status == 403, "{}", answer.text());
            }
        }
    });
}

#[test]
fn a_missing_ability_says_nothing_about_what_is_there() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let caller = app.merchant_with(&["orders:read"]).await;
        let there = caller.get(&path_of(&made)).await;
        let nowhere = caller.get("/v1/products/prod_01J2PVQR41T4CWXV1C4Y4ZK3M8").await;
        assert_eq!(there.is(403).masked(), nowhere.is(403).masked());
    });
}

#[test]
fn managing_keys_takes_every_ability() {
    house(async |app| {
        let target = minted(&app.merchant(), &["orders:read"]).await;
        for missing in EVERY_ABILITY {
            let held: Vec<&str> = EVERY_ABILITY.iter().filter(|ability| *ability != missing).copied().collect();
            let caller = app.merchant_with(&held).await;
            caller.get("/v1/api-keys").await.is(403).is_problem("forbidden_scope");
            caller.delete(&format!("/v1/api-keys/{}", id(&target))).await.is(403);
            let body = json!({ "name": "k", "abilities": ["orders:read"] });
            caller.post("/v1/api-keys", body).await.is(403);
        }
    });
}

#[test]
fn the_ability_is_asked_for_before_the_body_is_judged() {
    house(async |app| {
        let caller = app.merchant_with(&["products:read"]).await;
        caller.post("/v1/products", json!({ "nonsense": true })).await.is(403);
    });
}
