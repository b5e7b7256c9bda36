//! How much a key, or a visitor, may ask in a minute (R2). The clock stands still, so every count is exact.

use chrono::Duration;
use serde_json::json;

use crate::house::actor::Answer;
use crate::house::{TestApp, house, house_with, product_body};

const FEW: &str = "[limits]\nreads = 3\nwrites = 3\nvisitors = 3";

/// The three figures that every answer carries.
#[track_caller]
fn figures(answer: &Answer) -> [u64; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]
        .map(|name| answer.header(name).unwrap_or_else(|| panic!("{name}: {}", answer.text())).parse().unwrap())
}

async fn obey(app: &TestApp, answer: &Answer) {
    let seconds: i64 = answer.header("retry-after").unwrap().parse().unwrap();
    app.advance(Duration::seconds(seconds));
}

#[test]
fn the_121st_write_in_a_minute_is_refused_until_its_time() {
    house(async |app| {
        for i in 0..120 {
            assert_ne!(app.merchant().delete("/v1/products/x").await.status, 429, "{i}");
        }
        let refused = app.merchant().post("/v1/products", product_body("Studio Pro")).await;
        insta::assert_json_snapshot!(refused.is(429).masked(), @r#"
        {
          "detail": "Try again in 61 s.",
          "request_id": "[request_id]",
          "status": 429,
          "title": "Too many requests",
          "type": "rate_limited"
        }
        "#);
        assert!(app.events().await.is_empty());
        obey(app, &refused).await;
        app.merchant().post("/v1/products", product_body("Studio Pro")).await.is(201);
    });
}

#[test]
fn the_601st_read_in_a_minute_is_refused_until_its_time() {
    house(async |app| {
        for i in 0..600 {
            assert_ne!(app.merchant().get("/v1/products/x").await.status, 429, "{i}");
        }
        let refused = app.merchant().get("/v1/products").await;
        refused.is(429).is_problem("rate_limited");
        obey(app, &refused).await;
        app.merchant().get("/v1/products").await.is(200);
    });
}

#[test]
fn figures_count_down() {
    house_with(FEW, async |app| {
        for remaining in [2, 1, 0] {
            let answer = app.merchant().get("/v1/products").await;
            assert_eq!(figures(answer.is(200))[..2], [3, remaining]);
        }
        assert_eq!(figures(app.merchant().get("/v1/products").await.is(429))[..2], [3, 0]);
    });
}

#[test]
fn no_minute_holds_more_than_the_limit() {
    house_with(FEW, async |app| {
        for _ in 0..3 {
            app.merchant().get("/v1/products").await.is(200);
            app.advance(Duration::seconds(20));
        }
        app.advance(Duration::milliseconds(-1));
        app.merchant().get("/v1/products").await.is(429);
    });
}

#[test]
fn a_refused_request_costs_nothing() {
    house_with(FEW, async |app| {
        for _ in 0..3 {
            app.merchant().get("/v1/products").await.is(200);
        }
        let first = app.merchant().get("/v1/products").await;
        for _ in 0..10 {
            app.merchant().get("/v1/products").await.is(429);
        }
        obey(app, &first).await;
        app.merchant().get("/v1/products").await.is(200);
    });
}

#[test]
fn reads_and_writes_are_counted_apart() {
    house_with(FEW, async |app| {
        for _ in 0..4 {
            app.merchant().delete("/v1/products/x").await;
        }
        app.merchant().delete("/v1/products/x").await.is(429);
        app.merchant().get("/v1/products").await.is(200);
    });
}

#[test]
fn each_key_is_counted_by_itself() {
    house_with(FEW, async |app| {
        for _ in 0..4 {
            app.merchant().get("/v1/products").await;
        }
        app.merchant().get("/v1/products").await.is(429);
        app.test_merchant().get("/v1/products").await.is(200);
        app.merchant_with(&["products:read"]).await.get("/v1/products").await.is(200);
    });
}

#[test]
fn visitors_of_the_checkout_are_counted_by_address() {
    house_with(FEW, async |app| {
        let body = json!({});
        for _ in 0..3 {
            app.stranger().post("/checkout/v1/sessions", body.clone()).await.is(400);
        }
        let refused = app.stranger().post("/checkout/v1/sessions", body.clone()).await;
        refused.is(429).is_problem("rate_limited");
        let spoofed = app.stranger().header("x-forwarded-for", "203.0.113.9").header("forwarded", "for=203.0.113.9");
        spoofed.post("/checkout/v1/sessions", body.clone()).await.is(429);
        app.merchant().get("/v1/products").await.is(200);
        obey(app, &refused).await;
        app.stranger().post("/checkout/v1/sessions", body).await.is(400);
    });
}

#[test]
fn who_has_no_usable_key_is_counted_by_address() {
    house_with(FEW, async |app| {
        let guesses = [app.stranger(), app.bearer("sx_live_guess"), app.bearer("guess"), app.bearer("one more")];
        for (guess, remaining) in guesses.iter().zip([2, 1, 0, 0]) {
            let answer = guess.get("/v1/products").await;
            assert_eq!(figures(answer.is(401))[..2], [3, remaining]);
        }
        app.stranger().post("/checkout/v1/sessions", json!({})).await.is(429);
    });
}

#[test]
fn every_answer_says_how_much_is_left() {
    house(async |app| {
        let narrow = app.merchant_with(&["orders:read"]).await;
        let keyed = app.merchant().idempotent("k");
        for (status, answer) in [
            (200, app.merchant().get("/v1/products").await),
            (201, keyed.post("/v1/products", product_body("Studio Pro")).await),
            (400, app.merchant().get("/v1/products?limit=1&limit=1").await),
            (401, app.stranger().get("/v1/products").await),
            (401, app.stranger().get("/checkout/v1/sessions/x").await),
            (403, narrow.get("/v1/products").await),
            (404, app.merchant().get("/v1/products/x").await),
            (405, app.merchant().delete("/v1/products").await),
            (409, keyed.post("/v1/products", product_body("Other")).await),
            (413, app.merchant().header("content-length", "9999999").post("/v1/products", json!({})).await),
            (415, app.merchant().header("content-type", "text/plain").post("/v1/products", json!({})).await),
            (422, app.merchant().get("/v1/products?limit=0").await),
        ] {
            let [limit, remaining, reset] = figures(answer.is(status));
            assert!(remaining < limit && (1..=61).contains(&reset), "{status}: {limit} {remaining} {reset}");
            assert_eq!(answer.header("x-ratelimit-limit"), None);
        }
    });
}

#[test]
fn limits_can_be_switched_off() {
    house_with("rate_limits = \"off\"\n[limits]\nreads = 1", async |app| {
        for _ in 0..3 {
            let answer = app.merchant().get("/v1/products").await;
            assert_eq!(answer.is(200).header("ratelimit-limit"), None);
        }
    });
}
