//! May this software run here?

use chrono::Duration;
use keyhouse::domain::keys::Surface;
use keyhouse::domain::shops::Mode;
use serde_json::json;

use super::{check, license, license_of, path, product, trail, validate};
use crate::house::{house, house_with};

#[test]
fn a_good_key_answers_its_license_flat() {
    house(async |app| {
        let license = license(app, json!({ "license_key": "MY-KEY" })).await;
        let answer = validate(app, &license, json!({})).await;
        let data = &answer.is(200).json()["data"];
        assert_eq!((&data["license_key"], &data["status"]), (&json!("MY-KEY"), &json!("ACTIVE")));
        assert_eq!((&data["id"], &data["uses"], &data["hwid_pending"]), (&license["id"], &json!(1), &json!(true)));
        assert!(data.get("signed").is_none());
        assert!(answer.header("ratelimit-limit").is_some());
    });
}

#[test]
fn the_first_machine_is_bound_and_every_other_refused() {
    house(async |app| {
        let license = license(app, json!({})).await;
        validate(app, &license, json!({ "hardware_id": "Machine-1" })).await.is(200);
        let again = validate(app, &license, json!({ "hardwareId": " MACHINE-1 " })).await;
        assert_eq!(again.is(200).json()["data"]["hardware_id"], "Machine-1");
        for body in [json!({ "hardware_id": "machine-2" }), json!({})] {
            validate(app, &license, body).await.is(400).has_code("LICENSE_HWID_MISMATCH");
        }
        let mismatch = "VALIDATION_FAILED LICENSE_HWID_MISMATCH";
        assert_eq!(
            trail(app, &license).await,
            ["CREATED", "VALIDATION_SUCCESS", "HWID_BOUND", "VALIDATION_SUCCESS", mismatch, mismatch]
        );
        let events = app.events().await;
        assert_eq!(events.iter().filter(|topic| *topic == "license:activated").count(), 1);
    });
}

#[test]
fn every_status_has_its_refusal() {
    house(async |app| {
        let license = license(app, json!({})).await;
        for (status, code) in
            [("SUSPENDED", "LICENSE_SUSPENDED"), ("REVOKED", "LICENSE_REVOKED"), ("EXPIRED", "LICENSE_EXPIRED")]
        {
            app.developer().patch(&path(&license), json!({ "status": status })).await.is(200);
            let answer = validate(app, &license, json!({})).await;
            answer.is(400).has_code(code);
            assert!(answer.json()["error"].get("details").is_none());
        }
        app.developer().patch(&path(&license), json!({ "status": "ACTIVE", "expires_at": null })).await.is(200);
        validate(app, &license, json!({})).await.is(200);
    });
}

#[test]
fn a_license_expires_to_the_microsecond_and_says_so_once() {
    house(async |app| {
        let until = (app.now() + Duration::hours(1)).to_rfc3339();
        let license = license(app, json!({ "expires_at": until })).await;
        app.advance(Duration::hours(1) - Duration::microseconds(1));
        validate(app, &license, json!({})).await.is(200);
        app.advance(Duration::microseconds(1));
        assert_eq!(app.developer().get(&path(&license)).await.json()["data"]["status"], "EXPIRED");
        for _ in 0..2 {
            validate(app, &license, json!({})).await.is(400).has_code("LICENSE_EXPIRED");
        }
        let events = app.events().await;
        assert_eq!(events.iter().filter(|topic| *topic == "license:expired").count(), 1);
    });
}

#[test]
fn what_is_nobodys_key_is_not_found_whatever_it_looks_like() {
    house_with("rate_limits = \"off\"", async |app| {
        let license = license(app, json!({})).await;
        let other = product(app, json!({})).await;
        let long = "x".repeat(10_240);
        for (key, product) in [
            (json!("unknown"), license["product_id"].clone()),
            (json!("x"), license["product_id"].clone()),
            (json!(long), license["product_id"].clone()),
            (license["license_key"].clone(), json!(other)),
            (license["license_key"].clone(), json!("no-such-product")),
        ] {
            let body = json!({ "key": key, "product_id": product });
            let answer = app.developer().post("/dev/v1/licenses/validate", body).await;
            answer.is(404).has_code("LICENSE_NOT_FOUND");
        }
        let theirs = app.another_shop().await;
        let foreign = app.bearer(theirs.developer);
        foreign.post("/dev/v1/licenses/validate", check(&license, json!({}))).await.is(404);
        let sandbox = app.bearer(app.shop.developer_test.clone());
        sandbox.post("/dev/v1/licenses/validate", check(&license, json!({}))).await.is(404);
        let unknown: i64 = sqlx::query_scalar("select count(*) from license_events where license_id is null")
            .fetch_one(&mut app.db().await)
            .await
            .unwrap();
        assert_eq!(unknown, 5, "attempts on unknown keys are written down by shop");
    });
}

#[test]
fn an_address_lock_is_by_the_address_given_or_the_one_that_calls() {
    house(async |app| {
        let rules = json!(["10.1.0.0/16", "::ffff:192.0.2.7", "2001:db8::1-2001:db8::9"]);
        let license = license(app, json!({ "allowed_ips": rules })).await;
        assert_eq!(license["allowed_ips"], json!(["10.1.0.0/16", "192.0.2.7", "2001:db8::1-2001:db8::9"]));
        for good in ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "2001:db8::5"] {
            validate(app, &license, json!({ "ip": good })).await.is(200);
        }
        validate(app, &license, json!({ "ip": "10.2.0.1" })).await.is(400).has_code("LICENSE_IP_BLOCKED");
        validate(app, &license, json!({})).await.is(400).has_code("LICENSE_IP_BLOCKED");
        let spoofed = app.developer().header("x-forwarded-for", "10.1.2.3").header("x-real-ip", "10.1.2.3");
        let answer = spoofed.post("/dev/v1/licenses/validate", check(&license, json!({}))).await;
        answer.is(400).has_code("LICENSE_IP_BLOCKED");
    });
}

