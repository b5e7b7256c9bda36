//! A unit is licensed once, whoever asks and however often; and what a refund takes back stays taken.

use keyhouse::domain::licenses::{self, Unit};
use keyhouse::domain::products::ProductId;
use serde_json::json;
use sqlx::Connection as _;
use uuid::Uuid;

use super::super::{buyer, path_of, pay, told};
use super::{generated, keys, licensed, sold, validate};
use crate::house::{house, house_with};
use crate::laws::{patiently, together};

#[test]
fn paying_twice_issues_once() {
    house(async |app| {
        let product = generated(app, json!({})).await;
        let session = app.checkout(&product, 2).await;
        let first = pay(app, &session, "succeed").await;
        let again = pay(app, &session, "succeed").await;
        assert_eq!(again.is(200).json(), first.is(200).json());
        assert_eq!((keys(app, &session).await.len(), told(app, "license:created").await), (2, 2));
    });
}

#[test]
fn of_64_payments_at_once_one_issues() {
    house_with("rate_limits = \"off\"", async |app| {
        let product = licensed(app, json!({ "serials": ["A-1", "A-2"] })).await;
        let session = app.checkout(&product, 2).await;
        let path = format!("{}/pay", path_of(&session));
        let once = (0..64).map(|_| patiently(async || buyer(app, &session).post(&path, json!({})).await));
        let answers = together(once).await;
        assert!(answers.iter().all(|answer| answer.is(200).json() == answers[0].json()));
        assert_eq!(keys(app, &session).await, ["A-1", "A-2"]);
        assert_eq!(told(app, "license:created").await, 2);
    });
}

#[test]
fn a_thousand_units_are_a_thousand_licenses() {
    house(async |app| {
        let session = sold(app, &generated(app, json!({})).await, 1_000).await;
        let shown = session["items"][0]["license_keys"].as_array().unwrap();
        let different: std::collections::HashSet<&str> = shown.iter().map(|key| key.as_str().unwrap()).collect();
        assert_eq!((different.len(), told(app, "license:created").await), (1_000, 1_000));
    });
}

#[test]
fn issuing_again_changes_nothing() {
    house(async |app| {
        let (shop, env) = (app.shop.row.twin, &app.app.env);
        let product = generated(app, json!({})).await;
        let unit = |number, code: Option<&str>| Unit {
            product: ProductId::parse(&product).unwrap(),
            order: Uuid::from_u128(1),
            order_item: Uuid::from_u128(2),
            number,
            code: code.map(str::to_owned),
            customer_email: "ada@example.com".into(),
        };
        let two = [unit(0, None), unit(1, Some("A-1"))];
        let three = [unit(1, Some("A-1")), unit(2, Some("A-1")), unit(0, None)];
        for (units, issued) in [(&two[..], 2), (&two, 0), (&three, 1), (&three, 0)] {
            let mut db = app.db().await;
            let mut work = db.begin().await.unwrap();
            assert_eq!(licenses::issue(&mut work, shop, env, units).await.unwrap(), issued);
            work.commit().await.unwrap();
        }
        assert_eq!(told(app, "license:created").await, 3);
        let created = "select count(*) from license_events where type = 'CREATED' and actor_id is null";
        let created: i64 = sqlx::query_scalar(created).fetch_one(&mut app.db().await).await.unwrap();
        assert_eq!(created, 3);
    });
}

#[test]
fn a_refund_revokes_what_the_order_brought_and_nothing_else() {
    house(async |app| {
        let (shop, env) = (app.shop.row.twin, &app.app.env);
        let product = licensed(app, json!({ "serials": ["A-1", "A-2", "B-1"] })).await;
        let (order, other) = (sold(app, &product, 2).await, sold(app, &product, 1).await);
        let id = Uuid::parse_str(order["id"].as_str().unwrap()).unwrap();
        for revoked in [2, 0] {
            let mut db = app.db().await;
            let mut work = db.begin().await.unwrap();
            assert_eq!(licenses::revoke_of_order(&mut work, shop, env, id).await.unwrap(), revoked);
            work.commit().await.unwrap();
        }
        for key in keys(app, &order).await {
            validate(app, &product, &key, "one").await.is(400).has_code("LICENSE_REVOKED");
        }
        validate(app, &product, "B-1", "one").await.is(200);
        assert_eq!((keys(app, &other).await.len(), told(app, "license:status_changed").await), (1, 2));
        let trail = "select count(*) from license_events
                     where type = 'STATUS_CHANGED' and old = 'ACTIVE' and new = 'REVOKED'";
        let trail: i64 = sqlx::query_scalar(trail).fetch_one(&mut app.db().await).await.unwrap();
        assert_eq!(trail, 2);
    });
}
