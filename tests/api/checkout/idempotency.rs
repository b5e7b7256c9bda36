//! Opening a checkout again under the same key (R1, R24).

use serde_json::json;

use super::{buyer, path_of, told};
use crate::house::house;

const KEY: &str = "a-key-of-22-characters";

#[test]
fn a_repeated_opening_is_the_same_session_to_the_byte() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let opener = app.stranger().idempotent(KEY);
        let first = opener.post("/checkout/v1/sessions", app.cart(&product, 1)).await;
        app.advance(chrono::Duration::minutes(5));
        let again = opener.post("/checkout/v1/sessions", app.cart(&product, 1)).await;
        assert_eq!((again.is(201).bytes.clone(), again.header("idempotent-replayed")), (first.bytes, Some("true")));
        assert_eq!(super::stock(app, &product).await, 1);
        assert_eq!(told(app, "order.created").await, 1);
    });
}

#[test]
fn spelling_a_body_otherwise_makes_no_other_request() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let opener = app.stranger().idempotent(KEY);
        let first = opener.post("/checkout/v1/sessions", app.cart(&product, 1)).await;
        let spelled = format!(
            r#"{{ "items":[{{"quantity":1.0,"product_id":"{product}"}}], "shop":"acme", "email":"ada@example.com","mode":"test" }}"#
        );
        let again = opener.post_bytes("/checkout/v1/sessions", spelled).await;
        assert_eq!(again.is(201).bytes, first.bytes);
    });
}

#[test]
fn another_cart_under_the_same_key_is_a_conflict() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let opener = app.stranger().idempotent(KEY);
        opener.post("/checkout/v1/sessions", app.cart(&product, 1)).await.is(201);
        let answer = opener.post("/checkout/v1/sessions", app.cart(&product, 2)).await;
        answer.is_conflict("idempotency_payload_mismatch");
        insta::assert_json_snapshot!(answer.masked(), @r#"
        {
          "code": "idempotency_payload_mismatch",
          "detail": "This Idempotency-Key already names another request.",
          "request_id": "[request_id]",
          "status": 409,
          "title": "Conflict",
          "type": "conflict"
        }
        "#);
    });
}

#[test]
fn a_short_key_could_be_guessed_and_is_refused() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        for key in ["1", "a-key-of-21-character", "\"a-key-of-21-character\""] {
            let opener = app.stranger().idempotent(key);
            opener.post("/checkout/v1/sessions", app.cart(&product, 1)).await.is(400).is_problem("invalid_request");
        }
    });
}

#[test]
fn another_address_has_its_own_keys() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let opener = app.stranger().idempotent(KEY);
        let mine = opener.post("/checkout/v1/sessions", app.cart(&product, 1)).await;
        let mut cart = app.cart(&product, 1);
        cart["email"] = json!("eve@example.com");
        let theirs = opener.post("/checkout/v1/sessions", cart).await;
        assert_ne!(theirs.is(201).json()["token"], mine.json()["token"]);
    });
}

#[test]
fn a_refused_opening_may_be_mended_under_the_same_key() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let opener = app.stranger().idempotent(KEY);
        opener.post("/checkout/v1/sessions", app.cart(&product, 2)).await.is_conflict("out_of_stock");
        opener.post("/checkout/v1/sessions", app.cart(&product, 1)).await.is(201);
    });
}

#[test]
fn two_equal_openings_at_once_are_one_session() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let opener = app.stranger().idempotent(KEY);
        let open = || opener.post("/checkout/v1/sessions", app.cart(&product, 1));
        let (one, two) = tokio::join!(open(), open());
        assert_eq!(one.is(201).bytes, two.is(201).bytes);
        assert_eq!(told(app, "order.created").await, 1);
    });
}

#[test]
fn a_repeated_payment_is_the_same_answer_to_the_byte() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let payer = buyer(app, &session).idempotent("pay");
        let path = format!("{}/pay", path_of(&session));
        let first = payer.post(&path, json!({})).await;
        let again = payer.post(&path, json!({})).await;
        assert_eq!((again.is(200).bytes.clone(), again.header("idempotent-replayed")), (first.bytes, Some("true")));
        payer.post(&path, json!({ "outcome": "fail" })).await.is_conflict("idempotency_payload_mismatch");
    });
}
