//! `/docs/webhooks`: every topic that is ever written down, with its sample.

use std::collections::BTreeSet;

use keyhouse::domain::outbox::Event;
use keyhouse::domain::outbox::body::{data, is_told_to_v1};
use keyhouse::domain::outbox::endpoints::{NAMES, WILDCARDS};
use serde_json::Value;

use crate::house::house;

#[test]
fn every_topic_is_on_the_page_with_its_meaning_and_its_payload() {
    house(async |app| {
        let mut page = app.browse().await;
        page.open("/docs/webhooks").await;
        for event in Event::samples() {
            let section = format!("[id='{}']", event.topic());
            let text = page.text(&section).await;
            assert!(text.contains(&event.meaning().replace('`', "")), "{text}");
            let payload = page.text(&format!("{section} pre")).await;
            let payload: Value = serde_json::from_str(&payload).unwrap();
            let stored = serde_json::to_value(&event).unwrap();
            if is_told_to_v1(event.topic()) {
                assert_eq!(payload["type"], event.topic());
                assert_eq!(payload["data"], data(event.topic(), &stored));
            } else {
                assert_eq!(payload, stored);
            }
        }
        page.is_clean().await;
    });
}

#[test]
fn the_page_names_what_may_be_subscribed_to() {
    house(async |app| {
        let mut page = app.browse().await;
        page.open("/docs/webhooks").await;
        let text = page.text("#subscribe").await;
        for name in NAMES.iter().chain(WILDCARDS) {
            assert!(text.contains(name), "{name}: {text}");
        }
        page.is_clean().await;
    });
}

#[test]
fn a_topic_is_named_once_and_in_order() {
    let topics: Vec<&str> = Event::samples().iter().map(Event::topic).collect();
    let sorted: BTreeSet<&str> = topics.iter().copied().collect();
    assert_eq!(topics, sorted.into_iter().collect::<Vec<_>>());
}

#[test]
fn what_a_sale_writes_down_looks_like_its_samples() {
    house(async |app| {
        let product = app.stocked(&["AAAA-1111"]).await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        let written: Vec<(String, Value)> =
            sqlx::query_as("select topic, payload from events").fetch_all(&mut app.db().await).await.unwrap();
        assert!(written.len() > 3);
        for (topic, payload) in written {
            let sample = Event::samples().into_iter().find(|event| event.topic() == topic).unwrap();
            let sample = serde_json::to_value(sample).unwrap();
            let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(members(&payload), members(&sample), "{topic}");
        }
    });
}
