//! Money comes, or does not.

use serde_json::{Value, json};

use super::{buyer, path_of, pay, seen, stock, told};
use crate::house::house;

#[test]
fn a_paid_checkout_hands_out_the_codes_in_the_same_answer() {
    house(async |app| {
        let product = app.stocked(&["AAAA-1", "AAAA-2", "AAAA-3"]).await;
        let session = app.checkout(&product, 2).await;
        let answer = pay(app, &session, "succeed").await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "currency": "USD",
          "delivery": {
            "delivered_at": "2026-05-26T07:18:03Z",
            "kind": "license_key",
            "state": "delivered"
          },
          "id": "[id]",
          "items": [
            {
              "codes": [
                "AAAA-1",
                "AAAA-2"
              ],
              "download_url": null,
              "license_keys": [],
              "product": "Studio Pro",
              "qty": 2,
              "subtotal_cents": 9800,
              "text": null
            }
          ],
          "order_id": "[order_id]",
          "status": "completed",
          "total_cents": 9800
        }
        "#);
        assert_eq!(seen(app, &session).await, *answer.json());
    });
}

#[test]
fn a_payment_needs_no_body() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let path = format!("{}/pay", path_of(&session));
        let answer = buyer(app, &session).send(axum::http::Method::POST, &path, None).await;
        assert_eq!(answer.is(200).json()["status"], "completed");
    });
}

#[test]
fn paying_twice_changes_nothing() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let session = app.checkout(&product, 1).await;
        let first = pay(app, &session, "succeed").await;
        app.advance(chrono::Duration::minutes(1));
        let again = pay(app, &session, "succeed").await;
        assert_eq!(again.is(200).json(), first.json());
        app.settle().await;
        assert_eq!((told(app, "order.paid").await, told(app, "order.delivered").await, app.mails().len()), (1, 1, 1));
        assert_eq!(stock(app, &product).await, 1);
    });
}

#[test]
fn two_payments_at_once_are_one() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let session = app.checkout(&product, 1).await;
        let (one, two) = tokio::join!(pay(app, &session, "succeed"), pay(app, &session, "succeed"));
        assert_eq!(one.is(200).json(), two.is(200).json());
        assert_eq!(told(app, "order.paid").await, 1);
    });
}

#[test]
fn payments_tell_their_story_in_order() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        let story = ["product.created", "customer.created", "order.created", "order.paid", "order.delivered"];
        assert_eq!(app.events().await, story);
    });
}

#[test]
fn no_event_holds_a_code() {
    house(async |app| {
        let product = app.stocked(&["CODE-IN-CLEAR"]).await;
        app.pay(&app.checkout(&product, 1).await).await;
        let payloads: Vec<Value> =
            sqlx::query_scalar("select payload from events").fetch_all(&mut app.db().await).await.unwrap();
        assert!(payloads.iter().all(|payload| !payload.to_string().contains("CODE-IN-CLEAR")));
    });
}

#[test]
fn a_declined_payment_gives_the_stock_back() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let session = app.checkout(&product, 2).await;
        let answer = pay(app, &session, "fail").await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "currency": "USD",
          "delivery": {
            "delivered_at": null,
            "kind": "license_key",
            "state": "pending"
          },
          "id": "[id]",
          "items": [
            {
              "codes": [],
              "download_url": null,
              "license_keys": [],
              "product": "Studio Pro",
              "qty": 2,
              "subtotal_cents": 9800,
              "text": null
            }
          ],
          "order_id": "[order_id]",
          "status": "failed",
          "total_cents": 9800
        }
        "#);
        assert_eq!(stock(app, &product).await, 2);
        assert_eq!(told(app, "order.failed").await, 1);
    });
}

#[test]
fn a_declined_order_cannot_be_paid() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        pay(app, &session, "fail").await.is(200);
        let answer = pay(app, &session, "succeed").await;
        answer.is_conflict("wrong_state");
        insta::assert_json_snapshot!(answer.masked(), @r#"
        {
          "code": "wrong_state",
          "detail": "the order is failed",
          "request_id": "[request_id]",
          "status": 409,
          "title": "Conflict",
          "type": "conflict"
        }
        "#);
        assert_eq!(stock(app, &product).await, 1);
    });
}

#[test]
fn a_paid_order_cannot_be_declined() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        pay(app, &session, "fail").await.is_conflict("wrong_state");
        assert_eq!(seen(app, &session).await["status"], "completed");
    });
}

#[test]
fn declining_twice_is_a_conflict() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        pay(app, &session, "fail").await.is(200);
        pay(app, &session, "fail").await.is_conflict("wrong_state");
        assert_eq!(told(app, "order.failed").await, 1);
    });
}

#[test]
fn an_outcome_is_one_of_two_words() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let payer = buyer(app, &session);
        let path = format!("{}/pay", path_of(&session));
        for wrong in [json!({ "outcome": "paid" }), json!({ "outcome": true }), json!({ "outcome": "" })] {
            payer.post(&path, wrong).await.is(422).blames("outcome");
        }
        payer.post(&path, json!({ "status": "completed" })).await.is(422).blames("status");
        payer.post(&path, json!({ "outcome": null })).await.is(200);
    });
}

#[test]
fn a_cart_of_codes_and_goods_waits_for_the_goods() {
    house(async |app| {
        let codes = app.stocked(&["A"]).await;
        let mug = super::on_sale(app, json!({ "type": "physical" })).await;
        let session = super::open(app, json!({ "items": super::lines(&[&codes, &mug]) })).await;
        let paid = app.pay(session.is(201).json()).await;
        assert_eq!((&paid["status"], &paid["delivery"]["state"]), (&json!("delivering"), &json!("pending")));
        assert_eq!((&paid["items"][0]["codes"], &paid["items"][1]["codes"]), (&json!(["A"]), &json!([])));
        assert_eq!((told(app, "order.paid").await, told(app, "order.delivered").await), (1, 0));
    });
}

#[test]
fn each_buyer_gets_codes_of_their_own() {
    house(async |app| {
        let product = app.stocked(&["A", "B", "C", "D"]).await;
        let (one, two) = (app.checkout(&product, 2).await, app.checkout(&product, 2).await);
        let (paid_two, paid_one) = (app.pay(&two).await, app.pay(&one).await);
        assert_eq!(paid_one["items"][0]["codes"], json!(["A", "B"]));
        assert_eq!(paid_two["items"][0]["codes"], json!(["C", "D"]));
    });
}
