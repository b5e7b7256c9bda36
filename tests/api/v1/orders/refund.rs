//! Asking for a refund: how much, once, and never more than there is (R18).

use chrono::Duration;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::house::actor::Answer;
use crate::house::money::order_of;
use crate::house::purse::cents;
use crate::house::{TestApp, house, house_with};
use crate::laws::operations::NO_LIMITS;
use crate::laws::{patiently, together};

/// What an order says of its refunds: status, given back, and each refund's status and amount.
async fn told(app: &TestApp, order: &str) -> (String, i64, Vec<(String, i64)>) {
    let order = app.order(order).await;
    let refunds = order["refunds"].as_array().unwrap().iter();
    let one = |refund: &Value| (refund["status"].as_str().unwrap().into(), refund["amount_cents"].as_i64().unwrap());
    (order["status"].as_str().unwrap().into(), order["refunded_cents"].as_i64().unwrap(), refunds.map(one).collect())
}

fn done(amount: i64) -> (String, i64) {
    ("completed".into(), amount)
}

#[track_caller]
fn is_too_much(answer: &Answer) {
    answer.is(422).is_problem("unprocessable").blames("amount_cents");
}

#[test]
fn a_refund_is_of_all_that_is_left_unless_it_says_how_much() {
    house(async |app| {
        let paid = app.sold(&["A", "B"]).await;
        let asked = app.refund(order_of(&paid), json!({ "reason": "requested_by_buyer", "note": "torn" })).await;
        insta::assert_json_snapshot!(asked.is(200).masked(), @r#"
        {
          "amount_cents": 9800,
          "created_at": "2026-05-26T07:18:03Z",
          "destination_tx": null,
          "error": null,
          "id": "[id]",
          "irrevocable": [
            {
              "kind": "license_key",
              "product": "Studio Pro",
              "qty": 2
            }
          ],
          "note": "torn",
          "order_id": "[order_id]",
          "reason": "requested_by_buyer",
          "status": "processing"
        }
        "#);
        app.settle().await;
        let mut order = app.order(order_of(&paid)).await;
        let refund = order["refunds"][0].as_object_mut().unwrap();
        assert!(refund.remove("destination_tx").unwrap().as_str().unwrap().starts_with("sandbox-"));
        insta::assert_json_snapshot!(crate::house::masked::mask(order), @r#"
        {
          "created_at": "2026-05-26T07:18:03Z",
          "currency": "USD",
          "customer_email": "ada@example.com",
          "delivery": {
            "delivered_at": "2026-05-26T07:18:03Z",
            "kind": "license_key",
            "state": "delivered"
          },
          "id": "[id]",
          "items": [
            {
              "delivery": {
                "kind": "license_key",
                "state": "delivered"
              },
              "product": "Studio Pro",
              "qty": 2,
              "subtotal_cents": 9800
            }
          ],
          "paid_at": "2026-05-26T07:18:03Z",
          "payment": {
            "asset": null,
            "chain": null,
            "provider": "sandbox",
            "tx_hash": null
          },
          "refunded_cents": 9800,
          "refunds": [
            {
              "amount_cents": 9800,
              "created_at": "2026-05-26T07:18:03Z",
              "error": null,
              "id": "[id]",
              "note": "torn",
              "order_id": "[order_id]",
              "reason": "requested_by_buyer",
              "status": "completed"
            }
          ],
          "status": "refunded",
          "total_cents": 9800
        }
        "#);
    });
}

#[test]
fn refunds_in_part_leave_the_order_as_it_is_until_all_of_it_is_back() {
    house(async |app| {
        let paid = app.sold(&["A", "B"]).await;
        let order = order_of(&paid);
        app.refund(order, json!({ "amount_cents": 9_000 })).await.is(200);
        app.settle().await;
        assert_eq!(told(app, order).await, ("completed".into(), 9_000, vec![done(9_000)]));
        assert_eq!(app.refund(order, json!({})).await.is(200).json()["amount_cents"], 800);
        app.settle().await;
        assert_eq!(told(app, order).await, ("refunded".into(), 9_800, vec![done(9_000), done(800)]));
    });
}

#[test]
fn what_is_on_its_way_cannot_be_refunded_again() {
    house(async |app| {
        let paid = app.sold(&["A", "B"]).await;
        let order = order_of(&paid);
        app.refund(order, json!({ "amount_cents": 5_000 })).await.is(200);
        is_too_much(&app.refund(order, json!({ "amount_cents": 4_801 })).await);
        app.refund(order, json!({ "amount_cents": 4_800 })).await.is(200);
        is_too_much(&app.refund(order, json!({ "amount_cents": 1 })).await);
        is_too_much(&app.refund(order, json!({})).await);
        assert_eq!(told(app, order).await.1, 0, "nothing has gone back yet");
    });
}

#[test]
fn an_order_that_is_not_paid_is_not_refunded() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let open = app.checkout(&product, 1).await;
        is_too_much(&app.refund(order_of(&open), json!({})).await);
        app.advance(Duration::hours(1));
        app.settle().await;
        is_too_much(&app.refund(order_of(&open), json!({ "amount_cents": 1 })).await);

        let paid = app.pay(&app.checkout(&product, 1).await).await;
        app.refund(order_of(&paid), json!({})).await.is(200);
        app.settle().await;
        is_too_much(&app.refund(order_of(&paid), json!({ "amount_cents": 1 })).await);
    });
}

