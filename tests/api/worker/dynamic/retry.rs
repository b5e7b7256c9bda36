//! The merchant tries again.

use axum::http::Method;
use serde_json::json;

use super::{bought, call, retried, seen};
use crate::house::house_with;
use crate::house::receiver::{Receiver, Reply};

const NEARBY: &str = "allow_private_webhooks = true";

#[test]
fn a_failed_delivery_is_asked_for_again_under_the_same_key() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::status(503), Reply::status(503), Reply::text("goods")]).await;
        let session = bought(app, &receiver).await;
        app.settle().await;
        for _ in 0..2 {
            let answer = retried(app, &session).await;
            assert_eq!(answer.is(200).json()["data"]["status_details"], "Paid, being delivered");
            app.advance(chrono::Duration::minutes(1));
            app.settle().await;
        }
        let after = seen(app, &session).await;
        assert_eq!((&after["status"], &after["items"][0]["text"]), (&json!("completed"), &json!("goods")));
        let asked = receiver.asked();
        let keys: Vec<_> = asked.iter().map(|a| a.header("x-shoppex-idempotency-key").unwrap()).collect();
        assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        let stamps: Vec<_> = asked.iter().map(|a| a.header("x-shoppex-timestamp").unwrap()).collect();
        assert!(stamps[0] < stamps[1] && stamps[1] < stamps[2], "{stamps:?}");
        assert_eq!(call(app).await.0, "delivered");
    });
}

#[test]
fn what_is_under_way_or_delivered_is_not_asked_for_again() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("goods")]).await;
        let session = bought(app, &receiver).await;
        retried(app, &session).await.is(200); // it is queued, and stays queued once
        app.settle().await;
        retried(app, &session).await.is(409).has_code("WRONG_STATE"); // it is delivered
        assert_eq!(receiver.asked().len(), 1);
    });
}

#[test]
fn what_the_merchant_handed_over_itself_is_not_asked_for_again() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::status(500)]).await;
        let session = bought(app, &receiver).await;
        app.settle().await;
        let developer = app.bearer(app.shop.developer_test.clone());
        let path = format!("/dev/v1/orders/{}/fulfill", session["order_id"].as_str().unwrap());
        developer.post(&path, json!({})).await.is(200);
        retried(app, &session).await.is(409);
        app.settle().await;
        assert_eq!(seen(app, &session).await["status"], "completed");
        assert_eq!(receiver.asked().len(), 1);
    });
}

#[test]
fn a_repetition_that_is_sent_twice_is_one() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::status(500)]).await;
        let session = bought(app, &receiver).await;
        app.settle().await;
        let developer = app.bearer(app.shop.developer_test.clone()).idempotent("again-1");
        let path = format!("/dev/v1/orders/{}/retry-delivery", session["order_id"].as_str().unwrap());
        let first = developer.send(Method::POST, &path, None).await;
        app.settle().await;
        let second = developer.send(Method::POST, &path, None).await;
        assert_eq!(first.is(200).bytes, second.is(200).bytes);
        app.settle().await;
        assert_eq!(receiver.asked().len(), 2);
    });
}
