//! Who am I, and what may I do.

use axum::http::Method;
use keyhouse::domain::keys::Surface;
use keyhouse::domain::shops::Mode;
use serde_json::json;

use crate::house::{house, house_with};

#[test]
fn me_is_the_shop_and_the_key() {
    house(async |app| {
        let answer = app.developer().get("/dev/v1/me").await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "data": {
            "auth": {
              "key_id": "[key_id]",
              "name": "live key",
              "scopes": [
                "*"
              ],
              "type": "api_key"
            },
            "created_at": 1779779883,
            "currency": "USD",
            "email": null,
            "id": "[id]",
            "shop_id": "[shop_id]",
            "slug": "acme",
            "store_name": "Acme Keys"
          }
        }
        "#);
    });
}

#[test]
fn me_names_this_key_and_the_shop_it_acts_on() {
    house(async |app| {
        let live = app.developer().get("/dev/v1/me").await;
        let test = app.bearer(&app.shop.developer_test).get("/dev/v1/me").await;
        assert_eq!(live.json()["data"]["shop_id"], app.shop.row.tenant.uuid().to_string());
        assert_eq!(test.json()["data"]["shop_id"], app.shop.row.twin.uuid().to_string());
        assert_ne!(live.json()["data"]["auth"]["key_id"], test.json()["data"]["auth"]["key_id"]);
    });
}

#[test]
fn capabilities_are_the_keys_scopes_and_the_shops_features() {
    house(async |app| {
        let answer = app.developer().get("/dev/v1/me/capabilities").await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "data": {
            "auth_type": "api_key",
            "features": {
              "licenses": true,
              "resellers": true,
              "sandbox": false
            },
            "scopes": [
              "*"
            ],
            "shop_id": "[shop_id]"
          }
        }
        "#);
    });
}

#[test]
fn a_test_key_says_that_it_acts_on_the_sandbox() {
    house(async |app| {
        let answer = app.bearer(&app.shop.developer_test).get("/dev/v1/me/capabilities").await;
        assert_eq!(answer.is(200).json()["data"]["features"]["sandbox"], true);
    });
}

#[test]
fn any_scope_will_do() {
    house(async |app| {
        let narrow = app.key_with(Surface::Developer, Mode::Live, &["orders.read"]).await;
        let answer = narrow.get("/dev/v1/me").await;
        assert_eq!(answer.is(200).json()["data"]["auth"]["scopes"], json!(["orders.read"]));
        narrow.get("/dev/v1/me/capabilities").await.is(200);
    });
}

#[test]
fn without_a_key_nobody_is_anybody() {
    house(async |app| {
        let answer = app.stranger().get("/dev/v1/me").await;
        insta::assert_json_snapshot!(answer.is(401).masked(), @r#"
        {
          "error": {
            "code": "UNAUTHORIZED",
            "doc_url": "http://keyhouse.test/docs/errors#UNAUTHORIZED",
            "message": "Send a key as `Authorization: Bearer …`."
          }
        }
        "#);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    });
}

#[test]
fn a_revoked_key_is_answered_as_an_unknown_one() {
    house(async |app| {
        let unknown = app.bearer("shx_00000000000000000000000000000000").get("/dev/v1/me").await;
        sqlx::query("update api_keys set revoked_at = now() where surface = 'developer'")
            .execute(&mut app.db().await)
            .await
            .unwrap();
        let revoked = app.developer().get("/dev/v1/me").await;
        assert_eq!(revoked.is(401).json(), unknown.is(401).json());
    });
}

#[test]
fn an_unknown_address_speaks_the_surfaces_own_envelope() {
    house(async |app| {
        let answer = app.developer().get("/dev/v1/nothing").await;
        insta::assert_json_snapshot!(answer.is(404).masked(), @r#"
        {
          "error": {
            "code": "NOT_FOUND",
            "doc_url": "http://keyhouse.test/docs/errors#NOT_FOUND",
            "message": "There is no such address here."
          }
        }
        "#);
    });
}

#[test]
fn a_wrong_method_speaks_the_surfaces_own_envelope() {
    house(async |app| {
        for method in [Method::POST, Method::DELETE, Method::PUT, Method::TRACE] {
            let answer = app.developer().send(method, "/dev/v1/me", None).await;
            answer.is(405).has_code("METHOD_NOT_ALLOWED");
            assert_eq!(answer.header("allow"), Some("GET,HEAD"));
        }
    });
}

#[test]
fn a_query_that_cannot_be_read_speaks_the_surfaces_own_envelope() {
    house(async |app| {
        app.developer().get("/dev/v1/me?a=%zz").await.is(400).has_code("INVALID_REQUEST");
    });
}

#[test]
fn every_answer_says_how_much_is_left_in_both_spellings() {
    house(async |app| {
        for answer in [app.developer().get("/dev/v1/me").await, app.stranger().get("/dev/v1/me").await] {
            for name in ["limit", "remaining", "reset"] {
                let plain = answer.header(&format!("ratelimit-{name}"));
                assert!(plain.is_some(), "{name}");
                assert_eq!(answer.header(&format!("x-ratelimit-{name}")), plain, "{name}");
            }
        }
    });
}

#[test]
fn too_many_reads_speak_the_surfaces_own_envelope() {
    house_with("[limits]\nreads = 1", async |app| {
        app.developer().get("/dev/v1/me").await.is(200);
        let answer = app.developer().get("/dev/v1/me").await;
        insta::assert_json_snapshot!(answer.is(429).masked(), @r#"
        {
          "error": {
            "code": "RATE_LIMITED",
            "doc_url": "http://keyhouse.test/docs/errors#RATE_LIMITED",
            "message": "Try again in 61 s."
          }
        }
        "#);
        let seconds: i64 = answer.header("retry-after").unwrap().parse().unwrap();
        app.advance(chrono::Duration::seconds(seconds));
        app.developer().get("/dev/v1/me").await.is(200);
    });
}
