//! Who hangs delays nobody else, and nobody's stop.

use std::sync::Arc;

use keyhouse::worker;
use serde_json::json;
use tokio::sync::watch;

use super::{bought_of, product_at, seen};
use crate::house::actor::Actor;
use crate::house::house_calling;
use crate::house::receiver::{Receiver, Reply, hasty};

/// Long enough for everything else to happen meanwhile.
const HANG_MS: u64 = 5_000;

#[test]
fn one_shop_that_hangs_has_two_calls_out_and_another_shop_is_served() {
    house_calling(hasty(HANG_MS), async |app| {
        let silent = Receiver::start(vec![Reply::Silence]).await;
        let prompt = Receiver::start(vec![Reply::text("goods")]).await;
        let hanging = product_at(app, &silent.url()).await;
        for _ in 0..5 {
            bought_of(app, &hanging).await;
        }
        let other = app.another_shop().await;
        let merchant = Actor::new(app, Some(other.live.clone()));
        let product = merchant
            .post(
                "/v1/products",
                json!({
                    "name": "Prompt", "type": "dynamic", "price_cents": 0, "currency": "USD",
                    "dynamic_webhook": prompt.url(),
                }),
            )
            .await;
        let cart = json!({
            "shop": other.row.slug, "mode": "live", "email": "bea@example.com",
            "items": [{ "product_id": product.is(201).json()["id"], "quantity": 1 }],
        });
        let session = app.stranger().post("/checkout/v1/sessions", cart).await.is(201).json().clone();

        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(worker::run(Arc::clone(&app.app), stopping));
        silent.was_asked(2).await;
        prompt.was_asked(1).await;
        while seen(app, &session).await["status"] != "completed" {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(silent.asked().len(), 2);

        // A stop lets both calls end, and starts none of those that wait.
        stop.send(true).unwrap();
        running.await.unwrap();
        assert_eq!(silent.asked().len(), 2);
        let states: Vec<String> = sqlx::query_scalar("select state from dynamic_calls order by state")
            .fetch_all(&mut app.db().await)
            .await
            .unwrap();
        assert_eq!(states, ["delivered", "failed", "failed", "queued", "queued", "queued"]);
        sqlx::query("update dynamic_calls set state = 'cancelled' where state = 'queued'")
            .execute(&mut app.db().await)
            .await
            .unwrap();
    });
}
