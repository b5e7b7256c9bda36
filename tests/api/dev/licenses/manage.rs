//! Making, changing and finding licenses.

use chrono::Duration;
use serde_json::json;

use super::{check, license, license_of, path, product, trail, validate};
use crate::house::{house, house_with};

#[test]
fn a_key_is_generated_where_none_is_given() {
    house(async |app| {
        let product = product(app, json!({})).await;
        let (one, other) = (license_of(app, &product, json!({})).await, license_of(app, &product, json!({})).await);
        let key = one["license_key"].as_str().unwrap();
        assert_eq!((key.len(), key.matches('-').count()), (29, 4));
        assert_ne!(one["license_key"], other["license_key"]);
        assert_eq!(app.events().await.iter().filter(|topic| *topic == "license:created").count(), 2);
    });
}

#[test]
fn a_key_is_one_licenses_alone_and_lies_sealed() {
    house(async |app| {
        let license = license(app, json!({ "license_key": "CASH-IN-HAND" })).await;
        let again = json!({ "product_id": license["product_id"], "license_key": " CASH-IN-HAND " });
        let answer = app.developer().post("/dev/v1/licenses", again).await;
        answer.is(422);
        assert_eq!(answer.json()["error"]["details"][0]["field"], "license_key");
        let dump = "select (select string_agg(l::text, '') from licenses l)
                        || (select string_agg(e::text, '') from license_events e)
                        || (select string_agg(e::text, '') from events e)";
        let dump: String = sqlx::query_scalar(dump).fetch_one(&mut app.db().await).await.unwrap();
        assert!(!dump.contains("CASH") && !dump.contains("434153482d"), "{dump}");
    });
}

#[test]
fn nonsense_is_refused_by_name() {
    house(async |app| {
        let license = license(app, json!({})).await;
        for (field, value) in [
            ("status", json!("active")),
            ("hardware_id", json!("\u{202e}x")),
            ("allowed_ips", json!(["10.0.0.0/33"])),
            ("allowed_ips", json!("10.0.0.1")),
            ("max_uses", json!(0)),
            ("max_uses", json!(1.5)),
            ("expires_at", json!("2026-12-31")),
            ("expires_at", json!(1_800_000_000)),
        ] {
            let answer = app.developer().patch(&path(&license), json!({ field: value })).await;
            answer.is(422).has_code("VALIDATION_ERROR");
            let blamed = answer.json()["error"]["details"][0]["field"].as_str().unwrap().to_owned();
            assert!(blamed.starts_with(field), "{blamed}");
        }
        let nothing = json!({ "product_id": "019e0000-0000-7000-8000-000000000000" });
        app.developer().post("/dev/v1/licenses", nothing).await.is(422);
        assert_eq!(trail(app, &license).await, ["CREATED"]);
    });
}

#[test]
fn status_and_date_go_together() {
    house(async |app| {
        let (developer, license) = (app.developer(), license(app, json!({})).await);
        let expired = developer.patch(&path(&license), json!({ "status": "EXPIRED" })).await;
        let moved = &expired.is(200).json()["data"]["productLicense"]["expires_at"];
        assert_eq!(moved, "2026-05-26T07:18:03.250Z");
        developer.patch(&path(&license), json!({ "status": "ACTIVE" })).await.is(422);
        let to_come = json!({ "expires_at": "2027-01-01T00:00:00+02:00" });
        let again = developer.patch(&path(&license), to_come).await;
        assert_eq!(again.is(200).json()["data"]["productLicense"]["status"], "ACTIVE");
        let past = json!({ "status": "ACTIVE", "expires_at": "2020-01-01T00:00:00Z" });
        developer.patch(&path(&license), past).await.is(422);
        let trail = trail(app, &license).await;
        assert_eq!(
            trail,
            ["CREATED", "STATUS_CHANGED", "EXPIRATION_EXTENDED", "STATUS_CHANGED", "EXPIRATION_EXTENDED"]
        );
    });
}

