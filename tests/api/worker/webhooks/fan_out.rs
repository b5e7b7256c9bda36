//! One event, one delivery for each endpoint that asks for it: written with the event, or not at all.

use keyhouse::domain::outbox::{self, CustomerFacts, Event};
use serde_json::json;
use sqlx::Connection as _;

use super::{NEARBY, deliveries, happens, sandbox, states};
use crate::house::receiver::{Receiver, Reply};
use crate::house::{TestApp, house, house_with, product_body};
use crate::v1::webhooks::{path, registered};

/// Topics that each receiver was sent, in any order.
fn heard(receiver: &Receiver) -> Vec<String> {
    let mut topics: Vec<_> =
        receiver.asked().iter().map(|asked| asked.header("x-event-type").unwrap().to_owned()).collect();
    topics.sort();
    topics
}

#[test]
fn each_endpoint_hears_what_it_asks_for() {
    house_with(NEARBY, async |app| {
        let words = [&["*"][..], &["product.*"], &["order.paid", "customer.created"], &["payout.*"]];
        let mut receivers = Vec::new();
        for events in words {
            let receiver = Receiver::start(vec![Reply::text("ok")]).await;
            registered(app, &receiver.url(), events).await;
            receivers.push(receiver);
        }
        let product = app.stocked(&["AAAA-1111"]).await;
        app.pay(&app.checkout(&product, 1).await).await;
        app.settle().await;
        let all = ["customer.created", "order.created", "order.delivered", "order.paid", "product.created"];
        assert_eq!(heard(&receivers[0]), all);
        assert_eq!(heard(&receivers[1]), ["product.created"]);
        assert_eq!(heard(&receivers[2]), ["customer.created", "order.paid"]);
        assert!(heard(&receivers[3]).is_empty());
        assert!(states(app).await.iter().all(|state| state == "delivered"));
    });
}

#[test]
fn a_wildcard_does_not_hear_of_topics_with_a_colon() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        registered(app, &receiver.url(), &["*"]).await;
        let mut db = app.db().await;
        let all = Event::samples();
        outbox::emit(&mut db, sandbox(app), &app.app.env, &all).await.unwrap();
        app.settle().await;
        let mut dotted: Vec<_> = all.iter().map(Event::topic).filter(|topic| topic.contains('.')).collect();
        dotted.sort_unstable();
        assert_eq!(heard(&receiver), dotted);
        assert!(dotted.len() < all.len());
    });
}

#[test]
fn the_other_mode_and_other_shops_hear_nothing() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        registered(app, &receiver.url(), &["*"]).await;
        app.merchant().post("/v1/products", product_body("Live")).await.is(201);
        let other = app.another_shop().await;
        app.bearer(other.test.clone()).post("/v1/products", product_body("Another's")).await.is(201);
        app.settle().await;
        assert!(deliveries(app).await.is_empty() && receiver.connections() == 0);
    });
}

#[test]
fn what_is_rolled_back_is_never_sent() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        registered(app, &receiver.url(), &["*"]).await;
        let mut db = app.db().await;
        let mut transaction = db.begin().await.unwrap();
        emit(app, &mut transaction).await;
        transaction.rollback().await.unwrap();
        app.settle().await;
        assert_eq!(receiver.connections(), 0);
        let mut transaction = db.begin().await.unwrap();
        emit(app, &mut transaction).await;
        app.settle().await; // nobody sees it yet
        assert_eq!(receiver.connections(), 0);
        transaction.commit().await.unwrap();
        app.settle().await;
        assert_eq!(receiver.asked().len(), 1);
    });
}

async fn emit(app: &TestApp, db: &mut sqlx::PgConnection) {
    let facts =
        CustomerFacts { id: uuid::Uuid::from_u128(7), email: "ada@example.com".into(), first_seen_at: app.now() };
    outbox::emit(db, sandbox(app), &app.app.env, &[Event::CustomerCreated(facts)]).await.unwrap();
}

#[test]
fn a_disabled_endpoint_is_not_written_to() {
    house(async |app| {
        let made = registered(app, "https://hook.example/", &["*"]).await;
        sqlx::query("update webhook_endpoints set status = 'disabled', disabled_reason = 'gone'")
            .execute(&mut app.db().await)
            .await
            .unwrap();
        happens(app).await;
        assert!(deliveries(app).await.is_empty());
        app.test_merchant().post(&path(&made, "/enable"), json!({})).await.is(200);
        happens(app).await;
        assert_eq!(deliveries(app).await.len(), 1);
    });
}
