//! `POST /v1/webhooks/{id}/test`.

use serde_json::json;

use super::{path, registered};
use crate::house::receiver::{Receiver, Reply, hasty};
use crate::house::{house_calling, house_with};

const NEARBY: &str = "allow_private_webhooks = true";

#[test]
fn a_test_sends_a_sample_and_tells_the_status() {
    house_with(NEARBY, async |app| {
        let replies = vec![Reply::text("ok"), Reply::status(503), Reply::Answer(302, "Location: /x\r\n", vec![])];
        let receiver = Receiver::start(replies).await;
        let made = registered(app, &receiver.url(), &["payout.failed"]).await;
        let mut seen = Vec::new();
        for body in [json!({}), json!({ "event": "product.created" }), json!({ "event": "order.paid" })] {
            let answer = app.test_merchant().post(&path(&made, "/test"), body).await;
            let told = answer.is(200).json();
            assert!(told["delivery_ms"].is_u64() && told.get("error").is_none(), "{told}");
            seen.push((told["delivered"].clone(), told["response_code"].clone()));
        }
        assert_eq!(seen, [(json!(true), json!(200)), (json!(false), json!(503)), (json!(false), json!(302))]);
        let asked = receiver.asked();
        let topics: Vec<_> = asked.iter().map(|asked| asked.header("x-event-type").unwrap()).collect();
        assert_eq!(topics, ["order.paid", "product.created", "order.paid"]);
        assert_eq!(asked[0].json()["data"]["status"], "paid");
        assert_ne!(asked[0].header("webhook-id"), asked[2].header("webhook-id"));
    });
}

#[test]
fn a_test_without_an_answer_says_why_and_quotes_nothing() {
    house_calling(hasty(300), async |app| {
        let receiver = Receiver::start(vec![Reply::Silence]).await;
        let made = registered(app, &receiver.url(), &["payout.failed"]).await;
        let answer = app.test_merchant().post(&path(&made, "/test"), json!({})).await;
        let told = answer.is(200).json();
        assert_eq!((&told["delivered"], &told["response_code"]), (&json!(false), &json!(null)));
        assert_eq!(told["error"], "there was no full answer in time");
    });
}

#[test]
fn what_the_endpoint_answers_is_not_echoed() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::Answer(500, "X-Inside: S3CRET\r\n", b"S3CRET".to_vec())]).await;
        let made = registered(app, &receiver.url(), &["payout.failed"]).await;
        let answer = app.test_merchant().post(&path(&made, "/test"), json!({})).await;
        assert!(!answer.is(200).text().contains("S3CRET"), "{}", answer.text());
    });
}

#[test]
fn a_test_that_is_repeated_under_its_key_calls_once() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        let made = registered(app, &receiver.url(), &["payout.failed"]).await;
        let merchant = app.test_merchant().idempotent("a-test");
        let first = merchant.post(&path(&made, "/test"), json!({})).await;
        let second = merchant.post(&path(&made, "/test"), json!({})).await;
        assert_eq!(first.is(200).bytes, second.is(200).bytes);
        assert_eq!(receiver.asked().len(), 1);
    });
}

#[test]
fn a_test_makes_no_event_and_no_delivery() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::status(410)]).await;
        let made = registered(app, &receiver.url(), &["*"]).await;
        app.test_merchant().post(&path(&made, "/test"), json!({})).await.is(200);
        assert!(app.events().await.is_empty());
        assert_eq!(super::listed(app, &made).await["status"], "active");
    });
}
