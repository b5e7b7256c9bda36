//! A mail server that refuses, goes away, or takes its time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use keyhouse::worker;
use tokio::sync::watch;

use super::{header, queue, states};
use crate::house::smtp::Smtp;
use crate::house::{TestApp, house_with};

#[test]
fn a_recipient_that_is_refused_for_good_is_given_up_at_once_and_the_reason_kept() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        queue(app, &["refused@example.com", "ada@example.com"]).await;
        app.settle().await;
        let states = states(app).await;
        assert_eq!(states[0].0, "failed");
        assert!(states[0].1.as_deref().unwrap().contains("there is nobody of that name"), "{states:?}");
        assert_eq!(states[1], ("sent".into(), None));
    });
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_recipient_that_is_refused_for_now_gets_the_mail_a_minute_later() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        queue(app, &["later@example.com"]).await;
        app.settle().await;
        assert_eq!(states(app).await[0].0, "queued");
        app.settle().await;
        assert!(server.received().is_empty());
        app.advance(chrono::Duration::minutes(1));
        app.settle().await;
        assert_eq!(states(app).await, [("sent".into(), None)]);
    });
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_server_that_quotes_the_mail_back_is_not_written_down() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        queue(app, &["spam@example.com"]).await;
        app.settle().await;
        assert_eq!(states(app).await, [("queued".into(), Some("the server answered 554 to the message".into()))]);
    });
}

#[test]
fn a_server_that_goes_away_in_the_middle_gets_the_mail_again() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        queue(app, &["hangup@example.com"]).await;
        app.settle().await;
        let states_now = states(app).await;
        assert_eq!(states_now[0].0, "queued");
        assert!(states_now[0].1.as_deref().unwrap().contains("ended before"), "{states_now:?}");
        app.advance(chrono::Duration::minutes(1));
        app.settle().await;
        assert_eq!(states(app).await, [("sent".into(), None)]);
    });
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_mail_whose_answer_was_lost_goes_twice_under_one_id_and_the_same_to_the_byte() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        queue(app, &["lost@example.com"]).await;
        app.settle().await;
        app.advance(chrono::Duration::minutes(1));
        app.settle().await;
        assert_eq!(states(app).await, [("sent".into(), None)]);
    });
    let received = server.received();
    let ids: BTreeSet<_> = received.iter().map(|mail| header(mail, "Message-ID").unwrap()).collect();
    assert_eq!((received.len(), ids.len()), (2, 1));
    let parts: BTreeSet<_> = received.iter().map(|mail| mail["parts"].to_string()).collect();
    assert_eq!(parts.len(), 1);
}

#[test]
fn a_server_that_is_not_there_is_tried_eight_times() {
    let settings = "smtp_url = \"smtp://127.0.0.1:1\"\n[mail]\nfrom = \"shop@example.com\"";
    house_with(settings, async |app| {
        queue(app, &["ada@example.com"]).await;
        for _ in 0..8 {
            assert_eq!(states(app).await[0].0, "queued");
            app.settle().await;
            app.advance(chrono::Duration::hours(3));
        }
        let (state, error) = states(app).await.remove(0);
        assert_eq!(state, "failed");
        assert!(error.as_deref().unwrap().starts_with("no connection"), "{error:?}");
    });
}

#[test]
fn a_server_that_does_not_answer_in_time_is_left_and_asked_again() {
    let server = Smtp::start();
    house_with(&server.settings_with("localhost", "", "timeout_s = 1"), async |app| {
        queue(app, &["slow@example.com"]).await;
        app.settle().await;
        let (state, error) = states(app).await.remove(0);
        assert_eq!((state.as_str(), error.as_deref()), ("queued", Some("the mail server did not take it in time")));
    });
}

/// More mails than may be under way at once, each of which waits; connections are fewer still.
const SLOW: &str = "concurrency = 3\n[pools]\nworker = 2";

#[test]
fn a_slow_server_holds_up_neither_the_worker_nor_a_connection_and_is_not_flooded() {
    let server = Smtp::start();
    house_with(&server.settings_with("localhost", "", SLOW), async |app| {
        let product = app.stocked(&["A"]).await;
        app.checkout(&product, 1).await;
        queue(app, &["slow@example.com"; 10]).await;
        app.advance(chrono::Duration::minutes(30));

        let (stop, stopping) = watch::channel(false);
        let worker = tokio::spawn(worker::run(app.app.clone(), stopping));
        until(async || server.waited() == 3 && failed(app).await == 1).await;
        for _ in 0..2 {
            app.app.worker.acquire().await.unwrap(); // nobody holds one while a mail is on its way
        }
        server.go();
        until(async || states(app).await.iter().all(|(state, _)| state == "sent")).await;
        stop.send(true).unwrap();
        worker.await.unwrap();
    });
    assert_eq!(server.received().len(), 10);
    assert_eq!(server.waited(), 3);
}

async fn failed(app: &TestApp) -> i64 {
    let failed = sqlx::query_scalar("select count(*) from orders where status = 'failed'");
    failed.fetch_one(&mut app.db().await).await.unwrap()
}

async fn until(done: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done().await {
        assert!(Instant::now() < deadline, "it never came to that");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
