//! What one key, one address and one shop may ask in a minute (R2), and what is kept of the rest (R33).

use serde_json::json;

use super::{license, trail, validate};
use crate::house::{TestApp, house_with};

async fn throttled(app: &TestApp) -> i64 {
    let sum = "select coalesce(sum(attempts), 0) from license_events where type = 'THROTTLED'";
    sqlx::query_scalar(sum).fetch_one(&mut app.db().await).await.unwrap()
}

#[test]
fn one_license_is_asked_for_so_often_and_the_rest_is_counted() {
    house_with("[limits]\nvalidations = 3", async |app| {
        let (hot, other) = (license(app, json!({})).await, license(app, json!({})).await);
        for _ in 0..3 {
            validate(app, &hot, json!({})).await.is(200);
        }
        for _ in 0..5 {
            let refused = validate(app, &hot, json!({})).await;
            assert!(refused.is(429).has_code("RATE_LIMITED").header("retry-after").is_some());
            assert_eq!(refused.header("ratelimit-limit"), Some("3"));
        }
        validate(app, &other, json!({})).await.is(200);
        app.settle().await;
        let success = "VALIDATION_SUCCESS";
        assert_eq!(trail(app, &hot).await, ["CREATED", success, success, success, "THROTTLED"]);
        assert_eq!(throttled(app).await, 5);
    });
}

#[test]
fn an_unknown_key_is_limited_like_a_known_one() {
    house_with("[limits]\nvalidations = 2", async |app| {
        let license = license(app, json!({})).await;
        let unknown = json!({ "key": "nobody" });
        for _ in 0..2 {
            validate(app, &license, unknown.clone()).await.is(404);
        }
        validate(app, &license, unknown).await.is(429);
    });
}

#[test]
fn one_address_asks_so_often() {
    house_with("[limits]\nvalidators = 2", async |app| {
        let licenses = [license(app, json!({})).await, license(app, json!({})).await];
        for license in &licenses {
            validate(app, license, json!({})).await.is(200);
        }
        validate(app, &licenses[0], json!({})).await.is(429);
        app.settle().await;
        assert_eq!(throttled(app).await, 1);
    });
}

#[test]
fn too_many_failures_of_a_shop_stop_failures_alone() {
    house_with("[limits]\nvalidation_failures = 4", async |app| {
        let license = license(app, json!({})).await;
        for n in 0..4 {
            validate(app, &license, json!({ "key": format!("guess-{n}") })).await.is(404);
        }
        for n in 4..7 {
            validate(app, &license, json!({ "key": format!("guess-{n}") })).await.is(429);
        }
        validate(app, &license, json!({})).await.is(200);
        let rows = "select count(*) from license_events where type = 'VALIDATION_FAILED'";
        let rows: i64 = sqlx::query_scalar(rows).fetch_one(&mut app.db().await).await.unwrap();
        assert_eq!(rows, 4, "guessing fills no table");
        app.settle().await;
        assert_eq!(throttled(app).await, 3);
    });
}

#[test]
fn validations_count_in_no_other_limit() {
    house_with("[limits]\nwrites = 8\nreads = 3", async |app| {
        let license = license(app, json!({})).await;
        for _ in 0..20 {
            validate(app, &license, json!({})).await.is(200);
        }
        app.developer().get("/dev/v1/me").await.is(200);
    });
}