#[test]
fn an_extension_adds_to_what_is_left_or_starts_anew() {
    house(async |app| {
        let until = app.now() + Duration::days(10);
        let license = license(app, json!({ "expires_at": until.to_rfc3339() })).await;
        let extend = format!("{}/extend", path(&license));
        let answer = app.developer().post(&extend, json!({ "days": 30 })).await;
        let shown = answer.is(200).json()["data"]["productLicense"]["expires_at"].as_str().unwrap().to_owned();
        assert_eq!(shown.parse::<chrono::DateTime<chrono::Utc>>().unwrap(), until + Duration::days(30));
        app.advance(Duration::days(100));
        let revived = app.developer().post(&extend, json!({ "days": 1 })).await;
        let revived = &revived.is(200).json()["data"]["productLicense"];
        assert_eq!(revived["status"], "ACTIVE");
        let shown = revived["expires_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        assert_eq!(shown, app.now() + Duration::days(1));
        for bad in [json!({}), json!({ "days": 0 }), json!({ "days": 1, "expires_at": "2099-01-01T00:00:00Z" })] {
            app.developer().post(&extend, bad).await.is(422);
        }
    });
}

#[test]
fn a_reset_by_id_or_by_key_lets_the_next_machine_in() {
    house(async |app| {
        let license = license(app, json!({ "license_key": "KEY/with space" })).await;
        validate(app, &license, json!({ "hardware_id": "one" })).await.is(200);
        app.developer().post(&format!("{}/reset-hwid", path(&license)), json!({})).await.is(200);
        validate(app, &license, json!({ "hardware_id": "two" })).await.is(200);
        let by_key = "/dev/v1/licenses/keys/KEY%2Fwith%20space/hwid";
        let given = app.developer().patch(by_key, json!({ "hardware_id": "three" })).await;
        assert_eq!(given.is(200).json()["data"]["productLicense"]["hardware_id"], "three");
        validate(app, &license, json!({ "hardware_id": "two" })).await.is(400);
        let reset = app.developer().patch(by_key, json!({})).await;
        assert_eq!(reset.is(200).json()["data"]["productLicense"]["hwid_pending"], true);
        validate(app, &license, json!({ "hardware_id": "two" })).await.is(200);
        let unknown = app.developer().patch("/dev/v1/licenses/keys/nobody/hwid", json!({})).await;
        unknown.is(404).has_code("LICENSE_NOT_FOUND");
        let changes: Vec<String> =
            trail(app, &license).await.into_iter().filter(|kind| kind.starts_with("HWID")).collect();
        assert_eq!(changes, ["HWID_BOUND", "HWID_RESET", "HWID_BOUND", "HWID_CHANGED", "HWID_RESET", "HWID_BOUND"]);
    });
}

#[test]
fn a_leaked_key_is_replaced() {
    house(async |app| {
        let old = license(app, json!({})).await;
        let rotated = app.developer().post(&format!("{}/rotate-key", path(&old)), json!({})).await;
        let new = rotated.is(200).json()["data"]["productLicense"].clone();
        assert_ne!(new["license_key"], old["license_key"]);
        validate(app, &old, json!({})).await.is(404);
        validate(app, &new, json!({})).await.is(200);
    });
}

#[test]
fn a_deleted_license_is_gone_and_its_trail_stays() {
    house(async |app| {
        let license = license(app, json!({})).await;
        let deleted = app.developer().delete(&path(&license)).await;
        assert_eq!(deleted.is(200).json()["data"]["deleted"], true);
        app.developer().get(&path(&license)).await.is(404);
        validate(app, &license, json!({})).await.is(404);
        let kinds = "select string_agg(type, ' ' order by id) from license_events where license_id is not null";
        let kinds: String = sqlx::query_scalar(kinds).fetch_one(&mut app.db().await).await.unwrap();
        assert_eq!(kinds, "CREATED DELETED");
    });
}

#[test]
fn a_list_is_narrowed_and_tells_figures() {
    house_with("rate_limits = \"off\"", async |app| {
        let product = product(app, json!({})).await;
        let mail = json!({ "customer_email": "Ada@example.com" });
        let one = license_of(app, &product, mail).await;
        let two = license_of(app, &product, json!({ "status": "SUSPENDED" })).await;
        let soon = (app.now() + Duration::hours(1)).to_rfc3339();
        let three = license(app, json!({ "expires_at": soon })).await;
        validate(app, &one, json!({})).await.is(200);
        app.advance(Duration::hours(1));
        let list = async |query: &str| {
            let answer = app.developer().get(&format!("/dev/v1/licenses?{query}")).await;
            let found = answer.is(200).json()["data"]["productLicenses"].as_array().unwrap().clone();
            found.into_iter().map(|license| license["id"].clone()).collect::<Vec<_>>()
        };
        let (one_id, two_id, three_id) = (one["id"].clone(), two["id"].clone(), three["id"].clone());
        assert_eq!(list("").await, [three_id.clone(), two_id.clone(), one_id.clone()]);
        assert_eq!(list("status=EXPIRED").await, std::slice::from_ref(&three_id));
        assert_eq!(list("status=ACTIVE,SUSPENDED").await, [two_id.clone(), one_id.clone()]);
        assert_eq!(list(&format!("product_id={product}")).await, [two_id.clone(), one_id.clone()]);
        assert_eq!(list("search=ada@EXAMPLE.com").await, std::slice::from_ref(&one_id));
        assert_eq!(
            list(&format!("search={}", two["license_key"].as_str().unwrap())).await,
            std::slice::from_ref(&two_id)
        );
        assert_eq!(list(&format!("search={}", two_id.as_str().unwrap())).await, [two_id]);
        assert!(list("search=nobody").await.is_empty());
        let stats = app.developer().get("/dev/v1/licenses").await.json()["data"]["stats"].clone();
        assert_eq!(stats, json!({ "total": 3, "active": 1, "used": 1, "expired": 1 }));
        app.developer().get("/dev/v1/licenses?status=nonsense").await.is(422);
    });
}

#[test]
fn another_shops_license_is_not_there() {
    house(async |app| {
        let license = license(app, json!({})).await;
        let foreign = app.bearer(app.another_shop().await.developer);
        foreign.get(&path(&license)).await.is(404);
        foreign.post("/dev/v1/licenses/validate", check(&license, json!({}))).await.is(404);
        let by_key = format!("/dev/v1/licenses/keys/{}/hwid", license["license_key"].as_str().unwrap());
        foreign.patch(&by_key, json!({ "hardware_id": "x" })).await.is(404);
    });
}
