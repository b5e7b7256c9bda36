//! What an answer makes of an item.

use super::{bought, call, is_failed, seen};
use crate::house::receiver::{Receiver, Reply, hasty};
use crate::house::{house_calling, house_with};

const NEARBY: &str = "allow_private_webhooks = true";

#[test]
fn what_the_webhook_answers_is_what_the_buyer_gets() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("user: ada\npassword: ünïcode\n")]).await;
        let session = bought(app, &receiver).await;
        assert_eq!(seen(app, &session).await["status"], "delivering");
        app.settle().await;
        let after = seen(app, &session).await;
        assert_eq!(after["status"], "completed");
        assert_eq!(after["items"][0]["text"], "user: ada\npassword: ünïcode");
        let mails = app.mails();
        assert_eq!(mails.len(), 2, "the receipt, and the goods");
        assert!(mails[1].contains("user: ada"), "{}", mails[1]);
        assert_eq!(receiver.asked().len(), 1);
        assert_eq!(call(app).await, ("delivered".into(), None));
    });
}

#[test]
fn any_success_with_a_body_will_do_and_json_stays_as_it_was_written() {
    house_with(NEARBY, async |app| {
        let json = br#"{ "user": "ada",  "n": 1.0 }"#.to_vec();
        let receiver = Receiver::start(vec![Reply::Answer(201, "Content-Type: application/json\r\n", json)]).await;
        let session = bought(app, &receiver).await;
        app.settle().await;
        assert_eq!(seen(app, &session).await["items"][0]["text"], r#"{ "user": "ada",  "n": 1.0 }"#);
    });
}

#[test]
fn the_goods_lie_sealed_and_nowhere_else() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("S3CRET-GOODS")]).await;
        bought(app, &receiver).await;
        app.settle().await;
        let sealed: Vec<u8> = sqlx::query_scalar("select goods from order_items where goods is not null")
            .fetch_one(&mut app.db().await)
            .await
            .unwrap();
        assert!(!sealed.windows(6).any(|six| six == b"S3CRET"));
        let written: i64 = sqlx::query_scalar(
            "select (select count(*) from dynamic_calls t where t::text like '%S3CRET%')
                  + (select count(*) from events t where t::text like '%S3CRET%')
                  + (select count(*) from mails t where t::text like '%S3CRET%')",
        )
        .fetch_one(&mut app.db().await)
        .await
        .unwrap();
        assert_eq!(written, 0);
    });
}

#[test]
fn an_answer_without_goods_is_a_failure_and_is_not_asked_for_again() {
    for (reply, reason) in [
        (Reply::status(500), "answered 500"),
        (Reply::status(404), "answered 404"),
        (Reply::Answer(200, "", Vec::new()), "with nothing"),
        (Reply::Answer(204, "", Vec::new()), "with nothing"),
        (Reply::text(" \r\n\t "), "with nothing"),
        (Reply::Answer(200, "", b"caf\xe9".to_vec()), "not UTF-8"),
        (Reply::text("AAAA\0BBBB"), "control characters"),
        (Reply::text(&"x".repeat(64 * 1024 + 1)), "more than 65536 bytes"),
        (Reply::Answer(200, "Content-Encoding: gzip\r\n", vec![0x1f, 0x8b, 8, 0]), "not UTF-8"),
    ] {
        house_with(NEARBY, async |app| {
            let receiver = Receiver::start(vec![reply.clone(), Reply::text("too late")]).await;
            let session = bought(app, &receiver).await;
            app.settle().await;
            app.advance(chrono::Duration::days(1));
            app.settle().await;
            is_failed(call(app).await, &seen(app, &session).await, reason);
            assert_eq!(receiver.asked().len(), 1, "{reason}");
        });
    }
}

#[test]
fn a_redirect_is_not_followed() {
    house_with(NEARBY, async |app| {
        let target = Receiver::start(vec![Reply::text("goods of another address")]).await;
        let location: &'static str = format!("Location: {}\r\n", target.url()).leak();
        for status in [301, 302, 303, 307, 308] {
            let receiver = Receiver::start(vec![Reply::Answer(status, location, Vec::new())]).await;
            let session = bought(app, &receiver).await;
            app.settle().await;
            assert_eq!(seen(app, &session).await["status"], "delivering", "{status}");
            assert_eq!(receiver.asked().len(), 1, "{status}");
        }
        assert_eq!(target.connections(), 0);
    });
}

#[test]
fn an_answer_that_never_ends_is_read_up_to_the_limit_and_no_further() {
    const HUNDRED_MB: usize = 100 * 1024 * 1024;
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::Flood(HUNDRED_MB)]).await;
        let session = bought(app, &receiver).await;
        app.settle().await;
        is_failed(call(app).await, &seen(app, &session).await, "more than 65536 bytes");
        // What the kernel keeps in its buffers was sent, and read by nobody.
        let taken = receiver.flooded();
        assert!(taken > 0 && taken < HUNDRED_MB / 8, "{taken} bytes were taken");
    });
}

#[test]
fn whoever_does_not_answer_in_time_has_not_delivered() {
    house_calling(hasty(200), async |app| {
        let receiver = Receiver::start(vec![Reply::Silence]).await;
        let session = bought(app, &receiver).await;
        app.settle().await;
        is_failed(call(app).await, &seen(app, &session).await, "in time");
        assert_eq!(receiver.asked().len(), 1);
    });
}

#[test]
fn a_body_that_drips_for_ever_has_no_more_time_than_one_that_does_not_come() {
    house_calling(hasty(200), async |app| {
        // Promises a hundred bytes and sends five.
        let receiver = Receiver::start(vec![Reply::Broken("Content-Length: 100\r\n", b"AAAA-")]).await;
        let session = bought(app, &receiver).await;
        app.settle().await;
        is_failed(call(app).await, &seen(app, &session).await, "in time");
    });
}
