use serde_json::json;

use super::{EVERY_ABILITY, minted, secret};
use crate::house::house;

#[test]
fn a_new_key_is_answered_with_its_secret() {
    house(async |app| {
        let body = json!({ "name": " Till ", "abilities": ["orders:read", "products:read"] });
        let answer = app.merchant().post("/v1/api-keys", body).await;
        insta::assert_json_snapshot!(answer.is(201).masked(), @r#"
        {
          "abilities": [
            "orders:read",
            "products:read"
          ],
          "created_at": "2026-05-26T07:18:03Z",
          "id": "[id]",
          "mode": "live",
          "name": "Till",
          "secret": "[secret]"
        }
        "#);
    });
}

#[test]
fn a_secret_says_its_mode() {
    house(async |app| {
        let body = |mode: &str| json!({ "name": "k", "abilities": ["orders:read"], "mode": mode });
        let live = app.merchant().post("/v1/api-keys", body("live")).await;
        let test = app.merchant().post("/v1/api-keys", body("test")).await;
        assert!(secret(live.is(201).json()).starts_with("sx_live_"));
        assert!(secret(test.is(201).json()).starts_with("sx_test_"));
    });
}

#[test]
fn a_new_key_works_at_once() {
    house(async |app| {
        let key = minted(&app.merchant(), &["products:read"]).await;
        app.bearer(secret(&key)).get("/v1/products").await.is(200);
    });
}

#[test]
fn a_key_has_its_makers_mode_unless_said() {
    house(async |app| {
        assert_eq!(minted(&app.merchant(), &["orders:read"]).await["mode"], "live");
        assert_eq!(minted(&app.test_merchant(), &["orders:read"]).await["mode"], "test");
    });
}

#[test]
fn a_test_key_of_a_live_keys_making_acts_on_the_sandbox() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let body = json!({ "name": "k", "abilities": ["products:read"], "mode": "test" });
        let key = app.merchant().post("/v1/api-keys", body).await.is(201).json().clone();
        app.bearer(secret(&key)).get(&format!("/v1/products/{product}")).await.is(200);
        app.merchant().get(&format!("/v1/products/{product}")).await.is(404);
    });
}

#[test]
fn a_test_key_makes_test_keys_only() {
    house(async |app| {
        let body = json!({ "name": "k", "abilities": ["orders:read"], "mode": "live" });
        let answer = app.test_merchant().post("/v1/api-keys", body).await;
        insta::assert_json_snapshot!(answer.is(403).masked(), @r#"
        {
          "detail": "A test key makes test keys only.",
          "request_id": "[request_id]",
          "status": 403,
          "title": "Not allowed",
          "type": "forbidden_scope"
        }
        "#);
    });
}

#[test]
fn abilities_given_twice_or_in_any_order_are_one_set() {
    house(async |app| {
        let key = minted(&app.merchant(), &["products:write", "orders:read", "products:write"]).await;
        assert_eq!(key["abilities"], json!(["orders:read", "products:write"]));
    });
}

#[test]
fn a_key_may_hold_every_ability() {
    house(async |app| {
        let key = minted(&app.merchant(), EVERY_ABILITY).await;
        assert_eq!(key["abilities"], json!(EVERY_ABILITY));
        app.bearer(secret(&key)).get("/v1/api-keys").await.is(200);
    });
}

#[test]
fn abilities_that_are_none_are_refused() {
    house(async |app| {
        let too_many = vec!["orders:read"; 51];
        for abilities in [
            json!([]),
            json!(["customers:write"]),
            json!(["orders:read", "*"]),
            json!(["orders.read"]),
            json!([" orders:read"]),
            json!([""]),
            json!(["orders:read\u{0}"]),
            json!("orders:read"),
            json!({ "orders": "read" }),
            json!(too_many),
        ] {
            let body = json!({ "name": "k", "abilities": abilities });
            app.merchant().post("/v1/api-keys", body).await.is(422).blames("abilities");
        }
    });
}

#[test]
fn an_ability_that_is_no_string_is_named_by_its_place() {
    house(async |app| {
        let body = json!({ "name": "k", "abilities": ["orders:read", 1] });
        app.merchant().post("/v1/api-keys", body).await.is(422).blames("abilities[1]");
    });
}

#[test]
fn a_name_has_1_to_200_characters() {
    house(async |app| {
        let name = |name: &str| json!({ "name": name, "abilities": ["orders:read"] });
        for good in ["k".to_owned(), "k".repeat(200)] {
            app.merchant().post("/v1/api-keys", name(&good)).await.is(201);
        }
        for bad in [String::new(), "   ".into(), "k".repeat(201), "a\nb".into()] {
            app.merchant().post("/v1/api-keys", name(&bad)).await.is(422).blames("name");
        }
    });
}

#[test]
fn an_unknown_mode_is_refused() {
    house(async |app| {
        let body = json!({ "name": "k", "abilities": ["orders:read"], "mode": "sandbox" });
        app.merchant().post("/v1/api-keys", body).await.is(422).blames("mode");
    });
}

#[test]
fn minting_again_under_one_key_shows_the_same_secret() {
    house(async |app| {
        let maker = app.merchant().idempotent("mint-1");
        let first = minted(&maker, &["orders:read"]).await;
        assert_eq!(minted(&maker, &["orders:read"]).await, first);
        let rows: i64 = sqlx::query_scalar("select count(*) from api_keys where name = 'till'")
            .fetch_one(&mut app.db().await)
            .await
            .unwrap();
        assert_eq!(rows, 1);
    });
}

#[test]
fn a_minted_secret_replays_to_its_maker_alone() {
    house(async |app| {
        let body = json!({ "name": "till", "abilities": ["orders:read"] });
        let secret_shown = minted(&app.merchant().idempotent("mint-1"), &["orders:read"]).await;
        let colleague = app.merchant_with(EVERY_ABILITY).await.idempotent("mint-1");
        let answer = colleague.post("/v1/api-keys", body).await;
        answer.is_conflict("idempotency_payload_mismatch");
        assert!(!answer.text().contains(secret(&secret_shown)));
    });
}

#[test]
fn a_refused_mint_may_be_mended_under_the_same_key() {
    house(async |app| {
        let maker = app.merchant().idempotent("mint-1");
        maker.post("/v1/api-keys", json!({ "name": "k", "abilities": ["nope"] })).await.is(422);
        minted(&maker, &["orders:read"]).await;
    });
}

#[test]
fn no_secret_lies_in_the_database() {
    house(async |app| {
        let key = minted(&app.merchant().idempotent("mint-1"), &["orders:read"]).await;
        let mut db = app.db().await;
        for table in ["api_keys", "directory", "idempotency", "events"] {
            let sql = sqlx::AssertSqlSafe(format!("select coalesce(string_agg(t::text, ''), '') from {table} t"));
            let rows: String = sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap();
            assert!(!rows.contains(secret(&key)), "{table}");
        }
    });
}
