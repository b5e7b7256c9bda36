//! Orders paid too late for their stock wait for the next codes, the oldest first (R13, R14).

use chrono::Duration;
use serde_json::{Value, json};

use super::{lines, open, pay, restock, seen, stock, told};
use crate::house::{TestApp, house};

/// Lets a checkout of these products run out, sells everything to somebody else, and pays it then.
async fn paid_too_late(app: &TestApp, products: &[&str]) -> Value {
    let late = open(app, json!({ "items": lines(products) })).await.is(201).json().clone();
    app.advance(Duration::minutes(30));
    app.settle().await;
    for product in products {
        while stock(app, product).await != 0 {
            app.pay(&app.checkout(product, 1).await).await;
        }
    }
    app.pay(&late).await;
    late
}

#[test]
fn an_order_paid_too_late_waits() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let late = paid_too_late(app, &[&product]).await;
        let seen = seen(app, &late).await;
        insta::assert_json_snapshot!(crate::house::masked::mask(seen), @r#"
        {
          "currency": "USD",
          "delivery": {
            "delivered_at": null,
            "kind": "license_key",
            "state": "awaiting_stock"
          },
          "id": "[id]",
          "items": [
            {
              "codes": [],
              "download_url": null,
              "license_keys": [],
              "product": "Studio Pro",
              "qty": 1,
              "subtotal_cents": 4900,
              "text": null
            }
          ],
          "order_id": "[order_id]",
          "status": "delivering",
          "total_cents": 4900
        }
        "#);
    });
}

#[test]
fn the_next_import_serves_it_in_the_same_answer() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let late = paid_too_late(app, &[&product]).await;
        assert_eq!(restock(app, &product, &["B", "C"]).await, 1);
        let seen = seen(app, &late).await;
        assert_eq!((&seen["status"], &seen["items"][0]["codes"]), (&json!("completed"), &json!(["B"])));
    });
}

#[test]
fn it_is_mailed_once_it_is_served() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        paid_too_late(app, &[&product]).await;
        app.settle().await;
        assert_eq!(app.mails().len(), 2, "what was delivered, and the receipt of who waits");
        restock(app, &product, &["B"]).await;
        app.settle().await;
        assert!(app.mails()[2].contains("B\r\n"), "{}", app.mails()[2]);
        assert_eq!((app.mails().len(), told(app, "order.delivered").await), (3, 2));
    });
}

#[test]
fn the_oldest_payment_is_served_first() {
    house(async |app| {
        let product = app.stocked(&["A", "B", "C"]).await;
        let late = [app.checkout(&product, 1).await, app.checkout(&product, 1).await, app.checkout(&product, 1).await];
        app.advance(Duration::minutes(30));
        app.settle().await;
        app.pay(&app.checkout(&product, 3).await).await;
        for session in [&late[1], &late[0], &late[2]] {
            app.pay(session).await;
            app.advance(Duration::seconds(1));
        }
        restock(app, &product, &["D", "E"]).await;
        let mut codes = Vec::new();
        for session in &late {
            codes.push(seen(app, session).await["items"][0]["codes"].clone());
        }
        assert_eq!(codes, [json!(["E"]), json!(["D"]), json!([])]);
    });
}

#[test]
fn an_order_too_large_for_what_came_does_not_hold_up_the_next() {
    house(async |app| {
        let product = app.stocked(&["A", "B", "C"]).await;
        let (large, small) = (app.checkout(&product, 2).await, app.checkout(&product, 1).await);
        app.advance(Duration::minutes(30));
        app.settle().await;
        app.pay(&app.checkout(&product, 3).await).await;
        app.pay(&large).await;
        app.advance(Duration::seconds(1));
        app.pay(&small).await;
        assert_eq!(restock(app, &product, &["D"]).await, 0);
        assert_eq!(seen(app, &small).await["items"][0]["codes"], json!(["D"]));
        restock(app, &product, &["E", "F"]).await;
        assert_eq!(seen(app, &large).await["items"][0]["codes"], json!(["E", "F"]));
    });
}

#[test]
fn a_new_buyer_does_not_overtake_who_waits() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        paid_too_late(app, &[&product]).await;
        restock(app, &product, &["B"]).await;
        let answer = app.stranger().post("/checkout/v1/sessions", app.cart(&product, 1)).await;
        answer.is_conflict("out_of_stock");
    });
}

#[test]
fn codes_of_a_declined_order_go_to_who_waits() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let late = app.checkout(&product, 1).await;
        app.advance(Duration::minutes(30));
        app.settle().await;
        let holder = app.checkout(&product, 2).await;
        app.pay(&late).await;
        pay(app, &holder, "fail").await.is(200);
        assert_eq!(
            (seen(app, &late).await["status"].clone(), stock(app, &product).await),
            (json!("completed"), json!(1))
        );
    });
}

#[test]
fn codes_of_an_expired_order_go_to_who_waits() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let late = app.checkout(&product, 1).await;
        app.advance(Duration::minutes(30));
        app.settle().await;
        app.checkout(&product, 1).await;
        app.pay(&late).await;
        app.advance(Duration::minutes(30));
        app.settle().await;
        assert_eq!(seen(app, &late).await["items"][0]["codes"], json!(["A"]));
    });
}

#[test]
fn each_line_is_served_by_its_own_pool() {
    house(async |app| {
        let (one, two) = (app.stocked(&["A"]).await, app.stocked(&["B"]).await);
        let late = paid_too_late(app, &[&one, &two]).await;
        assert_eq!(restock(app, &one, &["C", "D"]).await, 1);
        let half = seen(app, &late).await;
        assert_eq!((&half["status"], &half["items"][0]["codes"]), (&json!("delivering"), &json!(["C"])));
        assert_eq!(restock(app, &two, &["E"]).await, 0);
        let whole = seen(app, &late).await;
        assert_eq!((&whole["status"], &whole["items"][1]["codes"]), (&json!("completed"), &json!(["E"])));
        app.settle().await;
        assert_eq!(told(app, "order.delivered").await, 3);
    });
}

#[test]
fn what_is_there_is_delivered_and_only_the_rest_waits() {
    house(async |app| {
        let (plenty, scarce) = (app.stocked(&["A", "B"]).await, app.stocked(&["C"]).await);
        let late = open(app, json!({ "items": lines(&[&plenty, &scarce]) })).await.is(201).json().clone();
        app.advance(Duration::minutes(30));
        app.settle().await;
        app.pay(&app.checkout(&scarce, 1).await).await;
        let paid = app.pay(&late).await;
        assert_eq!((&paid["items"][0]["codes"], &paid["items"][1]["codes"]), (&json!(["A"]), &json!([])));
        assert_eq!(paid["delivery"]["state"], "awaiting_stock");
    });
}
