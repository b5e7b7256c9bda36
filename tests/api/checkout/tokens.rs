//! A session's token opens that session and nothing else.

use serde_json::json;

use super::{buyer, path_of};
use crate::house::house;

#[test]
fn without_its_token_a_session_is_closed() {
    house(async |app| {
        let product = app.stocked(&["CODE-IN-CLEAR"]).await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        let answer = app.stranger().get(&path_of(&session)).await;
        insta::assert_json_snapshot!(answer.is(401).masked(), @r#"
        {
          "detail": "Send a key as `Authorization: Bearer …`.",
          "request_id": "[request_id]",
          "status": 401,
          "title": "Missing or invalid credential",
          "type": "unauthenticated"
        }
        "#);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    });
}

#[test]
fn without_its_token_a_session_cannot_be_paid() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        app.stranger().post(&format!("{}/pay", path_of(&session)), json!({})).await.is(401);
        assert_eq!(super::seen(app, &session).await["status"], "awaiting_payment");
    });
}

#[test]
fn another_sessions_token_finds_nothing() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let (mine, theirs) = (app.checkout(&product, 1).await, app.checkout(&product, 1).await);
        app.pay(&theirs).await;
        let peek = buyer(app, &mine).get(&path_of(&theirs)).await;
        let nowhere = buyer(app, &mine).get("/checkout/v1/sessions/01890000-0000-7000-8000-000000000000").await;
        assert_eq!(peek.is(404).masked(), nowhere.is(404).masked());
        buyer(app, &theirs).post(&format!("{}/pay", path_of(&mine)), json!({})).await.is(404);
        assert_eq!(super::seen(app, &mine).await["status"], "awaiting_payment");
    });
}

#[test]
fn both_spellings_of_an_id_open_a_session() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let path = format!("/checkout/v1/sessions/{}", session["order_id"].as_str().unwrap());
        let by_order_id = buyer(app, &session).get(&path).await;
        assert_eq!(*by_order_id.is(200).json(), super::seen(app, &session).await);
    });
}

#[test]
fn an_api_key_is_no_token() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let answer = app.test_merchant().get(&path_of(&session)).await;
        answer.is(401).is_problem("unauthenticated");
        assert!(answer.text().contains("sx_") && answer.text().contains("cs_"), "{}", answer.text());
    });
}

#[test]
fn a_token_is_no_api_key() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let answer = buyer(app, &session).get("/v1/orders").await;
        answer.is(401).is_problem("unauthenticated");
        assert!(answer.text().contains("cs_") && answer.text().contains("sx_"), "{}", answer.text());
        buyer(app, &session).get("/dev/v1/me").await.is(401).has_code("UNAUTHORIZED");
    });
}

#[test]
fn a_token_nobody_was_given_is_refused() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        let mut token = session["token"].as_str().unwrap().to_owned();
        token.replace_range(5..6, if &token[5..6] == "A" { "B" } else { "A" });
        app.bearer(token).get(&path_of(&session)).await.is(401);
    });
}

#[test]
fn no_token_lies_in_the_database() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let opener = app.stranger().idempotent("a-key-of-22-characters");
        let session = opener.post("/checkout/v1/sessions", app.cart(&product, 1)).await;
        let token = session.is(201).json()["token"].as_str().unwrap().to_owned();
        let mut db = app.db().await;
        for table in ["orders", "directory", "idempotency", "events"] {
            let sql = sqlx::AssertSqlSafe(format!("select coalesce(string_agg(t::text, ''), '') from {table} t"));
            let rows: String = sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap();
            assert!(!rows.contains(&token), "{table}");
        }
    });
}
