use chrono::Duration;
use serde_json::{Value, json};

use crate::house::house;
use crate::v1::{path_of, product};

#[test]
fn a_change_is_answered_whole() {
    house(async |app| {
        let made = product(app, json!({})).await;
        app.advance(Duration::hours(1));
        let body = json!({ "name": "Studio Max", "price_cents": 5_900, "description": "New", "status": "draft" });
        let answer = app.merchant().patch(&path_of(&made), body).await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "created_at": "2026-05-26T07:18:03Z",
          "currency": "USD",
          "description": "New",
          "dynamic_webhook": null,
          "file_id": null,
          "id": "[id]",
          "name": "Studio Max",
          "price_cents": 5900,
          "service_text": null,
          "slug": "studio-pro",
          "status": "draft",
          "stock": 0,
          "type": "license_key",
          "updated_at": "2026-05-26T08:18:03Z"
        }
        "#);
    });
}

#[test]
fn absent_fields_stay_as_they_are() {
    house(async |app| {
        let mut made = product(app, json!({ "type": "physical", "description": "Kept", "stock": 3 })).await;
        let answer = app.merchant().patch(&path_of(&made), json!({ "price_cents": 1 })).await;
        made["price_cents"] = json!(1);
        assert_eq!(*answer.is(200).json(), made);
    });
}

#[test]
fn an_empty_change_changes_nothing() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let answer = app.merchant().patch(&path_of(&made), json!({})).await;
        assert_eq!(*answer.is(200).json(), made);
    });
}

#[test]
fn null_empties_what_may_be_empty() {
    house(async |app| {
        let made = product(app, json!({ "type": "physical", "description": "Gone", "stock": 3 })).await;
        let answer = app.merchant().patch(&path_of(&made), json!({ "description": null, "stock": null })).await;
        let changed = answer.is(200).json();
        assert_eq!((&changed["description"], &changed["stock"]), (&Value::Null, &Value::Null));
    });
}

#[test]
fn null_is_refused_where_something_must_stand() {
    house(async |app| {
        let made = product(app, json!({})).await;
        for field in ["name", "price_cents", "status"] {
            app.merchant().patch(&path_of(&made), json!({ field: null })).await.is(422).blames(field);
        }
    });
}

#[test]
fn what_a_product_is_cannot_be_changed() {
    house(async |app| {
        let made = product(app, json!({})).await;
        for (field, value) in [
            ("type", json!("physical")),
            ("currency", json!("EUR")),
            ("slug", json!("mine")),
            ("id", made["id"].clone()),
            ("created_at", json!("2020-01-01T00:00:00Z")),
        ] {
            app.merchant().patch(&path_of(&made), json!({ field: value })).await.is(422).blames(field);
        }
    });
}

#[test]
fn a_slug_stays_when_the_name_changes() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let answer = app.merchant().patch(&path_of(&made), json!({ "name": "Something else" })).await;
        assert_eq!(answer.is(200).json()["slug"], "studio-pro");
    });
}

#[test]
fn counted_stock_is_set_anew() {
    house(async |app| {
        let made = product(app, json!({ "type": "physical" })).await;
        let answer = app.merchant().patch(&path_of(&made), json!({ "stock": 12 })).await;
        assert_eq!(answer.is(200).json()["stock"], 12);
    });
}

#[test]
fn the_stock_of_a_pooled_product_cannot_be_set() {
    house(async |app| {
        let made = product(app, json!({})).await;
        for stock in [json!(5), json!(null)] {
            app.merchant().patch(&path_of(&made), json!({ "stock": stock })).await.is(422).blames("stock");
        }
    });
}

#[test]
fn an_account_products_stock_can_be_set_until_its_first_code() {
    house(async |app| {
        let made = product(app, json!({ "type": "account" })).await;
        let set_stock = || app.merchant();
        set_stock().patch(&path_of(&made), json!({ "stock": 5 })).await.is(200);
        let keys = format!("{}/keys", path_of(&made));
        app.merchant().post(&keys, json!({ "keys": ["user:pass"] })).await.is(201);
        set_stock().patch(&path_of(&made), json!({ "stock": 5 })).await.is(422).blames("stock");
    });
}

#[test]
fn a_product_without_a_source_cannot_be_activated() {
    house(async |app| {
        for r#type in ["dynamic", "file_download"] {
            let made = product(app, json!({ "type": r#type })).await;
            app.merchant().patch(&path_of(&made), json!({ "status": "active" })).await.is(422).blames("status");
            app.merchant().patch(&path_of(&made), json!({ "status": "archived" })).await.is(200);
        }
    });
}

#[test]
fn a_product_goes_from_draft_to_active_and_back() {
    house(async |app| {
        let made = product(app, json!({})).await;
        for status in ["draft", "active", "draft", "archived", "draft", "archived", "active"] {
            let answer = app.merchant().patch(&path_of(&made), json!({ "status": status })).await;
            assert_eq!(answer.is(200).json()["status"], status);
        }
    });
}

#[test]
fn every_change_is_told() {
    house(async |app| {
        let made = product(app, json!({})).await;
        app.merchant().patch(&path_of(&made), json!({ "price_cents": 1 })).await.is(200);
        app.merchant().patch(&path_of(&made), json!({ "status": "archived" })).await.is(200);
        app.merchant().patch(&path_of(&made), json!({ "status": "active" })).await.is(200);
        let told = ["product.created", "product.updated", "product.archived", "product.updated"];
        assert_eq!(app.events().await, told);
    });
}

#[test]
fn a_refused_change_changes_nothing() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let half_right = json!({ "name": "New name", "price_cents": -1 });
        app.merchant().patch(&path_of(&made), half_right).await.is(422).blames("price_cents");
        assert_eq!(*app.merchant().get(&path_of(&made)).await.json(), made);
        assert_eq!(app.events().await, ["product.created"]);
    });
}
