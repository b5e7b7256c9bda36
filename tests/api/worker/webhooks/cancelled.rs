//! What is deleted is told nothing any more; what was taken over is not recorded.

use chrono::Duration;
use keyhouse::domain::outbox::deliveries::{self, LEASE, Outcome, Verdict};
use keyhouse::domain::outbox::endpoints::EndpointId;
use keyhouse::worker;

use super::{NEARBY, attempts, deliveries as progress, happens, hears, sandbox, states};
use crate::house::house_with;
use crate::house::receiver::{Receiver, Reply};
use crate::v1::webhooks::path;

#[test]
fn deleting_an_endpoint_cancels_what_waits_for_it() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::status(500)]).await;
        let endpoint = hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        happens(app).await;
        app.test_merchant().delete(&path(&endpoint, "")).await.is(200);
        assert_eq!(states(app).await, ["cancelled", "cancelled"]);
        app.advance(Duration::days(2));
        app.settle().await;
        assert_eq!(receiver.asked().len(), 1);
    });
}

#[test]
fn a_queue_that_is_too_long_for_one_statement_is_cancelled_too() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        let endpoint = hears(app, &receiver).await;
        happens(app).await;
        let many = "insert into webhook_deliveries (shop_id, endpoint_id, event_id, due_at, created_at)
                    select shop_id, endpoint_id, gen_random_uuid(), due_at + interval '1 day', created_at
                    from webhook_deliveries, generate_series(1, 6000)";
        sqlx::query(many).execute(&mut app.db().await).await.unwrap();
        app.test_merchant().delete(&path(&endpoint, "")).await.is(200);
        app.settle().await;
        let states = states(app).await;
        assert!(states.len() == 6_001 && states.iter().all(|state| state == "cancelled"));
        assert_eq!(receiver.connections(), 0);
    });
}

#[test]
fn a_row_that_comes_after_the_deletion_is_cancelled() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        let endpoint = hears(app, &receiver).await;
        happens(app).await;
        app.test_merchant().delete(&path(&endpoint, "")).await.is(200);
        // As a transaction does that saw the endpoint, and commits now.
        sqlx::query("update webhook_deliveries set state = 'queued'").execute(&mut app.db().await).await.unwrap();
        app.settle().await;
        assert_eq!((states(app).await, receiver.connections()), (vec!["cancelled".to_owned()], 0));
    });
}

#[test]
fn an_answer_that_comes_after_the_deletion_changes_nothing() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::Late("ok")]).await;
        let endpoint = hears(app, &receiver).await;
        happens(app).await;
        let own = app.app.clone();
        let working = tokio::spawn(async move { worker::settle(&own).await });
        receiver.was_asked(1).await;
        app.test_merchant().delete(&path(&endpoint, "")).await.is(200);
        receiver.go_on();
        working.await.unwrap().unwrap();
        assert_eq!(states(app).await, ["cancelled"]);
        assert_eq!(attempts(app).await.len(), 1, "it happened, and is written down");
    });
}

/// WHK-11: leases and the deletion meet at the endpoint's row.
#[test]
fn no_attempt_begins_once_the_deletion_is_answered() {
    house_with("allow_private_webhooks = true\nrate_limits = \"off\"", async |app| {
        for _ in 0..12 {
            let receiver = Receiver::start(vec![Reply::text("ok")]).await;
            let endpoint = hears(app, &receiver).await;
            for _ in 0..30 {
                happens(app).await;
            }
            let own = app.app.clone();
            let working = tokio::spawn(async move { worker::settle(&own).await });
            receiver.was_asked(1).await;
            app.test_merchant().delete(&path(&endpoint, "")).await.is(200);
            let begun = "select coalesce(sum(attempt), 0) from webhook_deliveries";
            let mut db = app.db().await;
            let before: i64 = sqlx::query_scalar(begun).fetch_one(&mut db).await.unwrap();
            working.await.unwrap().unwrap();
            app.settle().await;
            let after: i64 = sqlx::query_scalar(begun).fetch_one(&mut db).await.unwrap();
            assert_eq!(before, after);
            assert!(!states(app).await.contains(&"queued".to_owned()));
        }
    });
}

#[test]
fn a_lease_that_was_taken_over_records_its_attempt_and_nothing_else() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        let endpoint = hears(app, &receiver).await;
        happens(app).await;
        let mut db = app.db().await;
        let room = [(EndpointId::parse(endpoint["id"].as_str().unwrap()).unwrap(), 10)];
        let first = deliveries::lease(&mut db, sandbox(app), app.now(), &room).await.unwrap();
        assert!(deliveries::lease(&mut db, sandbox(app), app.now(), &room).await.unwrap().is_empty());
        app.advance(LEASE);
        let second = deliveries::lease(&mut db, sandbox(app), app.now(), &room).await.unwrap();
        assert_eq!((first.len(), second.len(), second[0].attempt), (1, 1, 2));
        let outcome = |verdict| Outcome {
            started_at: app.now(),
            duration_ms: 1,
            http_status: None,
            error: None,
            answer: None,
            verdict,
        };
        let env = &app.app.env;
        let failed = outcome(Verdict::Failed { retry_after: None });
        assert!(!deliveries::record(&mut db, env, &first[0], &failed).await.unwrap());
        assert!(deliveries::record(&mut db, env, &second[0], &outcome(Verdict::Delivered)).await.unwrap());
        assert!(!deliveries::record(&mut db, env, &second[0], &failed).await.unwrap());
        assert_eq!((states(app).await, attempts(app).await.len()), (vec!["delivered".to_owned()], 2));
    });
}

#[test]
fn a_worker_that_dies_in_the_middle_has_its_event_sent_again() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::Silence, Reply::text("ok")]).await;
        hears(app, &receiver).await;
        happens(app).await;
        let own = app.app.clone();
        let working = tokio::spawn(async move { worker::settle(&own).await });
        receiver.was_asked(1).await;
        working.abort();
        assert!(working.await.unwrap_err().is_cancelled());
        app.settle().await;
        assert_eq!(progress(app).await[0].attempt, 1);
        app.advance(LEASE);
        app.settle().await;
        let asked = receiver.asked();
        assert_eq!((asked.len(), states(app).await), (2, vec!["delivered".to_owned()]));
        assert_eq!(asked[0].header("webhook-id"), asked[1].header("webhook-id"));
    });
}
