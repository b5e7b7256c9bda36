//! The way in: an invitation to one address, taken once.

use chrono::Duration;
use serde_json::{Value, json};

use super::{sign_in, words};
use crate::house::actor::Answer;
use crate::house::people::PASSWORD;
use crate::house::{TestApp, house};
use crate::laws::together;

fn newcomer() -> Value {
    json!({ "name": "Ada Lovelace", "password": PASSWORD })
}

async fn accept(app: &TestApp, token: &str, body: Value) -> Answer {
    app.stranger().post(&format!("/portal/v1/invitations/{token}/accept"), body).await
}

async fn accounts(app: &TestApp) -> i64 {
    sqlx::query_scalar("select count(*) from accounts").fetch_one(&mut app.db().await).await.unwrap()
}

#[test]
fn an_invitation_says_who_invites_whom() {
    house(async |app| {
        let token = app.invites(app.shop.row.tenant, "ada@example.com").await;
        let seen = app.stranger().get(&format!("/portal/v1/invitations/{token}")).await;
        let seen = &seen.is(200).json()["data"];
        assert_eq!(seen["shop"]["name"], "Acme Keys");
        assert_eq!(
            (&seen["email"], &seen["mode"], &seen["has_account"]),
            (&json!("ada@example.com"), &json!("BOTH"), &json!(false))
        );
    });
}

#[test]
fn who_is_new_chooses_a_password_and_is_in() {
    house(async |app| {
        let token = app.invites(app.shop.row.tenant, "ada@example.com").await;
        let accepted = accept(app, &token, newcomer()).await;
        let program = accepted.is(201).json()["data"].clone();
        assert_eq!((&program["status"], &program["mode"]), (&json!("ACTIVE"), &json!("BOTH")));
        let session = sign_in(app, "ada@example.com", PASSWORD).await;
        let ada = app.bearer(session.is(201).json()["data"]["token"].as_str().unwrap());
        assert_eq!(ada.get("/portal/v1/programs").await.is(200).json()["data"], json!([program]));
    });
}

#[test]
fn who_has_an_account_shows_its_password_and_never_sets_one() {
    house(async |app| {
        app.person_of("ada@example.com").await;
        let token = app.invites(app.shop.row.tenant, "Ada@example.com").await;
        let chosen = json!({ "name": "Mallory", "password": "a password of my own" });
        accept(app, &token, chosen).await.is(401).has_code("UNAUTHORIZED");
        accept(app, &token, json!({ "name": "Mallory" })).await.is(422);
        accept(app, &token, json!({ "password": PASSWORD })).await.is(201);
        sign_in(app, "ada@example.com", "a password of my own").await.is(401);
        sign_in(app, "ada@example.com", PASSWORD).await.is(201);
        assert_eq!(accounts(app).await, 1);
    });
}

#[test]
fn who_is_signed_in_needs_no_password() {
    house(async |app| {
        let person = app.person().await;
        let token = app.invites(app.shop.row.tenant, person.account.email.as_str()).await;
        let path = format!("/portal/v1/invitations/{token}/accept");
        app.signed_in(&person).post(&path, json!({})).await.is(201);
    });
}

#[test]
fn an_invitation_that_is_used_late_or_somebody_elses_is_as_one_that_never_was() {
    house(async |app| {
        let shop = app.shop.row.tenant;
        let nothing = accept(app, "inv_nothing", newcomer()).await;
        nothing.is(404).has_code("NOT_FOUND");
        let used = app.invites(shop, "ada@example.com").await;
        accept(app, &used, newcomer()).await.is(201);
        assert_eq!(words(&accept(app, &used, newcomer()).await), words(&nothing));
        let other = app.person().await;
        let theirs = app.invites(shop, "bob@example.com").await;
        let path = format!("/portal/v1/invitations/{theirs}/accept");
        assert_eq!(words(&app.signed_in(&other).post(&path, newcomer()).await), words(&nothing));
        let late = app.invites(shop, "cy@example.com").await;
        app.advance(Duration::days(7));
        assert_eq!(words(&accept(app, &late, newcomer()).await), words(&nothing));
        for token in [&used, &late] {
            let seen = app.stranger().get(&format!("/portal/v1/invitations/{token}")).await;
            assert_eq!(words(&seen), words(&nothing));
        }
        assert_eq!(accounts(app).await, 2, "ada and the other");
    });
}

#[test]
fn the_token_of_something_else_is_no_invitation() {
    house(async |app| {
        for token in [&app.shop.live, &app.person().await.token] {
            app.stranger().get(&format!("/portal/v1/invitations/{token}")).await.is(404);
        }
    });
}

#[test]
fn passwords_that_anybody_would_guess_are_refused_by_field() {
    house(async |app| {
        let token = app.invites(app.shop.row.tenant, "ada@example.com").await;
        let mebibyte = "x".repeat((1 << 20) - 100);
        for bad in ["x", "Password123", "aaaaaaaaaaaaaaa", &mebibyte] {
            let answer = accept(app, &token, json!({ "name": "Ada", "password": bad })).await;
            answer.is(422).has_code("VALIDATION_ERROR");
            assert_eq!(answer.json()["error"]["details"][0]["field"], "password", "{}", answer.text());
        }
        let nothing = accept(app, &token, json!({})).await;
        assert_eq!(nothing.is(422).json()["error"]["details"].as_array().unwrap().len(), 2);
        assert_eq!(accounts(app).await, 0);
    });
}

#[test]
fn ten_who_accept_at_once_make_one_person_and_one_relationship() {
    house(async |app| {
        let token = app.invites(app.shop.row.tenant, "ada@example.com").await;
        let answers = together((0..10).map(|_| accept(app, &token, newcomer()))).await;
        let accepted = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(accepted, 1, "{:?}", answers.iter().map(Answer::text).collect::<Vec<_>>());
        assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 401 | 404)));
        assert_eq!(accounts(app).await, 1);
    });
}

#[test]
fn a_relationship_of_the_sandbox_says_so() {
    house(async |app| {
        let token = app.invites(app.shop.row.twin, "ada@example.com").await;
        let accepted = accept(app, &token, newcomer()).await;
        assert_eq!(accepted.is(201).json()["data"]["shop"]["sandbox"], true);
    });
}
