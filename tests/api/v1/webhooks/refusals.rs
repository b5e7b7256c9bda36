//! What no endpoint may be (promises WHK-9, catalogue rows 69 to 71).

use keyhouse::domain::outbox::endpoints::{NAMES, WILDCARDS};
use keyhouse::kit::web_address::Reach;
use serde_json::{Value, json};

use super::{path, registered};
use crate::house::receiver::{Names, Receiver, Reply, calling};
use crate::house::{TestApp, house, house_calling, house_with};
use crate::kit::web_address::hostile;

async fn count(app: &TestApp) -> i64 {
    sqlx::query_scalar("select count(*) from webhook_endpoints").fetch_one(&mut app.db().await).await.unwrap()
}

#[test]
fn no_hostile_form_of_an_address_is_registered() {
    house_with("rate_limits = \"off\"", async |app| {
        let forms = hostile();
        assert!(forms.len() >= 200);
        for url in forms {
            let answer = app.merchant().post("/v1/webhooks", json!({ "url": url, "events": ["*"] })).await;
            answer.is(422).blames("url");
        }
        assert_eq!(count(app).await, 0);
    });
}

#[test]
fn a_name_that_leads_inside_is_not_registered() {
    for inside in [&["127.0.0.1"][..], &["169.254.169.254"], &["10.0.0.1", "192.168.1.1"], &["::1"], &["fd00:ec2::254"]]
    {
        let names = Names::flipping(vec![inside.to_vec()]);
        house_calling(calling(Reach::Public, names), async |app| {
            let body = json!({ "url": "https://hook.example/", "events": ["*"] });
            app.merchant().post("/v1/webhooks", body).await.is(422).blames("url");
            assert_eq!(count(app).await, 0, "{inside:?}");
        });
    }
}

#[test]
fn a_repetition_is_answered_as_before_wherever_the_name_leads_by_now() {
    let names = Names::flipping(vec![vec!["8.8.8.8"], vec!["127.0.0.1"]]);
    house_calling(calling(Reach::Public, names), async |app| {
        let merchant = app.test_merchant().idempotent("once");
        let body = json!({ "url": "https://hook.example/", "events": ["payout.failed"] });
        let first = merchant.post("/v1/webhooks", body.clone()).await;
        let second = merchant.post("/v1/webhooks", body.clone()).await;
        assert_eq!(first.is(201).bytes, second.is(201).bytes);
        app.test_merchant().post("/v1/webhooks", body).await.is(422).blames("url");
    });
}

#[test]
fn a_name_that_leads_outside_too_or_nowhere_yet_is_registered() {
    for found in [vec![vec!["8.8.8.8"]], vec![vec!["10.0.0.1", "8.8.8.8"]], vec![]] {
        house_calling(calling(Reach::Public, Names::flipping(found)), async |app| {
            registered(app, "https://hook.example/", &["payout.failed"]).await;
        });
    }
}

#[test]
fn a_name_that_is_changed_after_it_was_registered_is_not_dialled_by_a_test_either() {
    let names = Names::flipping(vec![vec!["8.8.8.8"], vec!["127.0.0.1"], vec!["::ffff:127.0.0.1"], vec!["0.0.0.0"]]);
    house_calling(calling(Reach::Public, names), async |app| {
        let inside = Receiver::start(vec![Reply::text("S3CRET of the inside")]).await;
        let made = registered(app, &format!("https://hook.example:{}/", inside.port), &["payout.failed"]).await;
        for _ in 0..3 {
            let answer = app.test_merchant().post(&path(&made, "/test"), json!({})).await;
            assert_eq!(answer.is(200).json()["delivered"], false);
            assert_eq!(answer.json()["error"], "the address is not on the open internet");
        }
        assert_eq!(inside.connections(), 0);
    });
}

#[test]
fn http_and_this_machine_are_for_development() {
    let nearby = |port: u16| json!({ "url": format!("http://127.0.0.1:{port}/"), "events": ["payout.failed"] });
    house(async |app| {
        app.merchant().post("/v1/webhooks", nearby(8_080)).await.is(422).blames("url");
    });
    house_with("allow_private_webhooks = true", async |app| {
        app.merchant().post("/v1/webhooks", nearby(8_080)).await.is(201);
        app.merchant().post("/v1/webhooks", nearby(22)).await.is(422).blames("url");
    });
}

#[test]
fn events_are_known_and_named_once() {
    house_with("rate_limits = \"off\"", async |app| {
        let many = vec!["order.paid"; 10_000];
        let all: Vec<&str> = NAMES.iter().chain(WILDCARDS).copied().collect();
        for events in [
            json!([]),
            json!(["order.shipped"]),
            json!(["order.*"]),
            json!(["order:paid"]),
            json!(["license:created"]),
            json!([""]),
            json!(["order.paid", "order.paid"]),
            json!(many),
            json!("order.paid"),
            json!({ "order.paid": true }),
        ] {
            let body = json!({ "url": "https://hook.example/", "events": events });
            app.merchant().post("/v1/webhooks", body).await.is(422).blames("events");
        }
        for events in [json!([1]), json!([null])] {
            let body = json!({ "url": "https://hook.example/", "events": events });
            app.merchant().post("/v1/webhooks", body).await.is(422);
        }
        for absent in [json!({ "url": "https://hook.example/" }), json!({ "events": ["*"] }), json!({})] {
            app.merchant().post("/v1/webhooks", absent).await.is(400).is_problem("invalid_request");
        }
        assert_eq!(count(app).await, 0);
        let body = json!({ "url": "https://hook.example/", "events": all });
        app.merchant().post("/v1/webhooks", body).await.is(201);
    });
}

#[test]
fn a_recovery_reaches_back_thirty_days_and_never_ahead() {
    house(async |app| {
        let made = registered(app, "https://hook.example/", &["payout.failed"]).await;
        let recover = async |since: Value| {
            let body = json!({ "since": since });
            app.test_merchant().post(&path(&made, "/recover"), body).await
        };
        let at = |days: i64, seconds: i64| {
            json!(app.now() - chrono::Duration::days(days) - chrono::Duration::seconds(seconds))
        };
        recover(at(30, 0)).await.is(200);
        recover(json!("2026-05-01")).await.is(200);
        for wrong in [at(30, 1), at(0, -1), json!("yesterday"), json!(1_779_779_883), json!("2026-05-26T07:00:00")] {
            recover(wrong).await.is(422).blames("since");
        }
        recover(Value::Null).await.is(400);
    });
}

#[test]
fn a_test_names_an_event_that_has_a_sample() {
    house(async |app| {
        let made = registered(app, "https://hook.example/", &["payout.failed"]).await;
        for event in [json!("*"), json!("product.*"), json!("license:created"), json!("order.shipped"), json!(7)] {
            let body = json!({ "event": event });
            app.test_merchant().post(&path(&made, "/test"), body).await.is(422).blames("event");
        }
    });
}