#[test]
fn what_cost_nothing_cannot_be_refunded() {
    house(async |app| {
        let body = json!({ "name": "Gift", "type": "license_key", "price_cents": 0, "currency": "USD" });
        let product = app.test_merchant().post("/v1/products", body).await.is(201).json()["id"].clone();
        let path = format!("/v1/products/{}/keys", product.as_str().unwrap());
        app.test_merchant().post(&path, json!({ "keys": ["A"] })).await.is(201);
        let free = app.checkout(product.as_str().unwrap(), 1).await;
        is_too_much(&app.refund(order_of(&free), json!({})).await);
    });
}

#[test]
fn what_a_refund_cannot_be_is_refused() {
    house_with(NO_LIMITS, async |app| {
        let paid = app.sold(&["A"]).await;
        let before = app.books().await;
        for (field, values) in [
            ("amount_cents", vec![json!(0), json!(-1), json!(4_901), json!(1.5), json!("1"), json!(true), json!([1])]),
            ("amount_cents", vec![json!(9_007_199_254_740_992_i64), json!(u64::MAX), json!(1e40)]),
            ("reason", vec![json!("because"), json!("OTHER"), json!(1), json!("")]),
            ("note", vec![json!("a\0b"), json!("\u{7}"), json!(1), json!("x".repeat(2_001))]),
            ("status", vec![json!("completed")]),
            ("order_id", vec![json!("ord_x")]),
        ] {
            for value in values {
                app.refund(order_of(&paid), json!({ field: value })).await.is(422).blames(field);
            }
        }
        assert_eq!(app.books().await, before);
    });
}

#[test]
fn sixteen_refunds_at_once_never_give_back_more_than_was_paid() {
    house_with(NO_LIMITS, async |app| {
        let paid = app.sold(&["A"]).await;
        let order = order_of(&paid);
        let ask = || patiently(|| app.refund(order, json!({ "amount_cents": 1_000 })));
        let answers = together((0..16).map(|_| ask())).await;
        let granted = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 422)));
        assert_eq!(granted, 4, "four times 10.00 fits into 49.00");
        app.settle().await;
        assert_eq!(told(app, order).await.1, 4_000);
    });
}

#[test]
fn the_same_refund_twice_gives_back_once() {
    house(async |app| {
        let paid = app.sold(&["A"]).await;
        let path = format!("/v1/orders/{}/refund", order_of(&paid));
        let merchant = app.test_merchant().idempotent("refund-1");
        let first = merchant.post(&path, json!({ "amount_cents": 100 })).await;
        let again = merchant.post(&path, json!({ "amount_cents": 100 })).await;
        assert_eq!(first.is(200).bytes, again.is(200).bytes);
        merchant.post(&path, json!({ "amount_cents": 101 })).await.is_conflict("idempotency_payload_mismatch");
        app.settle().await;
        assert_eq!(told(app, order_of(&paid)).await.1, 100);
    });
}

