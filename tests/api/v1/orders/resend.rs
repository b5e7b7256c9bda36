//! The delivery mail, once more (R18).

use chrono::Duration;
use serde_json::{Value, json};

use crate::house::actor::Answer;
use crate::house::money::order_of;
use crate::house::{TestApp, house};

async fn resend(app: &TestApp, order: &str) -> Answer {
    app.test_merchant().post(&format!("/v1/orders/{order}/resend"), json!({})).await
}

fn with_code(app: &TestApp) -> usize {
    app.mails().iter().filter(|mail| mail.contains("CODE-1")).count()
}

#[test]
fn the_mail_goes_out_again_with_the_codes() {
    house(async |app| {
        let paid = app.sold(&["CODE-1"]).await;
        app.settle().await;
        let answer = resend(app, order_of(&paid)).await;
        let sent_at = json!("2026-05-26T07:18:03Z");
        let expected = json!({ "sent_at": sent_at, "recipient": "ada@example.com", "delivery_kind": "license_key" });
        assert_eq!(answer.is(200).json(), &expected);
        app.settle().await;
        assert_eq!(with_code(app), 2);
    });
}

#[test]
fn an_order_is_resent_five_times_an_hour() {
    house(async |app| {
        let (paid, other) = (app.sold(&["CODE-1"]).await, app.sold(&["CODE-2"]).await);
        for _ in 0..5 {
            resend(app, order_of(&paid)).await.is(200);
            app.advance(Duration::minutes(1));
        }
        let refused = resend(app, order_of(&paid)).await;
        refused.is(429).is_problem("rate_limited");
        let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((54 * 60..=56 * 60).contains(&wait), "{wait}");
        resend(app, order_of(&other)).await.is(200);
        app.advance(Duration::seconds(wait));
        resend(app, order_of(&paid)).await.is(200);
        resend(app, order_of(&paid)).await.is(429);
    });
}

#[test]
fn where_nothing_was_delivered_nothing_is_sent() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let unpaid = app.checkout(&product, 1).await;
        let by_hand = app.sold_for_cash(900).await;
        let refunded: Value = app.pay(&app.checkout(&product, 1).await).await;
        app.refund(order_of(&refunded), json!({})).await.is(200);
        app.settle().await;
        for order in [order_of(&unpaid), &by_hand, order_of(&refunded)] {
            resend(app, order).await.is(422).is_problem("unprocessable").blames("order");
        }
        app.advance(Duration::hours(1));
        app.settle().await;
        resend(app, order_of(&unpaid)).await.is(422).blames("order");
    });
}

#[test]
fn a_balance_that_was_topped_up_has_no_mail_to_send() {
    house(async |app| {
        let invoice = app.purse().await.top_up(1_000).await;
        app.pay(&invoice).await;
        resend(app, order_of(&invoice)).await.is(422).blames("order");
    });
}
