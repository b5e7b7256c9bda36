use axum::http::Method;
use chrono::Duration;
use serde_json::json;

use crate::house::house;
use crate::v1::{path_of, product};

#[test]
fn deleting_archives() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let answer = app.merchant().delete(&path_of(&made)).await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "archived_at": "2026-05-26T07:18:03Z",
          "deleted": true,
          "id": "[id]"
        }
        "#);
    });
}

#[test]
fn an_archived_product_can_still_be_read() {
    house(async |app| {
        let made = product(app, json!({})).await;
        app.merchant().delete(&path_of(&made)).await.is(200);
        let read = app.merchant().get(&path_of(&made)).await;
        assert_eq!(read.is(200).json()["status"], "archived");
    });
}

#[test]
fn deleting_twice_keeps_the_first_date_and_tells_once() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let first = app.merchant().delete(&path_of(&made)).await;
        app.advance(Duration::days(1));
        let second = app.merchant().delete(&path_of(&made)).await;
        assert_eq!(second.is(200).json(), first.json());
        let archived = app.events().await.into_iter().filter(|topic| topic == "product.archived").count();
        assert_eq!(archived, 1);
    });
}

#[test]
fn an_archived_product_comes_back_with_its_codes() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let keys = format!("{}/keys", path_of(&made));
        app.merchant().post(&keys, json!({ "keys": ["A", "B"] })).await.is(201);
        app.merchant().delete(&path_of(&made)).await.is(200);
        let back = app.merchant().patch(&path_of(&made), json!({ "status": "active" })).await;
        assert_eq!((&back.is(200).json()["status"], &back.json()["stock"]), (&json!("active"), &json!(2)));
    });
}

#[test]
fn a_product_archived_again_has_a_new_date() {
    house(async |app| {
        let made = product(app, json!({})).await;
        app.merchant().delete(&path_of(&made)).await.is(200);
        app.merchant().patch(&path_of(&made), json!({ "status": "draft" })).await.is(200);
        app.advance(Duration::days(1));
        let again = app.merchant().delete(&path_of(&made)).await;
        assert_eq!(again.is(200).json()["archived_at"], "2026-05-27T07:18:03Z");
    });
}

#[test]
fn an_archived_products_slug_stays_taken() {
    house(async |app| {
        let made = product(app, json!({})).await;
        app.merchant().delete(&path_of(&made)).await.is(200);
        assert_eq!(product(app, json!({})).await["slug"], "studio-pro-2");
    });
}

#[test]
fn deleting_takes_no_body_fields() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let (merchant, path) = (app.merchant(), path_of(&made));
        let send = |body: &str| merchant.send(Method::DELETE, &path, Some(body.into()));
        send(r#"{"hard":true}"#).await.is(422).blames("hard");
        send("{}").await.is(200);
    });
}