#[test]
fn a_refund_that_failed_gives_its_amount_back() {
    house(async |app| {
        let paid = app.sold(&["A"]).await;
        let (order, shop) = (order_of(&paid), app.shop.row.twin);
        let before = app.payable(shop).await;
        app.refund(order, json!({ "note": "fail" })).await.is(200);
        assert_eq!(app.payable(shop).await, before - 4_900, "held at once");
        app.settle().await;
        assert_eq!(told(app, order).await, ("completed".into(), 0, vec![("failed".into(), 4_900)]));
        assert_eq!(app.payable(shop).await, before);
        app.refund(order, json!({})).await.is(200);
        app.settle().await;
        assert_eq!(told(app, order).await.0, "refunded");
        assert_eq!(app.payable(shop).await, before - 4_900);
    });
}

#[test]
fn a_top_up_is_refunded_out_of_the_balance() {
    house(async |app| {
        let purse = app.purse().await;
        let invoice = purse.top_up(10_000).await;
        app.pay(&invoice).await;
        app.refund(order_of(&invoice), json!({ "amount_cents": 4_000 })).await.is(200);
        assert_eq!(purse.balance().await, 6_000, "held at once: nobody spends it meanwhile");
        app.settle().await;
        purse.adjust(-5_000).await.unwrap();
        is_too_much(&app.refund(order_of(&invoice), json!({})).await);
        app.refund(order_of(&invoice), json!({ "amount_cents": 1_000, "note": "fail" })).await.is(200);
        app.settle().await;
        assert_eq!(purse.balance().await, 1_000, "the refund that failed is back in the balance");
    });
}

#[test]
fn a_balance_that_a_refund_empties_is_told_of() {
    house(async |app| {
        let purse = app.purse().await;
        let patch = keyhouse::domain::resellers::AlertsPatch { low: Some(vec![cents(5_000)]), ..Default::default() };
        purse.set_alerts(patch).await.unwrap();
        let invoice = purse.top_up(10_000).await;
        app.pay(&invoice).await;
        app.refund(order_of(&invoice), json!({ "amount_cents": 6_000 })).await.is(200);
        assert!(app.events().await.contains(&"reseller:balance_low".to_owned()));
    });
}

#[derive(Clone, Debug)]
struct Ask {
    cents: Option<i64>,
    fails: bool,
    settles: bool,
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let cents = prop_oneof![3 => (1_i64..3_000).prop_map(Some), 1 => Just(None)];
    let one = (cents, proptest::bool::weighted(0.3), any::<bool>());
    proptest::collection::vec(one.prop_map(|(cents, fails, settles)| Ask { cents, fails, settles }), 1..10)
}

#[test]
fn any_sequence_of_refunds_gives_back_what_a_model_says() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(6));
    runner
        .run(&asks(), |asks| {
            house_with(NO_LIMITS, async |app| {
                let paid = app.sold(&["A"]).await;
                let order = order_of(&paid);
                let (mut back, mut open) = (0, Vec::new());
                for ask in &asks {
                    let left = 4_900 - back - open.iter().map(|(cents, _)| cents).sum::<i64>();
                    let wanted = ask.cents.unwrap_or(left);
                    let mut body = json!({ "note": if ask.fails { "fail" } else { "ok" } });
                    if let Some(cents) = ask.cents {
                        body["amount_cents"] = json!(cents);
                    }
                    let answer = app.refund(order, body).await;
                    let fits = (1..=left).contains(&wanted);
                    assert_eq!(answer.status, if fits { 200 } else { 422 }, "{ask:?}: {}", answer.text());
                    if fits {
                        open.push((wanted, ask.fails));
                    }
                    if ask.settles {
                        app.settle().await;
                        back += open.drain(..).filter(|(_, fails)| !fails).map(|(cents, _)| cents).sum::<i64>();
                    }
                    let (status, refunded, _) = told(app, order).await;
                    assert_eq!((status == "refunded", refunded), (back == 4_900, back));
                }
            });
            Ok(())
        })
        .unwrap();
}
