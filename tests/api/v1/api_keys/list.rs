use chrono::Duration;
use serde_json::{Value, json};

use super::{minted, secret};
use crate::house::house;
use crate::v1::{id, ids, walk};

#[test]
fn a_list_shows_each_key_without_its_secret() {
    house(async |app| {
        let key = minted(&app.merchant(), &["orders:read"]).await;
        let answer = app.merchant().get("/v1/api-keys?limit=1").await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "data": [
            {
              "abilities": [
                "orders:read"
              ],
              "created_at": "2026-05-26T07:18:03Z",
              "id": "[id]",
              "last4": "[last4]",
              "last_used_at": null,
              "mode": "live",
              "name": "till",
              "revoked_at": null
            }
          ],
          "has_more": true,
          "next_cursor": "[next_cursor]",
          "object": "list"
        }
        "#);
        assert!(!answer.text().contains(secret(&key)));
    });
}

#[test]
fn the_last_four_characters_tell_keys_apart() {
    house(async |app| {
        let key = minted(&app.merchant(), &["orders:read"]).await;
        let list = app.merchant().get("/v1/api-keys").await;
        let last4 = list.json()["data"][0]["last4"].as_str().unwrap().to_owned();
        assert!(last4.len() == 4 && secret(&key).ends_with(&last4), "{last4}");
    });
}

#[test]
fn a_live_key_sees_the_keys_of_both_modes() {
    house(async |app| {
        let list = app.merchant().get("/v1/api-keys").await;
        let modes: Vec<&Value> = list.json()["data"].as_array().unwrap().iter().map(|key| &key["mode"]).collect();
        assert_eq!(modes, ["test", "live"]);
    });
}

#[test]
fn a_test_key_sees_test_keys_alone() {
    house(async |app| {
        minted(&app.merchant(), &["orders:read"]).await;
        let own = minted(&app.test_merchant(), &["orders:read"]).await;
        let list = app.test_merchant().get("/v1/api-keys").await;
        assert_eq!(list.json()["data"].as_array().unwrap().len(), 2);
        assert_eq!(ids(list.json())[0], id(&own));
    });
}

#[test]
fn developer_keys_and_other_shops_keys_are_not_among_them() {
    house(async |app| {
        app.another_shop().await;
        let list = app.merchant().get("/v1/api-keys").await;
        let names: Vec<&Value> = list.json()["data"].as_array().unwrap().iter().map(|key| &key["name"]).collect();
        assert_eq!(names, ["test key", "live key"]);
        assert_eq!(list.json()["data"][0]["abilities"].as_array().unwrap().len(), 9);
    });
}

#[test]
fn a_walk_meets_every_key_once_newest_first() {
    house(async |app| {
        let mut made = Vec::new();
        for _ in 0..4 {
            made.push(id(&minted(&app.merchant(), &["orders:read"]).await).to_owned());
        }
        made.reverse();
        let pages = walk(&app.merchant(), "/v1/api-keys?limit=2").await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2]);
        assert_eq!(pages.concat()[..4], made);
    });
}

#[test]
fn a_use_is_written_down_by_the_worker() {
    house(async |app| {
        let key = minted(&app.merchant(), &["orders:read"]).await;
        let used = async || app.merchant().get("/v1/api-keys").await.json()["data"][0]["last_used_at"].clone();
        assert_eq!(used().await, Value::Null);
        app.advance(Duration::minutes(5));
        app.bearer(secret(&key)).get("/v1/orders").await.is(200);
        app.settle().await;
        assert_eq!(used().await, json!("2026-05-26T07:23:03Z"));
    });
}

#[test]
fn a_use_without_the_ability_is_a_use_too() {
    house(async |app| {
        let key = minted(&app.merchant(), &["orders:read"]).await;
        app.bearer(secret(&key)).get("/v1/products").await.is(403);
        app.settle().await;
        let list = app.merchant().get("/v1/api-keys").await;
        assert_eq!(list.json()["data"][0]["last_used_at"], "2026-05-26T07:18:03Z");
    });
}

#[test]
fn a_revoked_key_stays_listed_for_90_days() {
    house(async |app| {
        let key = minted(&app.merchant(), &["orders:read"]).await;
        app.merchant().delete(&format!("/v1/api-keys/{}", id(&key))).await.is(200);
        let newest = async || app.merchant().get("/v1/api-keys").await.json()["data"][0].clone();
        app.advance(Duration::days(90) - Duration::seconds(1));
        assert_eq!(newest().await["revoked_at"], "2026-05-26T07:18:03Z");
        app.advance(Duration::seconds(1));
        assert_ne!(newest().await["id"], key["id"]);
    });
}