#[test]
fn a_trusted_proxy_says_who_calls() {
    house_with("trusted_proxies = \"127.0.0.0/8\"", async |app| {
        let license = license(app, json!({ "allowed_ips": ["10.1.2.3"] })).await;
        let forwarded = app.developer().header("x-forwarded-for", "6.6.6.6, 10.1.2.3");
        forwarded.post("/dev/v1/licenses/validate", check(&license, json!({}))).await.is(200);
    });
}

#[test]
fn uses_are_counted_up_to_their_limit_which_is_told_once() {
    house(async |app| {
        let license = license(app, json!({ "max_uses": 2 })).await;
        for uses in 1..=2 {
            assert_eq!(validate(app, &license, json!({})).await.is(200).json()["data"]["uses"], uses);
        }
        for _ in 0..2 {
            validate(app, &license, json!({})).await.is(400).has_code("LICENSE_MAX_USES_REACHED");
        }
        assert_eq!(app.developer().get(&path(&license)).await.json()["data"]["uses"], 2);
        app.developer().patch(&path(&license), json!({ "max_uses": 3 })).await.is(200);
        validate(app, &license, json!({})).await.is(200);
        validate(app, &license, json!({})).await.is(400);
        let told = app.events().await.iter().filter(|topic| *topic == "license:limit_exceeded").count();
        assert_eq!(told, 2, "once for each limit");
    });
}

#[test]
fn where_activations_count_a_bound_machine_may_go_on() {
    house(async |app| {
        let product = product(app, json!({ "count_uses": "activation" })).await;
        let license = license_of(app, &product, json!({ "max_uses": 1 })).await;
        for _ in 0..3 {
            let answer = validate(app, &license, json!({ "hardware_id": "one" })).await;
            assert_eq!(answer.is(200).json()["data"]["uses"], 1);
        }
        app.developer().post(&format!("{}/reset-hwid", path(&license)), json!({})).await.is(200);
        let second = validate(app, &license, json!({ "hardware_id": "two" })).await;
        second.is(400).has_code("LICENSE_MAX_USES_REACHED");
    });
}

#[test]
fn what_cannot_be_read_is_refused_and_leaves_no_trail() {
    house(async |app| {
        let license = license(app, json!({})).await;
        let long = "x".repeat(100_000);
        for (field, value) in [
            ("hardware_id", json!("")),
            ("hardware_id", json!("   ")),
            ("hardware_id", json!("a\u{0}b")),
            ("hardware_id", json!(long)),
            ("hardware_id", json!("АВС")),
            ("hardware_id", json!(7)),
            ("ip", json!("10.0.0")),
            ("ip", json!("10.0.0.0/8")),
            ("nonce", json!("short")),
            ("nonce", json!("x".repeat(129))),
            ("nonce", json!("0123456789 abcdef")),
            ("key", json!("a\u{0}b")),
            ("key", json!("  ")),
            ("key", json!(null)),
            ("product_id", json!([])),
        ] {
            let answer = validate(app, &license, json!({ field: value })).await;
            answer.is(422).has_code("VALIDATION_ERROR");
            assert_eq!(answer.json()["error"]["details"][0]["field"], field, "{}", answer.text());
        }
        assert_eq!(trail(app, &license).await, ["CREATED"]);
    });
}

#[test]
fn a_key_for_validation_can_do_nothing_else() {
    house(async |app| {
        let license = license(app, json!({})).await;
        let client = app.key_with(Surface::Developer, Mode::Live, &["licenses.validate"]).await;
        client.post("/dev/v1/licenses/validate", check(&license, json!({}))).await.is(200);
        client.get("/dev/v1/licenses").await.is(403);
        client.get(&path(&license)).await.is(403);
        client.patch(&path(&license), json!({ "status": "ACTIVE" })).await.is(403);
        let reader = app.key_with(Surface::Developer, Mode::Live, &["licenses.read"]).await;
        reader.post("/dev/v1/licenses/validate", check(&license, json!({}))).await.is(200);
    });
}

#[test]
fn a_retry_under_one_key_counts_once_and_a_refusal_may_be_mended() {
    house(async |app| {
        let license = license(app, json!({ "max_uses": 1 })).await;
        let client = app.developer().idempotent("once");
        let body = check(&license, json!({ "nonce": "0123456789abcdef" }));
        let first = client.post("/dev/v1/licenses/validate", body.clone()).await;
        let again = client.post("/dev/v1/licenses/validate", body.clone()).await;
        assert_eq!(again.is(200).header("idempotent-replayed"), Some("true"));
        assert_eq!(again.bytes, first.is(200).bytes);
        let mended = app.developer().idempotent("mended");
        mended.post("/dev/v1/licenses/validate", body.clone()).await.is(400);
        app.developer().patch(&path(&license), json!({ "max_uses": 2 })).await.is(200);
        mended.post("/dev/v1/licenses/validate", body).await.is(200);
    });
}
