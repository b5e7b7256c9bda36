//! `shr_` keys, as a reseller makes and revokes them.

use keyhouse::domain::resellers;
use serde_json::{Value, json};

use crate::house::people::TestPerson;
use crate::house::{TestApp, house};
use crate::laws::together;

async fn joined(app: &TestApp) -> (TestPerson, String) {
    let person = app.person().await;
    let id = app.joins(app.shop.row.twin, &person).await;
    (person, format!("/portal/v1/programs/{}/api-keys", id.uuid()))
}

fn new_key(name: &str) -> Value {
    json!({ "name": name, "allowed_ips": ["203.0.113.0/24"] })
}

#[test]
fn a_key_shows_its_secret_once() {
    house(async |app| {
        let (person, path) = joined(app).await;
        let me = app.signed_in(&person);
        let made = me.post(&path, new_key("till")).await.is(201).json()["data"].clone();
        let secret = made["secret"].as_str().unwrap();
        assert!(secret.starts_with("shr_") && secret.ends_with(made["last4"].as_str().unwrap()), "{made}");
        assert!(made["dynamic_url_template"].as_str().unwrap().ends_with("&format=text"), "{made}");
        let listed = me.get(&path).await;
        assert!(!listed.is(200).text().contains(secret), "{}", listed.text());
        let kept = &listed.json()["data"][0];
        assert_eq!((&kept["name"], &kept["allowed_ips"]), (&json!("till"), &json!(["203.0.113.0/24"])));
        assert_eq!(kept["last_used_at"], Value::Null);
    });
}

#[test]
fn the_secret_replays_to_the_session_that_made_it_alone() {
    house(async |app| {
        let (person, path) = joined(app).await;
        let key = "a-key-that-nobody-guesses";
        let made = app.signed_in(&person).idempotent(key).post(&path, new_key("till")).await;
        let again = app.signed_in(&person).idempotent(key).post(&path, new_key("till")).await;
        assert_eq!(made.is(201).bytes, again.is(201).bytes);
        let email = person.account.email.as_str();
        let second = super::sign_in(app, email, crate::house::people::PASSWORD).await;
        let second = app.bearer(second.is(201).json()["data"]["token"].as_str().unwrap()).idempotent(key);
        let refused = second.post(&path, new_key("till")).await;
        refused.is(409).has_code("IDEMPOTENCY_CONFLICT");
        assert!(!refused.text().contains("shr_"));
    });
}

#[test]
fn a_key_of_another_relationship_is_not_there() {
    house(async |app| {
        let ((one, mine), (two, theirs)) = (joined(app).await, joined(app).await);
        let made = app.signed_in(&two).post(&theirs, new_key("till")).await.is(201).json()["data"]["id"].clone();
        let id = made.as_str().unwrap();
        for path in [format!("{mine}/{id}"), format!("{theirs}/{id}")] {
            app.signed_in(&one).delete(&path).await.is(404).has_code("NOT_FOUND");
        }
        app.signed_in(&one).post(&theirs, new_key("till")).await.is(404);
        app.signed_in(&one).get(&theirs).await.is(404);
        app.signed_in(&two).delete(&format!("{theirs}/{id}")).await.is(200);
        let listed = app.signed_in(&two).get(&theirs).await;
        assert!(listed.json()["data"][0]["revoked_at"].is_string(), "{}", listed.text());
    });
}

#[test]
fn a_relationship_has_twenty_keys_however_many_are_asked_for_at_once() {
    house(async |app| {
        let (person, path) = joined(app).await;
        let me = app.signed_in(&person);
        for n in 0..17 {
            me.post(&path, new_key(&format!("till {n}"))).await.is(201);
        }
        let answers = together((0..6).map(|_| me.post(&path, new_key("one more")))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
        answers.iter().filter(|answer| answer.status != 201).for_each(|answer| {
            answer.is(409).has_code("WRONG_STATE");
        });
        let newest = me.get(&format!("{path}?limit=1")).await.json()["data"][0]["id"].as_str().unwrap().to_owned();
        me.delete(&format!("{path}/{newest}")).await.is(200);
        me.post(&path, new_key("another")).await.is(201);
    });
}

#[test]
fn who_is_suspended_makes_no_keys_and_revokes_those_there_are() {
    house(async |app| {
        let person = app.person().await;
        let shop = app.shop.row.twin;
        let id = app.joins(shop, &person).await;
        let (me, path) = (app.signed_in(&person), format!("/portal/v1/programs/{}/api-keys", id.uuid()));
        let made = me.post(&path, new_key("till")).await.is(201).json()["data"]["id"].clone();
        resellers::suspend(&mut app.db().await, shop, &app.app.env, id).await.unwrap();
        me.post(&path, new_key("another")).await.is(409).has_code("WRONG_STATE");
        me.delete(&format!("{path}/{}", made.as_str().unwrap())).await.is(200);
    });
}

#[test]
fn addresses_that_are_none_are_refused() {
    house(async |app| {
        let (person, path) = joined(app).await;
        let body = json!({ "name": "till", "allowed_ips": ["here"] });
        let answer = app.signed_in(&person).post(&path, body).await;
        assert_eq!(answer.is(422).json()["error"]["details"][0]["field"], "allowed_ips[0]", "{}", answer.text());
    });
}
