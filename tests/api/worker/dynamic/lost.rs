//! Calls that nobody is there to hear the answer of, and calls that nobody wants any more.

use chrono::Duration;
use keyhouse::domain::dynamic::{self, Outcome, State};
use keyhouse::worker;
use serde_json::json;

use super::{bought, call, is_failed, retried, sandbox, seen};
use crate::house::house_with;
use crate::house::money::order_of;
use crate::house::receiver::{Receiver, Reply};

const NEARBY: &str = "allow_private_webhooks = true";

#[test]
fn a_worker_that_dies_in_the_middle_leaves_a_failure_and_no_second_call() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::Silence, Reply::text("goods")]).await;
        let session = bought(app, &receiver).await;
        let own = app.app.clone();
        let working = tokio::spawn(async move { worker::settle(&own).await });
        receiver.was_asked(1).await;
        working.abort();
        assert!(working.await.unwrap_err().is_cancelled());

        app.settle().await;
        assert_eq!(call(app).await.0, "leased");
        app.advance(Duration::minutes(2));
        app.settle().await;
        is_failed(call(app).await, &seen(app, &session).await, "the outcome is unknown");
        assert_eq!(receiver.asked().len(), 1);

        retried(app, &session).await.is(200);
        app.settle().await;
        assert_eq!(seen(app, &session).await["items"][0]["text"], "goods");
        let keys: Vec<_> =
            receiver.asked().iter().map(|a| a.header("x-shoppex-idempotency-key").map(str::to_owned)).collect();
        assert_eq!(keys[0], keys[1]);
    });
}

#[test]
fn a_lease_that_was_taken_over_records_nothing() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("goods")]).await;
        bought(app, &receiver).await;
        let mut db = app.db().await;
        let first = dynamic::lease(&mut db, sandbox(app), app.now(), 10).await.unwrap();
        assert!(dynamic::lease(&mut db, sandbox(app), app.now(), 10).await.unwrap().is_empty());
        app.advance(Duration::minutes(2));
        let second = dynamic::lease(&mut db, sandbox(app), app.now(), 10).await.unwrap();
        assert!(!first[0].lost && second[0].lost);
        let outcome = Outcome { state: State::Delivered, http_status: Some(200), error: None };
        assert!(!dynamic::record(&mut db, &first[0], app.now(), &outcome).await.unwrap());
        assert!(dynamic::record(&mut db, &second[0], app.now(), &outcome).await.unwrap());
        assert!(!dynamic::record(&mut db, &second[0], app.now(), &outcome).await.unwrap());
    });
}

#[test]
fn an_order_that_was_refunded_meanwhile_is_not_asked_for() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("goods")]).await;
        let session = bought(app, &receiver).await;
        app.refund_at_once(order_of(&session)).await;
        app.settle().await;
        assert_eq!(call(app).await, ("cancelled".into(), None));
        assert_eq!(receiver.connections(), 0);
        retried(app, &session).await.is(409);
    });
}

#[test]
fn goods_that_come_after_a_refund_are_not_handed_over() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::Late("goods")]).await;
        let session = bought(app, &receiver).await;
        let own = app.app.clone();
        let working = tokio::spawn(async move { worker::settle(&own).await });
        receiver.was_asked(1).await;
        app.refund_at_once(order_of(&session)).await;
        receiver.go_on();
        working.await.unwrap().unwrap();
        assert_eq!(call(app).await, ("cancelled".into(), None));
        assert_eq!(seen(app, &session).await["items"][0]["text"], serde_json::Value::Null);
    });
}

#[test]
fn while_all_of_the_money_is_on_its_way_back_no_goods_are_asked_for() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("goods")]).await;
        let session = bought(app, &receiver).await;
        app.refund(order_of(&session), json!({ "note": "fail" })).await.is(200);
        app.settle().await;
        is_failed(call(app).await, &seen(app, &session).await, "refunded");
        assert_eq!(receiver.connections(), 0);

        retried(app, &session).await.is(200); // the refund has failed: the goods may come
        app.settle().await;
        assert_eq!(seen(app, &session).await["items"][0]["text"], "goods");
    });
}
