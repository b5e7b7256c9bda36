//! What is sent.

use keyhouse::domain::customers::Customer;
use keyhouse::domain::orders::Order;
use keyhouse::domain::outbox::body::PREFIXES;
use keyhouse::domain::products::Product;
use keyhouse::kit::id::Entity;
use serde_json::{Value, json};

use super::NEARBY;
use crate::house::house_with;
use crate::house::receiver::{Asked, Receiver, Reply};
use crate::v1::webhooks::registered;

fn of<'a>(asked: &'a [Asked], topic: &str) -> &'a Asked {
    asked.iter().find(|asked| asked.header("x-event-type") == Some(topic)).expect(topic)
}

#[test]
fn an_order_is_told_as_v1_shows_it_and_holds_no_code() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        registered(app, &receiver.url(), &["*"]).await;
        let product = app.stocked(&["AAAA-1111-S3CRET"]).await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        app.settle().await;
        let asked = receiver.asked();
        let paid = of(&asked, "order.paid").json();
        let shown = app.test_merchant().get("/v1/orders").await.is(200).json()["data"][0].clone();
        let mut expected = shown.as_object().unwrap().clone();
        expected.insert("order_uuid".into(), shown["id"].clone());
        let (data, told) = (paid["data"].as_object().unwrap(), &paid);
        for (name, value) in &expected {
            assert!(name == "status" || &data[name] == value, "{name}: {told} and {shown}");
        }
        assert_eq!(data.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        assert!(asked.iter().all(|asked| !String::from_utf8_lossy(&asked.body).contains("S3CRET")));
    });
}

#[test]
fn products_and_customers_are_told_as_v1_names_them() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        registered(app, &receiver.url(), &["*"]).await;
        let product = app.stocked(&["AAAA-1111"]).await;
        app.checkout(&product, 1).await;
        app.settle().await;
        let asked = receiver.asked();
        let made = of(&asked, "product.created").json();
        assert_eq!(
            made["data"],
            json!({
                "id": product, "name": "Studio Pro", "slug": "studio-pro", "type": "license_key", "price_cents": 4900,
                "currency": "USD", "status": "active", "created_at": "2026-05-26T07:18:03Z",
            })
        );
        let customer = app.test_merchant().get("/v1/customers").await.is(200).json()["data"][0].clone();
        assert_eq!(
            of(&asked, "customer.created").json()["data"],
            json!({ "id": customer["id"], "email": "ada@example.com", "first_seen_at": "2026-05-26T07:18:03Z" })
        );
    });
}

#[test]
fn headers_repeat_what_the_body_says() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        registered(app, &receiver.url(), &["*"]).await;
        super::happens(app).await;
        app.settle().await;
        let asked = &receiver.asked()[0];
        assert!(asked.head.starts_with("POST /hook?of=acme HTTP/1.1"), "{}", asked.head);
        let body = asked.json();
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["data", "id", "type"]);
        let (id, now) = (body["id"].as_str().unwrap(), app.now().timestamp().to_string());
        assert!(id.starts_with("evt_") && id.len() == 30, "{id}");
        for (name, value) in [
            ("x-event-id", id),
            ("webhook-id", id),
            ("x-event-type", "product.created"),
            ("x-webhook-timestamp", &now),
            ("webhook-timestamp", &now),
            ("content-type", "application/json"),
            ("user-agent", "Sellix-Webhook/1.0"),
        ] {
            assert_eq!(asked.header(name), Some(value), "{name}");
        }
        assert!(asked.header("authorization").is_none() && asked.header("cookie").is_none());
    });
}

#[test]
fn prefixes_are_those_of_the_rooms() {
    let prefix = |kind: &str| PREFIXES.iter().find(|(name, _)| *name == kind).unwrap().1;
    assert_eq!(prefix("customer"), Customer::PREFIX);
    assert_eq!(prefix("order"), Order::PREFIX);
    assert_eq!(prefix("product"), Product::PREFIX);
}

/// The whole of what is ever sent comes of these, and none of them has a member for a secret.
#[test]
fn no_sample_has_a_place_for_a_secret() {
    for event in keyhouse::domain::outbox::Event::samples() {
        let sample = serde_json::to_value(&event).unwrap();
        let members: Vec<&String> = sample.as_object().unwrap().keys().collect();
        for word in ["code", "codes", "key", "license_key", "secret", "token", "serial", "password"] {
            assert!(!members.iter().any(|member| *member == word), "{}: {sample}", event.topic());
        }
        assert_ne!(sample, Value::Null);
    }
}
