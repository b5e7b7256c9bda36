//! Endpoints come, are listed, and go.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use keyhouse::domain::outbox::endpoints::ENDPOINTS_MAX;
use serde_json::{Value, json};

use super::{listed, path, registered};
use crate::house::{house, house_with};

#[test]
fn an_endpoint_is_registered_and_shows_its_secret_once() {
    house(async |app| {
        let body = json!({
            "url": "https://Shop.example/hooks?of=acme", "events": ["order.paid", "payout.*"], "description": "the till",
        });
        let made = app.test_merchant().post("/v1/webhooks", body).await.is(201).json().clone();
        assert!(made["id"].as_str().unwrap().starts_with("wh_"));
        let secret = made["signing_secret"].as_str().unwrap();
        let bytes = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(bytes.len(), 32);
        let mut shown = made.clone();
        shown.as_object_mut().unwrap().remove("signing_secret");
        assert_eq!(
            shown,
            json!({
                "id": made["id"], "url": "https://shop.example/hooks?of=acme", "events": ["order.paid", "payout.*"],
                "description": "the till", "status": "active", "disabled_reason": null,
                "created_at": "2026-05-26T07:18:03Z",
            })
        );
        assert_eq!(listed(app, &made).await, shown);
    });
}

#[test]
fn a_secret_lies_sealed_and_nowhere_else() {
    house(async |app| {
        let made = registered(app, "https://hook.example/", &["*"]).await;
        let secret = made["signing_secret"].as_str().unwrap();
        let sealed: Vec<u8> =
            sqlx::query_scalar("select secret from webhook_endpoints").fetch_one(&mut app.db().await).await.unwrap();
        assert!(!sealed.windows(12).any(|some| some == &secret.as_bytes()[6..18]));
        let quoted: i64 = sqlx::query_scalar(
            "select (select count(*) from webhook_endpoints t where t::text like '%whsec_%')
                  + (select count(*) from idempotency t where t::text like '%whsec_%')",
        )
        .fetch_one(&mut app.db().await)
        .await
        .unwrap();
        assert_eq!(quoted, 0);
    });
}

#[test]
fn an_endpoint_that_is_deleted_is_gone() {
    house(async |app| {
        let made = registered(app, "https://hook.example/", &["*"]).await;
        let answer = app.test_merchant().delete(&path(&made, "")).await;
        assert_eq!(*answer.is(200).json(), json!({ "id": made["id"], "deleted": true }));
        assert_eq!(listed(app, &made).await, Value::Null);
        for verb in ["/enable", "/test"] {
            app.test_merchant().post(&path(&made, verb), json!({})).await.is(404);
        }
    });
}

#[test]
fn an_active_endpoint_that_is_enabled_stays_as_it_is() {
    house(async |app| {
        let made = registered(app, "https://hook.example/", &["*"]).await;
        let before = listed(app, &made).await;
        let answer = app.test_merchant().post(&path(&made, "/enable"), json!({})).await;
        assert_eq!(*answer.is(200).json(), before);
    });
}

#[test]
fn a_shop_has_so_many_endpoints_and_no_more() {
    house_with("rate_limits = \"off\"", async |app| {
        for _ in 0..ENDPOINTS_MAX {
            registered(app, "https://hook.example/", &["payout.failed"]).await;
        }
        let body = json!({ "url": "https://hook.example/", "events": ["*"] });
        app.test_merchant().post("/v1/webhooks", body.clone()).await.is(422).blames("url");
        app.merchant().post("/v1/webhooks", body).await.is(201); // another shop counts for itself
    });
}
