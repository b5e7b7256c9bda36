//! Idempotency keys that are none, or name something else already.

use axum::http::Method;
use serde_json::json;

use super::{nothing_is_stored, refused};
use crate::house::{house, product_body};
use crate::v1::{path_of, product};

#[test]
fn an_idempotency_key_that_is_none_is_refused() {
    nothing_is_stored(async |app| {
        let long = "k".repeat(256);
        for key in ["", "\"\"", " ", "a b", "a\tb", "ключ", "k\u{e9}", &long] {
            let answer = app.merchant().idempotent(key).post("/v1/products", product_body("Studio Pro")).await;
            refused(51, key, &answer, 400, "invalid_request");
        }
    });
}

#[test]
fn two_idempotency_keys_are_none() {
    nothing_is_stored(async |app| {
        for second in ["one", "two"] {
            let caller = app.merchant().idempotent("one").idempotent(second);
            let answer = caller.post("/v1/products", product_body("Studio Pro")).await;
            refused(51, second, &answer, 400, "invalid_request");
        }
    });
}

#[test]
fn an_idempotency_key_has_1_to_255_characters() {
    house(async |app| {
        for key in ["k", &"k".repeat(255), "!~{}[]\\|", &format!("\"{}\"", "q".repeat(255))] {
            app.merchant().idempotent(key).post("/v1/products", product_body("Studio Pro")).await.is(201);
        }
    });
}

#[test]
fn a_key_in_quotes_is_the_key_between_them() {
    house(async |app| {
        let plain = app.merchant().idempotent("abc").post("/v1/products", product_body("Studio Pro")).await;
        let quoted = app.merchant().idempotent("\"abc\"").post("/v1/products", product_body("Studio Pro")).await;
        assert_eq!(quoted.is(201).bytes, plain.is(201).bytes);
    });
}

#[test]
fn a_key_that_names_another_request_is_a_conflict() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let path = path_of(&made);
        let caller = app.merchant().idempotent("k-1");
        caller.patch(&path, json!({ "price_cents": 1 })).await.is(200);
        let before = app.books().await;
        let keys = format!("{path}/keys");
        for (case, method, path, body) in [
            ("payload", Method::PATCH, path.as_str(), json!({ "price_cents": 2 })),
            ("more payload", Method::PATCH, &path, json!({ "price_cents": 1, "name": "New" })),
            ("empty payload", Method::PATCH, &path, json!({})),
            ("query", Method::PATCH, &format!("{path}?a=1"), json!({ "price_cents": 1 })),
            ("route", Method::POST, "/v1/products", product_body("Studio Pro")),
            ("deeper route", Method::POST, &keys, json!({ "keys": ["A"] })),
            ("method", Method::DELETE, &path, json!({})),
        ] {
            let answer = caller.send(method, path, Some(body.to_string().into())).await;
            refused(53, case, &answer, 409, "conflict");
            answer.is_conflict("idempotency_payload_mismatch");
        }
        assert_eq!(app.books().await, before);
    });
}

#[test]
fn a_refused_request_leaves_its_key_free() {
    house(async |app| {
        let caller = app.merchant().idempotent("k-1");
        caller.post("/v1/products", json!({ "name": "" })).await.is(400);
        caller.patch("/v1/products/x", json!({})).await.is(404);
        caller.post("/v1/products", product_body("Studio Pro")).await.is(201);
    });
}

#[test]
fn a_key_on_a_read_is_checked_and_otherwise_ignored() {
    house(async |app| {
        let caller = app.merchant().idempotent("k-1");
        caller.get("/v1/products").await.is(200);
        caller.get("/v1/orders").await.is(200);
        let answer = app.merchant().idempotent("").get("/v1/products").await;
        refused(51, "a read", &answer, 400, "invalid_request");
    });
}
