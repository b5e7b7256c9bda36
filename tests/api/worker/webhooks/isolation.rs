//! Who hangs delays nobody else, and nobody's stop (promises WHK-5).

use std::sync::Arc;

use keyhouse::worker;
use tokio::sync::watch;

use super::{happens, hears};
use crate::house::house_calling;
use crate::house::receiver::{Receiver, Reply, hasty};

/// Longer than anything takes that ends by itself.
const HANG_MS: u64 = 60_000;
const EVENTS: usize = 40;

#[test]
fn an_endpoint_that_hangs_has_a_few_attempts_out_and_its_neighbour_is_served() {
    house_calling(hasty(HANG_MS), async |app| {
        let silent = Receiver::start(vec![Reply::Late("ok")]).await;
        let prompt = Receiver::start(vec![Reply::text("ok")]).await;
        hears(app, &silent).await;
        hears(app, &prompt).await;
        for _ in 0..EVENTS {
            happens(app).await;
        }
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(worker::run(Arc::clone(&app.app), stopping));
        prompt.was_asked(EVENTS).await;
        silent.was_asked(16).await;
        assert_eq!(silent.asked().len(), 16, "no more of one endpoint at once");

        // A stop lets the attempts under way end, and starts none of those that wait.
        stop.send(true).unwrap();
        (0..16).for_each(|_| silent.go_on());
        running.await.unwrap();
        assert_eq!((silent.asked().len(), prompt.asked().len()), (16, EVENTS));
        let counts: (i64, i64) = sqlx::query_as(
            "select count(*) filter (where state = 'delivered'), count(*) filter (where attempt = 0) from webhook_deliveries",
        )
        .fetch_one(&mut app.db().await)
        .await
        .unwrap();
        assert_eq!(counts, (56, 24));
        sqlx::query("update webhook_deliveries set state = 'cancelled' where state = 'queued'")
            .execute(&mut app.db().await)
            .await
            .unwrap();
    });
}

/// What is known to fail is looked at two at a time, however much waits for it.
#[test]
fn an_endpoint_that_fails_is_tried_with_few_at_once() {
    house_calling(hasty(HANG_MS), async |app| {
        let receiver = Receiver::start(vec![Reply::status(500), Reply::Late("ok")]).await;
        hears(app, &receiver).await;
        happens(app).await;
        app.settle().await;
        for _ in 0..10 {
            happens(app).await;
        }
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(worker::run(Arc::clone(&app.app), stopping));
        receiver.was_asked(3).await;
        assert_eq!(receiver.asked().len(), 3);
        stop.send(true).unwrap();
        (0..2).for_each(|_| receiver.go_on());
        running.await.unwrap();
        assert_eq!(receiver.asked().len(), 3);
        sqlx::query("update webhook_deliveries set state = 'cancelled' where state = 'queued'")
            .execute(&mut app.db().await)
            .await
            .unwrap();
    });
}

/// Two processes: one commits, the other one delivers, woken or by itself.
#[test]
fn another_process_delivers_what_this_one_commits() {
    house_calling(hasty(HANG_MS), async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        hears(app, &receiver).await;
        let settings = [("KEYHOUSE_ALLOW_PRIVATE_WEBHOOKS", "true")];
        let server = crate::show::serve(app, &settings);
        happens(app).await;
        receiver.was_asked(1).await;
        assert_eq!(server.terminate(std::time::Duration::from_secs(30)), Some(0));
    });
}
