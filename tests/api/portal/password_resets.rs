//! A new password, for who has the mailbox.

use chrono::Duration;
use serde_json::json;

use super::{sign_in, words};
use crate::house::actor::Answer;
use crate::house::people::PASSWORD;
use crate::house::{TestApp, house};

const NEW: &str = "staple battery horse correct";

async fn ask(app: &TestApp, email: &str) -> Answer {
    app.stranger().post("/portal/v1/password-resets", json!({ "email": email })).await
}

async fn set(app: &TestApp, token: &str, password: &str) -> Answer {
    app.stranger().post(&format!("/portal/v1/password-resets/{token}"), json!({ "password": password })).await
}

/// The token of the newest mail.
async fn mailed(app: &TestApp) -> String {
    app.settle().await;
    let mail = app.mails().pop().expect("a mail");
    // The transport may fold a long line.
    let text = mail.replace("=\r\n", "");
    let at = text.find("rst_").expect("a token");
    text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn who_forgot_the_password_sets_another_and_is_signed_out_everywhere() {
    house(async |app| {
        let person = app.person_of("rae@example.com").await;
        ask(app, "Rae@Example.com").await.is(202);
        let token = mailed(app).await;
        assert!(app.mails()[0].contains("To: rae@example.com"), "{}", app.mails()[0]);
        set(app, &token, NEW).await.is(200);
        app.signed_in(&person).get("/portal/v1/programs").await.is(401);
        sign_in(app, "rae@example.com", PASSWORD).await.is(401);
        sign_in(app, "rae@example.com", NEW).await.is(201);
    });
}

#[test]
fn who_asks_is_not_told_whether_there_is_such_a_person() {
    house(async |app| {
        app.person_of("rae@example.com").await;
        let (known, unknown) = (ask(app, "rae@example.com").await, ask(app, "nobody@example.com").await);
        known.is(202);
        assert_eq!(words(&known), words(&unknown));
        app.settle().await;
        assert_eq!(app.mails().len(), 1);
    });
}

#[test]
fn a_link_works_once_for_an_hour_and_not_after_another_was_used() {
    house(async |app| {
        app.person_of("rae@example.com").await;
        let nothing = set(app, "rst_nothing", NEW).await;
        nothing.is(404).has_code("NOT_FOUND");
        ask(app, "rae@example.com").await.is(202);
        let first = mailed(app).await;
        ask(app, "rae@example.com").await.is(202);
        let second = mailed(app).await;
        assert_ne!(first, second);
        set(app, &second, NEW).await.is(200);
        assert_eq!(words(&set(app, &second, NEW).await), words(&nothing));
        assert_eq!(words(&set(app, &first, NEW).await), words(&nothing));
        app.advance(Duration::minutes(2));
        ask(app, "rae@example.com").await.is(202);
        let late = mailed(app).await;
        app.advance(Duration::hours(1));
        assert_eq!(words(&set(app, &late, NEW).await), words(&nothing));
    });
}

#[test]
fn a_password_that_is_refused_leaves_the_link_as_it_was() {
    house(async |app| {
        app.person_of("rae@example.com").await;
        ask(app, "rae@example.com").await.is(202);
        let token = mailed(app).await;
        set(app, &token, "password123").await.is(422).has_code("VALIDATION_ERROR");
        set(app, &token, NEW).await.is(200);
    });
}

#[test]
fn nobody_is_flooded_with_links() {
    house(async |app| {
        for _ in 0..2 {
            ask(app, "rae@example.com").await.is(202);
        }
        ask(app, "RAE@example.com").await.is(429);
        ask(app, "other@example.com").await.is(202);
    });
}

#[test]
fn the_token_of_a_link_is_nowhere_in_the_database() {
    house(async |app| {
        app.person_of("rae@example.com").await;
        ask(app, "rae@example.com").await.is(202);
        let token = mailed(app).await;
        let rows: Vec<String> =
            sqlx::query_scalar("select m::text from mails m union all select s::text from sessions s")
                .fetch_all(&mut app.db().await)
                .await
                .unwrap();
        assert!(rows.iter().all(|row| !row.contains(&token)), "{rows:?}");
    });
}

#[test]
fn a_session_is_no_link_and_a_link_no_session() {
    house(async |app| {
        let person = app.person_of("rae@example.com").await;
        set(app, &person.token, NEW).await.is(404);
        ask(app, "rae@example.com").await.is(202);
        let token = mailed(app).await;
        app.bearer(token).get("/portal/v1/programs").await.is(401);
    });
}
