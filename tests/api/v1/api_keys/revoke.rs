use chrono::Duration;
use serde_json::json;

use super::{EVERY_ABILITY, minted, secret};
use crate::house::{TestApp, house, product_body};
use crate::v1::id;

/// A well-formed merchant key that nobody ever minted.
fn unknown_key() -> String {
    use keyhouse::kit::secret::{Kind, mint, reveal};
    use rand::SeedableRng;
    reveal(&mint(Kind::MerchantLive, &mut rand::rngs::ChaCha20Rng::seed_from_u64(99)).secret)
}

async fn revoke(app: &TestApp, key: &serde_json::Value) {
    app.merchant().delete(&format!("/v1/api-keys/{}", id(key))).await.is(200);
}

#[test]
fn a_revocation_names_the_key() {
    house(async |app| {
        let key = minted(&app.merchant(), &["orders:read"]).await;
        let answer = app.merchant().delete(&format!("/v1/api-keys/{}", id(&key))).await;
        assert_eq!(*answer.is(200).json(), json!({ "id": key["id"], "revoked": true }));
    });
}

#[test]
fn a_revoked_key_is_answered_as_an_unknown_one() {
    house(async |app| {
        let key = minted(&app.merchant(), &["orders:read"]).await;
        revoke(app, &key).await;
        let revoked = app.bearer(secret(&key)).get("/v1/orders").await;
        let unknown = app.bearer(unknown_key()).get("/v1/orders").await;
        insta::assert_json_snapshot!(revoked.is(401).masked(), @r#"
        {
          "detail": "The credential is not valid here.",
          "request_id": "[request_id]",
          "status": 401,
          "title": "Missing or invalid credential",
          "type": "unauthenticated"
        }
        "#);
        assert_eq!(revoked.masked(), unknown.is(401).masked());
        assert_eq!(revoked.header("www-authenticate"), Some("Bearer"));
    });
}

#[test]
fn a_revoked_key_writes_nothing() {
    house(async |app| {
        let key = minted(&app.merchant(), &["products:write"]).await;
        revoke(app, &key).await;
        app.bearer(secret(&key)).post("/v1/products", product_body("Late")).await.is(401);
        assert!(app.events().await.is_empty());
    });
}

#[test]
fn a_revoked_key_replays_nothing() {
    house(async |app| {
        let key = minted(&app.merchant(), &["products:write"]).await;
        let caller = app.bearer(secret(&key)).idempotent("p-1");
        caller.post("/v1/products", product_body("Studio Pro")).await.is(201);
        revoke(app, &key).await;
        caller.post("/v1/products", product_body("Studio Pro")).await.is(401);
    });
}

#[test]
fn revoking_twice_keeps_the_first_date() {
    house(async |app| {
        let key = minted(&app.merchant(), &["orders:read"]).await;
        revoke(app, &key).await;
        app.advance(Duration::days(1));
        revoke(app, &key).await;
        let list = app.merchant().get("/v1/api-keys").await;
        assert_eq!(list.json()["data"][0]["revoked_at"], "2026-05-26T07:18:03Z");
    });
}

#[test]
fn a_key_may_revoke_itself() {
    house(async |app| {
        let key = minted(&app.merchant(), EVERY_ABILITY).await;
        let own = app.bearer(secret(&key));
        own.delete(&format!("/v1/api-keys/{}", id(&key))).await.is(200);
        own.get("/v1/orders").await.is(401);
    });
}

#[test]
fn revoking_one_key_leaves_the_others() {
    house(async |app| {
        let gone = minted(&app.merchant(), &["orders:read"]).await;
        let stays = minted(&app.merchant(), &["orders:read"]).await;
        revoke(app, &gone).await;
        app.bearer(secret(&stays)).get("/v1/orders").await.is(200);
    });
}

#[test]
fn a_live_key_revokes_a_test_key() {
    house(async |app| {
        let key = minted(&app.test_merchant(), &["orders:read"]).await;
        revoke(app, &key).await;
        app.bearer(secret(&key)).get("/v1/orders").await.is(401);
    });
}

#[test]
fn a_test_key_cannot_revoke_a_live_one() {
    house(async |app| {
        let key = minted(&app.merchant(), &["orders:read"]).await;
        app.test_merchant().delete(&format!("/v1/api-keys/{}", id(&key))).await.is(404).is_problem("not_found");
        app.bearer(secret(&key)).get("/v1/orders").await.is(200);
    });
}

#[test]
fn another_shops_key_is_not_there() {
    house(async |app| {
        let other = app.another_shop().await;
        let key = minted(&app.merchant(), &["orders:read"]).await;
        app.bearer(&other.live).delete(&format!("/v1/api-keys/{}", id(&key))).await.is(404);
        app.bearer(secret(&key)).get("/v1/orders").await.is(200);
    });
}

#[test]
fn a_developer_key_is_not_there() {
    house(async |app| {
        let me = app.developer().get("/dev/v1/me").await;
        let key = me.is(200).json()["data"]["auth"]["key_id"].as_str().unwrap().to_owned();
        app.merchant().delete(&format!("/v1/api-keys/{key}")).await.is(404);
        app.developer().get("/dev/v1/me").await.is(200);
    });
}
