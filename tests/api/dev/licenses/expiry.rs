//! A license whose date passes expires by itself, and that is told once.

use chrono::Duration;
use keyhouse::domain::licenses;
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::{license, path, trail, validate};
use crate::house::{TestApp, house};

async fn for_an_hour(app: &TestApp) -> Value {
    license(app, json!({ "expires_at": (app.now() + Duration::hours(1)).to_rfc3339() })).await
}

async fn told(app: &TestApp) -> usize {
    app.events().await.into_iter().filter(|topic| topic == "license:expired").count()
}

async fn kept(app: &TestApp) -> Vec<String> {
    sqlx::query_scalar("select status from licenses order by id").fetch_all(&mut app.db().await).await.unwrap()
}

#[test]
fn it_is_written_down_and_told_without_anybody_asking() {
    house(async |app| {
        let license = for_an_hour(app).await;
        app.settle().await;
        assert_eq!((kept(app).await, told(app).await), (vec!["active".to_owned()], 0));
        app.advance(Duration::hours(1));
        app.settle().await;
        app.settle().await;
        assert_eq!((kept(app).await, told(app).await), (vec!["expired".to_owned()], 1));
        assert_eq!(trail(app, &license).await, ["CREATED", "STATUS_CHANGED"]);
    });
}

#[test]
fn who_asks_before_the_sweep_is_the_one_who_finds_out() {
    house(async |app| {
        let license = for_an_hour(app).await;
        app.advance(Duration::hours(1));
        validate(app, &license, json!({})).await.is(400).has_code("LICENSE_EXPIRED");
        app.settle().await;
        assert_eq!(told(app).await, 1);
    });
}

#[test]
fn a_change_before_the_sweep_does_not_hush_it_up() {
    house(async |app| {
        let license = for_an_hour(app).await;
        app.advance(Duration::hours(1));
        app.developer().patch(&path(&license), json!({ "max_uses": 5 })).await.is(200);
        app.settle().await;
        assert_eq!((kept(app).await, told(app).await), (vec!["expired".to_owned()], 1));
    });
}

#[test]
fn an_extended_license_may_expire_again() {
    house(async |app| {
        let license = for_an_hour(app).await;
        app.advance(Duration::hours(2));
        app.settle().await;
        app.developer().post(&format!("{}/extend", path(&license)), json!({ "days": 1 })).await.is(200);
        app.settle().await;
        assert_eq!(kept(app).await, ["active"]);
        app.advance(Duration::days(1));
        app.settle().await;
        assert_eq!((kept(app).await, told(app).await), (vec!["expired".to_owned()], 2));
    });
}

#[test]
fn one_that_is_suspended_does_not_expire() {
    house(async |app| {
        let license = for_an_hour(app).await;
        app.developer().patch(&path(&license), json!({ "status": "SUSPENDED" })).await.is(200);
        app.advance(Duration::hours(2));
        app.settle().await;
        assert_eq!((kept(app).await, told(app).await), (vec!["suspended".to_owned()], 0));
    });
}

#[test]
fn two_sweeps_at_once_share_the_work_and_tell_each_once() {
    house(async |app| {
        for _ in 0..20 {
            for_an_hour(app).await;
        }
        app.advance(Duration::hours(1));
        let (mut left, mut right) = (app.db().await, app.db().await);
        let (mut left, mut right) = (left.begin().await.unwrap(), right.begin().await.unwrap());
        let (shop, env) = (app.shop.row.tenant, &app.app.env);
        let first = licenses::expire_due(&mut left, shop, env, 8).await.unwrap();
        let second = licenses::expire_due(&mut right, shop, env, 100).await.unwrap();
        assert_eq!((first, second), (8, 12));
        left.commit().await.unwrap();
        right.commit().await.unwrap();
        assert_eq!(told(app).await, 20);
    });
}
