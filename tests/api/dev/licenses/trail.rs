//! What is written down, page by page and whole; and the partitions it lies in.

use chrono::{DateTime, Duration, Utc};
use keyhouse::domain::licenses::audit;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use super::{license, path, validate};
use crate::house::{house, house_with};

#[test]
fn an_event_says_who_what_and_from_where() {
    house(async |app| {
        let license = license(app, json!({ "hardware_id": "one" })).await;
        validate(app, &license, json!({ "hardware_id": "two", "ip": "::ffff:192.0.2.1" })).await.is(400);
        let newest = app.developer().get(&format!("{}/events?limit=1", path(&license))).await;
        let event = &newest.is(200).json()["data"][0];
        assert_eq!(event["license_id"], license["id"]);
        assert_eq!((&event["ip"], &event["hardware_id"]), (&json!("192.0.2.1"), &json!("two")));
        assert_eq!(event["actor"]["type"], "api_key");
        assert_eq!(event["created_at"], "2026-05-26T07:18:03.250Z");
        assert_eq!(newest.json()["pagination"]["has_more"], true);
    });
}

#[test]
fn a_trail_is_exported_whole_and_a_formula_stays_text() {
    house_with("rate_limits = \"off\"", async |app| {
        let license = license(app, json!({})).await;
        validate(app, &license, json!({ "hardware_id": "=HYPERLINK(\"x\"),1" })).await.is(200);
        for _ in 0..3 {
            validate(app, &license, json!({ "hardware_id": "other" })).await.is(400);
        }
        let events = format!("{}/events", path(&license));
        let csv = app.developer().get(&format!("{events}?format=csv")).await;
        assert_eq!(csv.is(200).header("content-type"), Some("text/csv; charset=utf-8"));
        let text = csv.text();
        assert_eq!(text.lines().count(), 7, "{text}");
        assert!(text.starts_with("id,license_id,type,code,"), "{text}");
        assert!(text.contains("\"'=HYPERLINK(\"\"x\"\"),1\""), "{text}");
        let ndjson = app.developer().get(&format!("{events}?format=ndjson")).await;
        let lines: Vec<Value> = ndjson.is(200).text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[0]["type"]), (6, &json!("CREATED")));
        app.developer().get(&format!("{events}?format=xml")).await.is(422);
    });
}

#[test]
fn an_export_goes_on_beyond_one_step() {
    house(async |app| {
        let license = license(app, json!({})).await;
        let fill = "insert into license_events (shop_id, id, license_id, type, created_at)
                    select shop_id, gen_random_uuid(), license_id, 'VALIDATION_SUCCESS', created_at
                    from license_events, generate_series(1, 2500)";
        sqlx::query(fill).execute(&mut app.db().await).await.unwrap();
        let answer = app.developer().get(&format!("{}/events?format=ndjson", path(&license))).await;
        assert_eq!(answer.is(200).text().lines().count(), 2_501);
    });
}

async fn rows_in(db: &mut PgConnection, partition: &str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("select count(*) from {partition}"));
    sqlx::query_scalar(count).fetch_one(db).await.unwrap()
}

async fn make(db: &mut PgConnection, now: DateTime<Utc>) -> usize {
    let mut work = db.begin().await.unwrap();
    let made = audit::make_partitions(&mut work, now).await.unwrap();
    work.commit().await.unwrap();
    made
}

#[test]
fn partitions_are_made_ahead_take_over_what_came_before_and_are_dropped_whole() {
    house(async |app| {
        let license = license(app, json!({})).await;
        let mut db = app.db().await;
        assert_eq!(rows_in(&mut db, "license_events_default").await, 1);
        assert_eq!(make(&mut db, app.now()).await, 3);
        assert_eq!(make(&mut db, app.now()).await, 0);
        assert_eq!(rows_in(&mut db, "license_events_default").await, 0);
        assert_eq!(rows_in(&mut db, "license_events_w20260525").await, 1);
        app.advance(Duration::days(7));
        validate(app, &license, json!({})).await.is(200);
        assert_eq!(rows_in(&mut db, "license_events_w20260601").await, 1);
        app.advance(Duration::days(7));
        let mut work = db.begin().await.unwrap();
        assert_eq!(audit::drop_partitions(&mut work, app.now(), 14).await.unwrap(), 0);
        assert_eq!(audit::drop_partitions(&mut work, app.now() + Duration::days(7), 14).await.unwrap(), 1);
        work.commit().await.unwrap();
        assert_eq!(super::trail(app, &license).await, ["VALIDATION_SUCCESS"]);
    });
}
