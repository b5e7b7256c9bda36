//! Receivers that would do harm (promises WHK-9, WHK-10).

use keyhouse::kit::web_address::Reach;

use super::{NEARBY, attempts, happens, hears, states};
use crate::house::receiver::{Names, Receiver, Reply, calling, hasty};
use crate::house::{house_calling, house_with};
use crate::v1::webhooks::registered;

/// Far more than a socket's buffers.
const FLOOD: usize = 256 << 20;

#[test]
fn an_endless_body_is_cut_and_its_status_counts() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::Flood(FLOOD)]).await;
        hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        assert_eq!(states(app).await, ["delivered"]);
        assert!(receiver.flooded() < FLOOD / 8, "{} bytes were taken", receiver.flooded());
        let (_, _, answer) = &attempts(app).await[0];
        assert!(answer.as_ref().unwrap().len() <= 1_024);
    });
}

#[test]
fn a_status_counts_though_its_body_never_ends() {
    house_calling(hasty(1_500), async |app| {
        let drip = Reply::Broken("Content-Length: 1000\r\n", b"drip");
        let receiver = Receiver::start(vec![drip]).await;
        hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        assert_eq!((states(app).await, receiver.asked().len()), (vec!["delivered".to_owned()], 1));
    });
}

#[test]
fn silence_ends_with_the_deadline() {
    house_calling(hasty(1_500), async |app| {
        let receiver = Receiver::start(vec![Reply::Silence]).await;
        hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        assert_eq!(states(app).await, ["queued"]);
        assert_eq!(attempts(app).await, [(None, Some("there was no full answer in time".to_owned()), None)]);
    });
}

#[test]
fn a_handshake_that_never_ends_is_given_up() {
    house_calling(hasty(1_500), async |app| {
        let receiver = Receiver::start(vec![Reply::Silence]).await;
        registered(app, &format!("https://127.0.0.1:{}/", receiver.port), &["product.*"]).await;
        happens(app).await;
        app.settle().await;
        assert_eq!(states(app).await, ["queued"]);
    });
}

#[test]
fn a_compressed_bomb_is_not_opened() {
    house_with(NEARBY, async |app| {
        // What `head -c 100M /dev/zero | gzip` begins with; what matters is that nobody unpacks it.
        let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        bomb.extend(std::iter::repeat_n(0xec, 60_000));
        let receiver = Receiver::start(vec![Reply::Answer(200, "Content-Encoding: gzip\r\n", bomb)]).await;
        hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        assert_eq!(states(app).await, ["delivered"]);
        assert!(attempts(app).await[0].2.as_ref().unwrap().len() <= 1_024);
    });
}

#[test]
fn ten_thousand_headers_are_no_answer() {
    house_with(NEARBY, async |app| {
        let many: &'static str =
            (0..10_000).map(|n| format!("X-Header-{n}: {}\r\n", "x".repeat(50))).collect::<String>().leak();
        let receiver = Receiver::start(vec![Reply::Answer(200, many, Vec::new())]).await;
        hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        assert_eq!(states(app).await, ["queued"]);
        assert_eq!(attempts(app).await[0].0, None);
    });
}

#[test]
fn what_looks_like_a_secret_in_an_answer_is_not_kept() {
    house_with(NEARBY, async |app| {
        let answer = Reply::text("bad signature for key sx_live_9kzQ7xV9c4fT2mN8rY, sorry\0");
        let receiver = Receiver::start(vec![answer]).await;
        hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        assert_eq!(attempts(app).await[0].2.as_deref(), Some("bad signature for key […], sorry"));
    });
}

/// The address was good when it was registered, and its name leads inside when it is dialled.
#[test]
fn a_name_that_leads_inside_later_is_not_dialled() {
    for inside in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "127.0.0.2", "64:ff9b::7f00:1"] {
        let names = Names::flipping(vec![vec!["8.8.8.8"], vec![inside]]);
        house_calling(calling(Reach::Public, names), async |app| {
            let receiver = Receiver::start(vec![Reply::text("ok")]).await;
            registered(app, &format!("https://hook.example:{}/", receiver.port), &["product.*"]).await;
            happens(app).await;
            app.settle().await;
            let blocked = "the address is not on the open internet";
            assert_eq!(attempts(app).await, [(None, Some(blocked.to_owned()), None)], "{inside}");
            assert_eq!(receiver.connections(), 0, "{inside}");
        });
    }
}

/// Registered while development was allowed, or written into the table by whatever means.
#[test]
fn a_hostile_address_that_is_stored_all_the_same_is_not_dialled() {
    house_calling(calling(Reach::Public, Names::none()), async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        registered(app, "https://hook.example/", &["product.*"]).await;
        let mut db = app.db().await;
        let port = receiver.port;
        let forms = [
            format!("http://127.0.0.1:{port}/"),
            format!("https://127.0.0.1:{port}/"),
            format!("http://localhost:{port}/"),
            format!("http://[::ffff:127.0.0.1]:{port}/"),
            format!("http://2130706433:{port}/"),
            format!("http://0x7f.1:{port}/"),
            format!("http://user@127.0.0.1:{port}/"),
            format!("//127.0.0.1:{port}/"),
            "file:///etc/passwd".to_owned(),
        ];
        for url in &forms {
            let set = sqlx::query("update webhook_endpoints set url = $1, failing_since = null").bind(url);
            set.execute(&mut db).await.unwrap();
            happens(app).await;
            app.settle().await;
        }
        let blocked = (None, Some("the address is not on the open internet".to_owned()), None);
        assert_eq!(attempts(app).await, vec![blocked; forms.len()]);
        assert_eq!(receiver.connections(), 0);
    });
}
