//! The published schedule (contract 5.4).

use chrono::Duration;

use super::{NEARBY, attempts, deliveries, happens, hears, states};
use crate::house::house_with;
use crate::house::receiver::{Receiver, Reply};

const WAITS_MINUTES: [i64; 7] = [1, 2, 5, 15, 60, 360, 1_440];

#[test]
fn a_failure_is_tried_eight_times_with_the_published_waits() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::status(500)]).await;
        hears(app, &receiver).await;
        happens(app).await;
        for (n, minutes) in WAITS_MINUTES.into_iter().enumerate() {
            app.settle().await;
            let delivery = &deliveries(app).await[0];
            assert_eq!((delivery.state.as_str(), delivery.attempt), ("queued", i32::try_from(n).unwrap() + 1));
            let wait = delivery.due_at - app.now();
            let (least, most) = (Duration::minutes(minutes), Duration::seconds(minutes * 66));
            assert!(least <= wait && wait <= most, "{wait} and not {minutes} minutes");
            app.advance(wait - Duration::microseconds(1));
            app.settle().await;
            assert_eq!(receiver.asked().len(), n + 1, "too early");
            app.advance(Duration::microseconds(1));
        }
        app.settle().await;
        assert_eq!(states(app).await, ["failed"]);
        app.advance(Duration::days(10));
        app.settle().await;
        assert_eq!((receiver.asked().len(), attempts(app).await.len()), (8, 8));
    });
}

#[test]
fn every_attempt_has_the_same_id_and_bytes_and_is_signed_anew() {
    house_with(NEARBY, async |app| {
        let replies = vec![Reply::status(500), Reply::status(404), Reply::status(301), Reply::text("ok")];
        let receiver = Receiver::start(replies).await;
        hears(app, &receiver).await;
        happens(app).await;
        for _ in 0..5 {
            app.settle().await;
            app.advance(Duration::minutes(10));
        }
        let asked = receiver.asked();
        assert_eq!((asked.len(), states(app).await), (4, vec!["delivered".to_owned()]));
        for name in ["x-event-id", "webhook-id", "x-event-type", "x-signature"] {
            assert!(asked.iter().all(|one| one.header(name) == asked[0].header(name)), "{name}");
        }
        assert!(asked.iter().all(|one| one.body == asked[0].body));
        for name in ["webhook-timestamp", "x-webhook-timestamp", "webhook-signature"] {
            let all: std::collections::BTreeSet<_> = asked.iter().map(|one| one.header(name).unwrap()).collect();
            assert_eq!(all.len(), 4, "{name}");
        }
        let said: Vec<_> = attempts(app).await.into_iter().map(|(status, error, _)| (status, error)).collect();
        let refused = |status: i16| (Some(status), Some(format!("it answered {status}")));
        assert_eq!(said, [refused(500), refused(404), refused(301), (Some(200), None)]);
    });
}

#[test]
fn any_success_ends_it() {
    for status in [200, 201, 202, 204, 299] {
        house_with(NEARBY, async |app| {
            let receiver = Receiver::start(vec![Reply::Answer(status, "", Vec::new())]).await;
            hears(app, &receiver).await;
            happens(app).await;
            app.settle().await;
            assert_eq!(states(app).await, ["delivered"], "{status}");
        });
    }
}

#[test]
fn a_receiver_that_asks_for_patience_gets_it_up_to_a_day() {
    let near = "Retry-After: 7200\r\n";
    let far = "Retry-After: 864000\r\n";
    let soon = "Retry-After: 1\r\n";
    for (header, least, most) in [
        (near, Duration::hours(2), Duration::hours(2)),
        (far, Duration::hours(24), Duration::hours(24)),
        (soon, Duration::minutes(1), Duration::seconds(66)),
        ("Retry-After: soon\r\n", Duration::minutes(1), Duration::seconds(66)),
        ("Retry-After: Tue, 26 May 2026 09:18:04 GMT\r\n", Duration::hours(2), Duration::seconds(7_201)),
    ] {
        house_with(NEARBY, async |app| {
            let receiver = Receiver::start(vec![Reply::Answer(503, header, Vec::new()), Reply::text("ok")]).await;
            hears(app, &receiver).await;
            happens(app).await;
            app.settle().await;
            let wait = deliveries(app).await[0].due_at - app.now();
            assert!(least <= wait && wait <= most, "{header}: {wait}");
        });
    }
}

#[test]
fn a_redirect_is_a_failure_and_leads_nowhere() {
    house_with(NEARBY, async |app| {
        let target = Receiver::start(vec![Reply::text("ok")]).await;
        let location: &'static str = format!("Location: {}\r\n", target.url()).leak();
        let receiver = Receiver::start(vec![Reply::Answer(307, location, Vec::new())]).await;
        hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        assert_eq!((states(app).await, target.connections()), (vec!["queued".to_owned()], 0));
    });
}
