//! A code that cannot be a key never stands in the way of a payment: a generated one takes its place.

use serde_json::{Value, json};

use super::super::{buyer, lines, open, path_of};
use super::{generated, is_generated, keys, licensed, sold, validate};
use crate::house::{TestApp, house, house_with};
use crate::laws::locks::deadlocks;
use crate::laws::{patiently, together};

/// The codes and the keys that the buyer of a paid session is shown for its only line.
fn shown(session: &Value) -> (Vec<&str>, Vec<&str>) {
    let texts = |name: &str| {
        let list = session["items"][0][name].as_array();
        list.map_or_else(Vec::new, |list| list.iter().map(|text| text.as_str().unwrap()).collect())
    };
    (texts("codes"), texts("license_keys"))
}

/// Sells one unit of a pool with this code, which is to be delivered beside a generated key.
async fn sells_beside_a_generated_key(app: &TestApp, product: &str, code: &str) {
    let session = sold(app, product, 1).await;
    let (codes, license_keys) = shown(&session);
    assert_eq!(codes, [code]);
    assert_eq!(license_keys, keys(app, &session).await);
    assert!(is_generated(license_keys[0]), "{license_keys:?}");
    validate(app, product, license_keys[0], "one").await.is(200);
}

#[test]
fn the_same_code_in_two_pools_is_the_key_of_the_first() {
    house(async |app| {
        let one = licensed(app, json!({ "serials": ["SAME"] })).await;
        let other = licensed(app, json!({ "serials": ["SAME"] })).await;
        assert_eq!(shown(&sold(app, &one, 1).await), (vec!["SAME"], vec![]));
        sells_beside_a_generated_key(app, &other, "SAME").await;
        validate(app, &one, "SAME", "one").await.is(200);
    });
}

#[test]
fn the_same_code_twice_in_one_order_is_the_key_of_one_unit() {
    house(async |app| {
        let one = licensed(app, json!({ "serials": ["SAME"] })).await;
        let other = licensed(app, json!({ "serials": ["SAME"] })).await;
        let session = open(app, json!({ "items": lines(&[&one, &other]) })).await.is(201).json().clone();
        let paid = app.pay(&session).await;
        let keys = keys(app, &session).await;
        assert!(keys.len() == 2 && keys.iter().filter(|key| *key == "SAME").count() == 1, "{keys:?}");
        let generated = keys.iter().find(|key| *key != "SAME").unwrap();
        let with: Vec<&Value> =
            paid["items"].as_array().unwrap().iter().filter(|item| item["license_keys"] != json!([])).collect();
        assert!(with.len() == 1 && with[0]["license_keys"] == json!([generated]), "{paid}");
    });
}

#[test]
fn a_code_that_a_license_by_hand_has_is_not_given_twice() {
    house(async |app| {
        let product = licensed(app, json!({ "serials": ["SAME"] })).await;
        let by_hand = json!({ "product_id": product, "license_key": "SAME" });
        app.test_developer().post("/dev/v1/licenses", by_hand).await.is(200);
        sells_beside_a_generated_key(app, &product, "SAME").await;
    });
}

#[test]
fn a_code_that_is_no_key_is_only_a_code() {
    house(async |app| {
        let long = "L".repeat(513);
        for code in [long.as_str(), "user\tpass", "line\u{85}line"] {
            let product = app.stocked(&[code]).await;
            super::change(app, &product, json!({ "licensing_enabled": true })).await;
            sells_beside_a_generated_key(app, &product, code).await;
        }
    });
}

#[test]
fn a_code_as_long_as_a_key_may_be_is_one() {
    house(async |app| {
        let code = "L".repeat(512);
        let product = licensed(app, json!({ "serials": [code] })).await;
        assert_eq!(keys(app, &sold(app, &product, 1).await).await, [code]);
    });
}

#[test]
fn a_product_has_its_own_pattern() {
    house(async |app| {
        let product = generated(app, json!({ "license_key_pattern": "ACME.XXXXX-XXXXX-XXXXX-XXXXX-XXXXX_1" })).await;
        let key = keys(app, &sold(app, &product, 1).await).await.remove(0);
        assert!(key.len() == 36 && key.starts_with("ACME.") && key.ends_with("_1"), "{key}");
        let by_hand = app.test_developer().post("/dev/v1/licenses", json!({ "product_id": product })).await;
        let license = by_hand.is(200).json()["data"]["productLicense"].clone();
        assert!(license["license_key"].as_str().unwrap().starts_with("ACME."), "{license}");
        let rotate = format!("/dev/v1/licenses/{}/rotate-key", license["id"].as_str().unwrap());
        let rotated = app.test_developer().post(&rotate, json!({})).await;
        let rotated = rotated.is(200).json()["data"]["productLicense"]["license_key"].clone();
        assert!(rotated.as_str().unwrap().starts_with("ACME.") && rotated != license["license_key"], "{rotated}");
        super::change(app, &product, json!({ "license_key_pattern": null })).await;
        assert!(is_generated(&keys(app, &sold(app, &product, 1).await).await[0]));
    });
}

#[test]
fn the_same_codes_in_two_pools_sold_at_once_fail_nobody() {
    const CARTS: usize = 24;
    house_with("rate_limits = \"off\"", async |app| {
        let codes: Vec<String> = (0..CARTS).map(|n| format!("SAME-{n:02}")).collect();
        let reversed: Vec<&String> = codes.iter().rev().collect();
        let one = licensed(app, json!({ "serials": codes })).await;
        let other = licensed(app, json!({ "serials": reversed })).await;
        let mut sessions = Vec::new();
        for _ in 0..CARTS {
            sessions.push(open(app, json!({ "items": lines(&[&one, &other]) })).await.is(201).json().clone());
        }
        let paid = together(sessions.iter().map(async |session| {
            let pay = format!("{}/pay", path_of(session));
            patiently(async || buyer(app, session).post(&pay, json!({})).await).await
        }));
        for answer in paid.await {
            assert_eq!(answer.is(200).json()["status"], "completed");
        }
        let mut all = Vec::new();
        for session in &sessions {
            all.extend(keys(app, session).await);
        }
        assert_eq!(all.iter().filter(|key| key.starts_with("SAME")).count(), CARTS, "{all:?}");
        assert_eq!(all.iter().filter(|key| is_generated(key)).count(), CARTS, "{all:?}");
        assert_eq!(deadlocks(app).await, 0);
    });
}
