//! When an endpoint is given up, and how it comes back.

use chrono::Duration;
use keyhouse::domain::outbox::deliveries::{self, Outcome, Verdict};
use keyhouse::domain::outbox::endpoints::EndpointId;
use serde_json::json;

use super::{NEARBY, happens, hears, sandbox, states};
use crate::house::receiver::{Receiver, Reply};
use crate::house::{TestApp, house_with};
use crate::v1::webhooks::{listed, path};

async fn owned(app: &TestApp) {
    let sql = "update shops set owner_email = 'owner@example.com'";
    sqlx::query(sql).execute(&mut app.db().await).await.unwrap();
}

#[test]
fn gone_disables_at_once_and_cancels_what_waits() {
    house_with(NEARBY, async |app| {
        owned(app).await;
        let receiver = Receiver::start(vec![Reply::status(500), Reply::status(410)]).await;
        let endpoint = hears(app, &receiver).await;
        happens(app).await;
        app.settle().await; // it waits for its second attempt
        happens(app).await;
        app.settle().await;
        let shown = listed(app, &endpoint).await;
        assert_eq!((&shown["status"], &shown["disabled_reason"]), (&json!("disabled"), &json!("gone")));
        assert_eq!(states(app).await, ["cancelled", "failed"]);
        app.advance(Duration::days(1));
        happens(app).await;
        app.settle().await;
        assert_eq!(receiver.asked().len(), 2);
        let mails = app.mails();
        assert_eq!(mails.len(), 1);
        for words in ["To: owner@example.com", "127.0.0.1", "410", endpoint["id"].as_str().unwrap()] {
            assert!(mails[0].contains(words), "{words}: {}", mails[0]);
        }
        assert!(!mails[0].contains("hook?of"), "the path may hold a secret: {}", mails[0]);
    });
}

#[test]
fn two_days_of_failures_and_nothing_else_disable() {
    house_with(NEARBY, async |app| {
        owned(app).await;
        let receiver = Receiver::start(vec![Reply::status(500)]).await;
        let endpoint = hears(app, &receiver).await;
        for hours in [0, 24, 24] {
            app.advance(Duration::hours(hours) - Duration::seconds(i64::from(hours == 24)));
            happens(app).await;
            app.settle().await;
            assert_eq!(listed(app, &endpoint).await["status"], "active");
        }
        app.advance(Duration::seconds(2));
        happens(app).await;
        app.settle().await;
        let shown = listed(app, &endpoint).await;
        assert_eq!((&shown["status"], &shown["disabled_reason"]), (&json!("disabled"), &json!("failing")));
        assert!(!states(app).await.contains(&"queued".to_owned()));
        assert_eq!(app.mails().len(), 1);
        assert!(app.mails()[0].contains("failed for two days on end"), "{}", app.mails()[0]);
    });
}

#[test]
fn one_success_resets_the_clock() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::status(500), Reply::text("ok"), Reply::status(500)]).await;
        let endpoint = hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        app.advance(Duration::hours(40));
        app.settle().await; // the second attempt succeeds
        happens(app).await;
        app.settle().await;
        app.advance(Duration::hours(47));
        app.settle().await;
        assert_eq!(listed(app, &endpoint).await["status"], "active");
        app.advance(Duration::hours(1));
        happens(app).await;
        app.settle().await;
        assert_eq!(listed(app, &endpoint).await["status"], "disabled");
        assert!(app.mails().is_empty(), "the shop has nobody to write to");
    });
}

#[test]
fn an_endpoint_that_is_enabled_hears_again_and_its_clock_begins_anew() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::status(410), Reply::status(500), Reply::text("ok")]).await;
        let endpoint = hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        app.advance(Duration::days(5));
        let answer = app.test_merchant().post(&path(&endpoint, "/enable"), json!({})).await;
        assert_eq!(answer.is(200).json()["status"], "active");
        assert_eq!(answer.json()["disabled_reason"], json!(null));
        happens(app).await;
        app.settle().await;
        assert_eq!(listed(app, &endpoint).await["status"], "active");
        app.advance(Duration::minutes(2));
        app.settle().await;
        assert_eq!(states(app).await, ["failed", "delivered"]);
    });
}

#[test]
fn a_success_counts_though_nothing_was_failing_when_it_was_sent() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        let endpoint = hears(app, &receiver).await;
        happens(app).await;
        happens(app).await;
        let mut db = app.db().await;
        let room = [(EndpointId::parse(endpoint["id"].as_str().unwrap()).unwrap(), 2)];
        let leased = deliveries::lease(&mut db, sandbox(app), app.now(), &room).await.unwrap();
        for (delivery, verdict) in leased.iter().zip([Verdict::Failed { retry_after: None }, Verdict::Delivered]) {
            let (started_at, env) = (app.now(), &app.app.env);
            let outcome = Outcome { started_at, duration_ms: 1, http_status: None, error: None, answer: None, verdict };
            assert!(deliveries::record(&mut db, env, delivery, &outcome).await.unwrap());
        }
        let failing = "select failing_since is not null from webhook_endpoints";
        assert!(!sqlx::query_scalar::<_, bool>(failing).fetch_one(&mut db).await.unwrap());
    });
}
