//! `/docs/webhooks`: every topic that is ever written down, with its sample.

use std::collections::BTreeSet;

use keyhouse::domain::outbox::Event;
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
            assert_eq!(payload, serde_json::to_value(&event).unwrap());
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
