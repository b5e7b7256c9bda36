use serde_json::{Value, json};

use crate::house::{house, product_body};
use crate::v1::{id, path_of, product, product_with};

#[test]
fn a_new_product_is_answered_whole() {
    house(async |app| {
        let body = product_with(json!({ "description": "Studio\n\nFor *one* seat." }));
        let answer = app.merchant().post("/v1/products", body).await;
        insta::assert_json_snapshot!(answer.is(201).masked(), @r#"
        {
          "created_at": "2026-05-26T07:18:03Z",
          "currency": "USD",
          "description": "Studio\n\nFor *one* seat.",
          "dynamic_webhook": null,
          "file_id": null,
          "id": "[id]",
          "name": "Studio Pro",
          "price_cents": 4900,
          "service_text": null,
          "slug": "studio-pro",
          "status": "active",
          "stock": 0,
          "type": "license_key",
          "updated_at": "2026-05-26T07:18:03Z"
        }
        "#);
    });
}

#[test]
fn a_product_reads_back_as_it_was_answered() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let read = app.merchant().get(&path_of(&made)).await;
        assert_eq!(*read.is(200).json(), made);
    });
}

#[test]
fn both_spellings_of_an_id_find_it() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let uuid: uuid::Uuid =
            sqlx::query_scalar("select id from products").fetch_one(&mut app.db().await).await.unwrap();
        let read = app.merchant().get(&format!("/v1/products/{uuid}")).await;
        assert_eq!(*read.is(200).json(), made);
    });
}

