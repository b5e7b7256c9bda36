//! Signing in and out.

use chrono::Duration;
use serde_json::json;

use super::{credentials, sign_in, words};
use crate::house::people::PASSWORD;
use crate::house::{house, house_with};
use crate::laws::together;

#[test]
fn who_knows_the_password_gets_a_session_that_opens_the_portal() {
    house(async |app| {
        let person = app.person_of("Rae@Example.com").await;
        let answer = sign_in(app, "rae@example.COM", PASSWORD).await;
        let token = answer.is(201).json()["data"]["token"].as_str().unwrap().to_owned();
        assert!(token.starts_with("ses_") && token != person.token, "{token}");
        assert_eq!(answer.json()["data"]["expires_at"], "2026-06-25T07:18:03Z");
        app.bearer(token).get("/portal/v1/programs").await.is(200);
    });
}

#[test]
fn a_wrong_password_and_an_unknown_address_cannot_be_told_apart() {
    house(async |app| {
        app.person_of("rae@example.com").await;
        let wrong = sign_in(app, "rae@example.com", "correct horse battery stable").await;
        let unknown = sign_in(app, "nobody@example.com", PASSWORD).await;
        wrong.is(401).has_code("UNAUTHORIZED");
        assert_eq!(words(&wrong), words(&unknown));
        insta::assert_snapshot!(wrong.text(), @r#"{"error":{"code":"UNAUTHORIZED","message":"The address or the password is wrong.","doc_url":"http://keyhouse.test/docs/errors#UNAUTHORIZED"}}"#);
    });
}

#[test]
fn the_same_password_is_right_composed_and_decomposed() {
    house(async |app| {
        let token = app.invites(app.shop.row.tenant, "zoe@example.com").await;
        let accept = json!({ "name": "Zo\u{eb}", "password": "zw\u{f6}lf Boxk\u{e4}mpfer" });
        app.stranger().post(&format!("/portal/v1/invitations/{token}/accept"), accept).await.is(201);
        sign_in(app, "zoe@example.com", "zwo\u{308}lf Boxka\u{308}mpfer").await.is(201);
        sign_in(app, "zoe@example.com", "zwolf Boxkampfer").await.is(401);
    });
}

#[test]
fn a_password_is_never_long_enough_to_be_work() {
    house(async |app| {
        app.person_of("rae@example.com").await;
        let long = sign_in(app, "rae@example.com", &"x".repeat(1_025)).await;
        long.is(422).has_code("VALIDATION_ERROR");
        sign_in(app, "rae@example.com", &"x".repeat(1 << 20)).await.is(413);
        sign_in(app, "rae@example.com", "").await.is(401);
    });
}

#[test]
fn who_tries_too_often_is_told_to_wait_and_so_is_everybody_at_that_address() {
    house(async |app| {
        app.person_of("rae@example.com").await;
        for _ in 0..10 {
            sign_in(app, "rae@example.com", "wrong, and wrong again").await.is(401);
        }
        let refused = sign_in(app, "RAE@example.com", PASSWORD).await;
        refused.is(429).has_code("RATE_LIMITED");
        assert!(refused.header("retry-after").is_some());
        sign_in(app, "other@example.com", PASSWORD).await.is(401);
        app.advance(Duration::seconds(61));
        sign_in(app, "rae@example.com", PASSWORD).await.is(201);
    });
}

#[test]
fn one_client_tries_so_many_people_and_no_more() {
    house(async |app| {
        for n in 0..30 {
            sign_in(app, &format!("rae{n}@example.com"), PASSWORD).await.is(401);
        }
        sign_in(app, "another@example.com", PASSWORD).await.is(429);
    });
}

#[test]
fn a_session_ends_when_its_person_signs_out_and_only_that_one() {
    house(async |app| {
        let person = app.person_of("rae@example.com").await;
        let other =
            sign_in(app, "rae@example.com", PASSWORD).await.json()["data"]["token"].as_str().unwrap().to_owned();
        let out = app.signed_in(&person).delete("/portal/v1/sessions/current").await;
        assert_eq!(out.is(200).json()["data"]["signed_out"], true);
        app.signed_in(&person).get("/portal/v1/programs").await.is(401).has_code("UNAUTHORIZED");
        app.signed_in(&person).delete("/portal/v1/sessions/current").await.is(401);
        app.bearer(other).get("/portal/v1/programs").await.is(200);
    });
}

#[test]
fn a_session_lasts_thirty_days_and_is_then_swept() {
    house(async |app| {
        let person = app.person().await;
        app.advance(Duration::days(30) - Duration::milliseconds(1));
        app.signed_in(&person).get("/portal/v1/programs").await.is(200);
        app.advance(Duration::milliseconds(1));
        app.signed_in(&person).get("/portal/v1/programs").await.is(401);
        app.settle().await;
        let left: i64 =
            sqlx::query_scalar("select count(*) from sessions").fetch_one(&mut app.db().await).await.unwrap();
        assert_eq!(left, 0);
    });
}

#[test]
fn neither_password_nor_token_is_in_the_database() {
    house(async |app| {
        app.person_of("rae@example.com").await;
        let caller = app.stranger().idempotent("a-key-that-nobody-guesses");
        let answer = caller.post("/portal/v1/sessions", credentials("rae@example.com", PASSWORD)).await;
        let token = answer.is(201).json()["data"]["token"].as_str().unwrap().to_owned();
        let rows: Vec<String> = sqlx::query_scalar(
            "select a::text from accounts a union all select s::text from sessions s union all select i::text from idempotency i",
        )
        .fetch_all(&mut app.db().await)
        .await
        .unwrap();
        assert_eq!(rows.len(), 4);
        for row in rows {
            assert!(!row.contains(PASSWORD) && !row.contains(&token), "{row}");
        }
    });
}

#[test]
fn many_who_sign_in_at_once_are_served_or_told_to_come_back() {
    house_with("rate_limits = \"off\"", async |app| {
        app.person_of("rae@example.com").await;
        let answers = together((0..60).map(|_| sign_in(app, "rae@example.com", PASSWORD))).await;
        assert!(answers.iter().any(|answer| answer.status == 201));
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.is(503).has_code("UNAVAILABLE");
            assert!(answer.header("retry-after").is_some());
        }
    });
}

#[test]
fn what_is_no_session_is_named() {
    house(async |app| {
        let answer = app.merchant().get("/portal/v1/programs").await;
        let message = answer.is(401).json()["error"]["message"].as_str().unwrap().to_owned();
        insta::assert_snapshot!(message, @"This surface takes a session token (ses_…); what was sent is a merchant API key (sx_…).");
        let person = app.person().await;
        let answer = app.signed_in(&person).get("/v1/products").await;
        assert!(answer.is(401).text().contains("a session token (ses_…)"), "{}", answer.text());
    });
}
