//! What was missed is sent again, and what was not is not.

use chrono::Duration;
use keyhouse::domain::outbox::deliveries::KEPT_FOR;
use serde_json::{Value, json};

use super::{NEARBY, attempts, deliveries, happens, hears, sandbox, states};
use crate::house::receiver::{Receiver, Reply};
use crate::house::{TestApp, house, house_with};
use crate::v1::webhooks::{path, registered};

async fn recovered(app: &TestApp, endpoint: &Value, since: chrono::DateTime<chrono::Utc>) -> Value {
    let answer = app.test_merchant().post(&path(endpoint, "/recover"), json!({ "since": since })).await;
    answer.is(200).json()["queued"].clone()
}

#[test]
fn what_failed_and_what_happened_meanwhile_is_sent_again() {
    house_with(NEARBY, async |app| {
        let replies = vec![Reply::text("ok"), Reply::status(410), Reply::text("ok")];
        let receiver = Receiver::start(replies).await;
        let endpoint = hears(app, &receiver).await;
        let begin = app.now();
        happens(app).await;
        app.settle().await; // delivered
        happens(app).await;
        app.settle().await; // gone
        app.advance(Duration::hours(1));
        happens(app).await; // nobody is told
        app.test_merchant()
            .post(&path(&endpoint, "/recover"), json!({ "since": begin }))
            .await
            .is_conflict("wrong_state");
        app.test_merchant().post(&path(&endpoint, "/enable"), json!({})).await.is(200);
        assert_eq!(recovered(app, &endpoint, begin).await, 2);
        assert_eq!(recovered(app, &endpoint, begin).await, 0, "they are queued already");
        app.settle().await;
        assert_eq!(states(app).await, ["delivered"; 3]);
        assert_eq!(receiver.asked().len(), 4);
        assert_eq!(recovered(app, &endpoint, begin).await, 0);
    });
}

#[test]
fn a_recovery_looks_at_its_own_topics_and_from_its_instant_on() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        let product = app.stocked(&["AAAA-1111", "BBBB-2222"]).await;
        app.checkout(&product, 1).await;
        app.advance(Duration::hours(1));
        let since = app.now();
        app.checkout(&product, 1).await;
        let endpoint = registered(app, &receiver.url(), &["order.created"]).await;
        assert_eq!(recovered(app, &endpoint, since).await, 1);
        assert_eq!(recovered(app, &endpoint, since - Duration::hours(1)).await, 1);
        app.settle().await;
        assert_eq!(receiver.asked().len(), 2);
    });
}

#[test]
fn a_recovered_event_has_all_its_tries_again() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::status(500)]).await;
        let endpoint = hears(app, &receiver).await;
        let begin = app.now();
        happens(app).await;
        for _ in 0..8 {
            app.settle().await;
            app.advance(Duration::hours(5)); // never two days
            sqlx::query("update webhook_deliveries set due_at = created_at")
                .execute(&mut app.db().await)
                .await
                .unwrap();
        }
        assert_eq!(states(app).await, ["failed"]);
        assert_eq!(recovered(app, &endpoint, begin).await, 1);
        app.settle().await;
        let delivery = &deliveries(app).await[0];
        assert_eq!((delivery.state.as_str(), delivery.attempt), ("queued", 9));
        assert!(delivery.due_at - app.now() <= Duration::seconds(66));
    });
}

#[test]
fn a_recovery_of_more_than_one_call_goes_on_where_it_stopped() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        let endpoint = hears(app, &receiver).await;
        let many = "insert into events (shop_id, id, topic, subject_id, payload, created_at)
                    select $1, (lpad(to_hex($2 + n / 100), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
                           'product.created', gen_random_uuid(), '{}', $3
                    from generate_series(1, 10001) n";
        let (now, begin) = (app.now(), app.now() - Duration::hours(1));
        let query = sqlx::query(many).bind(sandbox(app).uuid()).bind(begin.timestamp_millis()).bind(now);
        query.execute(&mut app.db().await).await.unwrap();
        let call = async |since: &Value| {
            let answer = app.test_merchant().post(&path(&endpoint, "/recover"), json!({ "since": since })).await;
            answer.is(200).json().clone()
        };
        let first = call(&json!(begin)).await;
        assert_eq!((&first["queued"], &first["has_more"]), (&json!(10_000), &json!(true)));
        let second = call(&first["next_since"]).await;
        assert_eq!((&second["queued"], &second["has_more"]), (&json!(1), &json!(false)));
        assert_eq!(second["next_since"], Value::Null);
    });
}

#[test]
fn deliveries_and_attempts_are_kept_for_thirty_days() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        app.advance(KEPT_FOR);
        app.settle().await;
        assert_eq!((states(app).await.len(), attempts(app).await.len()), (1, 1));
        app.advance(Duration::microseconds(1));
        app.settle().await;
        assert_eq!((states(app).await.len(), attempts(app).await.len()), (0, 0));
    });
}

#[test]
fn events_are_kept_for_longer_than_anybody_can_ask_for_them_and_not_for_ever() {
    house(async |app| {
        app.stocked(&["AAAA-1111"]).await;
        let kept = async || {
            app.settle().await;
            let count = sqlx::query_scalar("select count(*) from events").fetch_one(&mut app.db().await).await;
            count.unwrap_or(-1_i64)
        };
        let before = kept().await;
        app.advance(KEPT_FOR + Duration::days(10));
        assert!(before > 0 && kept().await == before, "{before} events");
        app.advance(Duration::seconds(1));
        assert_eq!(kept().await, 0);
    });
}