#[test]
fn each_type_starts_with_its_own_status_and_stock() {
    house(async |app| {
        for (r#type, status, stock) in [
            ("license_key", "active", json!(0)),
            ("account", "active", Value::Null),
            ("file_download", "draft", Value::Null),
            ("dynamic", "draft", Value::Null),
            ("physical", "active", Value::Null),
            ("subscription", "active", Value::Null),
        ] {
            let made = product(app, json!({ "type": r#type })).await;
            assert_eq!((&made["status"], &made["stock"]), (&json!(status), &stock), "{type}");
        }
    });
}

#[test]
fn a_price_is_from_nothing_to_a_billion_dollars() {
    house(async |app| {
        for price in [0, 99_999_999_999_i64] {
            let made = product(app, json!({ "price_cents": price })).await;
            assert_eq!(made["price_cents"], price);
        }
        let dearer = product_with(json!({ "price_cents": 100_000_000_000_i64 }));
        app.merchant().post("/v1/products", dearer).await.is(422).blames("price_cents");
    });
}

#[test]
fn a_name_has_up_to_200_characters_and_is_trimmed() {
    house(async |app| {
        let longest = "ü".repeat(200);
        let made = product(app, json!({ "name": format!("  {longest}\t") })).await;
        assert_eq!(made["name"], longest);
        let longer = product_body(&"ü".repeat(201));
        app.merchant().post("/v1/products", longer).await.is(422).blames("name");
    });
}

#[test]
fn a_description_has_up_to_20_000_characters() {
    house(async |app| {
        let longest = "é\n".repeat(10_000);
        let made = product(app, json!({ "description": longest })).await;
        assert_eq!(made["description"], longest);
        let longer = product_with(json!({ "description": "é".repeat(20_001) }));
        app.merchant().post("/v1/products", longer).await.is(422).blames("description");
    });
}

#[test]
fn counted_stock_is_from_none_to_a_billion() {
    house(async |app| {
        for stock in [0, 1_000_000_000] {
            let made = product(app, json!({ "type": "physical", "stock": stock })).await;
            assert_eq!(made["stock"], stock);
        }
        for stock in [-1, 1_000_000_001] {
            let wrong = product_with(json!({ "type": "physical", "stock": stock }));
            app.merchant().post("/v1/products", wrong).await.is(422).blames("stock");
        }
    });
}

#[test]
fn a_pooled_product_is_given_no_stock_number() {
    house(async |app| {
        let counted = product_with(json!({ "stock": 5 }));
        app.merchant().post("/v1/products", counted).await.is(422).blames("stock");
        assert_eq!(product(app, json!({ "stock": null })).await["stock"], 0);
    });
}

#[test]
fn null_is_as_good_as_absent_for_what_is_optional() {
    house(async |app| {
        let made = product(app, json!({ "type": "physical", "description": null, "stock": null })).await;
        assert_eq!((&made["description"], &made["stock"]), (&Value::Null, &Value::Null));
    });
}

#[test]
fn equal_names_get_slugs_that_count_up() {
    house(async |app| {
        for slug in ["studio-pro", "studio-pro-2", "studio-pro-3"] {
            assert_eq!(product(app, json!({ "name": "Studio Pro!" })).await["slug"], slug);
        }
        assert_eq!(product(app, json!({ "name": "Studio Pro 2" })).await["slug"], "studio-pro-2-2");
        assert_eq!(product(app, json!({ "name": "Studio Pro" })).await["slug"], "studio-pro-4");
    });
}

#[test]
fn a_name_without_a_latin_letter_still_gets_a_slug() {
    house(async |app| {
        assert_eq!(product(app, json!({ "name": "鍵" })).await["slug"], "product");
        assert_eq!(product(app, json!({ "name": "🔑" })).await["slug"], "product-2");
    });
}

#[test]
fn slugs_are_each_shops_and_each_modes_own() {
    house(async |app| {
        let other = app.another_shop().await;
        for caller in [app.merchant(), app.test_merchant(), app.bearer(&other.live)] {
            let made = caller.post("/v1/products", product_body("Studio Pro")).await;
            assert_eq!(made.is(201).json()["slug"], "studio-pro");
        }
    });
}

#[test]
fn two_equal_names_at_once_both_find_a_slug() {
    house(async |app| {
        let merchant = app.merchant();
        let create = || merchant.post("/v1/products", product_body("Studio Pro"));
        let (one, two) = tokio::join!(create(), create());
        let mut slugs = [one.is(201).json()["slug"].clone(), two.is(201).json()["slug"].clone()];
        slugs.sort_by_key(ToString::to_string);
        assert_eq!(slugs, ["studio-pro", "studio-pro-2"]);
    });
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    house(async |app| {
        let answer = app.merchant().post("/v1/products", json!({})).await;
        answer.is(400).is_problem("invalid_request");
        insta::assert_json_snapshot!(answer.masked(), @r#"
        {
          "detail": "Mend currency, name, price_cents, type and send it again.",
          "errors": {
            "currency": [
              "is required"
            ],
            "name": [
              "is required"
            ],
            "price_cents": [
              "is required"
            ],
            "type": [
              "is required"
            ]
          },
          "request_id": "[request_id]",
          "status": 400,
          "title": "A required field is missing",
          "type": "invalid_request"
        }
        "#);
    });
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    house(async |app| {
        let body = json!({ "name": " ", "type": "toy", "price_cents": -1, "currency": "usd", "color": "red" });
        let answer = app.merchant().post("/v1/products", body).await;
        answer.is(422).is_problem("unprocessable");
        insta::assert_json_snapshot!(answer.masked(), @r#"
        {
          "detail": "Mend color, currency, name, price_cents, type and send it again.",
          "errors": {
            "color": [
              "is not a field of this request"
            ],
            "currency": [
              "must be an ISO 4217 code in upper case, such as USD"
            ],
            "name": [
              "must not be empty"
            ],
            "price_cents": [
              "must be between 0 and 99999999999"
            ],
            "type": [
              "must be one of license_key, account, file_download, dynamic, physical, subscription"
            ]
          },
          "request_id": "[request_id]",
          "status": 422,
          "title": "Validation failed",
          "type": "unprocessable"
        }
        "#);
    });
}

#[test]
fn a_creation_is_repeated_safely_under_its_key() {
    house(async |app| {
        let merchant = app.merchant().idempotent("new-product-1");
        let first = merchant.post("/v1/products", product_body("Studio Pro")).await;
        let again = merchant.post("/v1/products", product_body("Studio Pro")).await;
        assert_eq!(again.is(201).bytes, first.is(201).bytes);
        assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), (None, Some("true")));
        assert_eq!(app.events().await, ["product.created"]);
    });
}

#[test]
fn another_key_of_the_shop_meets_the_same_answer() {
    house(async |app| {
        let colleague = app.merchant_with(&["products:write"]).await.idempotent("new-product-1");
        let first = app.merchant().idempotent("new-product-1").post("/v1/products", product_body("Studio Pro")).await;
        let again = colleague.post("/v1/products", product_body("Studio Pro")).await;
        assert_eq!(again.is(201).bytes, first.bytes);
    });
}

#[test]
fn one_key_names_one_request_in_each_mode() {
    house(async |app| {
        let live = app.merchant().idempotent("k").post("/v1/products", product_body("Studio Pro")).await;
        let test = app.test_merchant().idempotent("k").post("/v1/products", product_body("Studio Pro")).await;
        assert_ne!(id(live.is(201).json()), id(test.is(201).json()));
    });
}

#[test]
fn an_idempotency_key_is_free_again_after_72_hours() {
    house(async |app| {
        let merchant = app.merchant().idempotent("monday");
        merchant.post("/v1/products", product_body("Studio Pro")).await.is(201);
        app.advance(chrono::Duration::hours(72) - chrono::Duration::seconds(1));
        merchant.post("/v1/products", product_body("Other")).await.is_conflict("idempotency_payload_mismatch");
        app.advance(chrono::Duration::seconds(1));
        let fresh = merchant.post("/v1/products", product_body("Other")).await;
        assert_eq!(fresh.is(201).header("idempotent-replayed"), None);
    });
}
