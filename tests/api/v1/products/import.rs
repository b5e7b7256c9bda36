//! Loading codes into a product's pool.

use serde_json::{Value, json};

use crate::house::{TestApp, house};
use crate::v1::{path_of, product};

/// Sends codes to a live product.
async fn import(app: &TestApp, product: &Value, keys: Value) -> crate::house::actor::Answer {
    app.merchant().post(&format!("{}/keys", path_of(product)), json!({ "keys": keys })).await
}

#[track_caller]
fn counts(answer: &crate::house::actor::Answer) -> [i64; 3] {
    answer.is(201);
    ["imported", "duplicates", "stock_after"].map(|name| answer.json()[name].as_i64().unwrap())
}

#[test]
fn an_import_says_what_it_did() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let answer = import(app, &made, json!(["AAAA-1", "AAAA-2", "AAAA-1"])).await;
        insta::assert_json_snapshot!(answer.is(201).masked(), @r#"
        {
          "duplicates": 1,
          "imported": 2,
          "stock_after": 2
        }
        "#);
    });
}

#[test]
fn the_stock_is_the_number_of_free_codes() {
    house(async |app| {
        let made = product(app, json!({})).await;
        import(app, &made, json!(["A", "B", "C"])).await.is(201);
        assert_eq!(app.merchant().get(&path_of(&made)).await.json()["stock"], 3);
        assert_eq!(app.merchant().get("/v1/products").await.json()["data"][0]["stock"], 3);
        app.settle().await;
        assert_eq!(app.merchant().get(&path_of(&made)).await.json()["stock"], 3);
    });
}

#[test]
fn codes_are_cut_of_surrounding_white_space() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let answer = import(app, &made, json!([" A\r\n", "A", "\tA ", "\u{a0}A", "A A"])).await;
        assert_eq!(counts(&answer), [2, 3, 2]);
    });
}

#[test]
fn what_was_imported_before_is_a_duplicate() {
    house(async |app| {
        let made = product(app, json!({})).await;
        import(app, &made, json!(["A", "B"])).await.is(201);
        assert_eq!(counts(&import(app, &made, json!(["B", "C", "B"])).await), [1, 2, 3]);
    });
}

#[test]
fn codes_differ_by_case() {
    house(async |app| {
        let made = product(app, json!({})).await;
        assert_eq!(counts(&import(app, &made, json!(["abc", "ABC"])).await), [2, 0, 2]);
    });
}

#[test]
fn two_products_may_hold_the_same_code() {
    house(async |app| {
        for _ in 0..2 {
            let made = product(app, json!({})).await;
            assert_eq!(counts(&import(app, &made, json!(["A"])).await), [1, 0, 1]);
        }
    });
}

#[test]
fn a_sold_code_cannot_come_back() {
    house(async |app| {
        let sold = app.stocked(&["A", "B"]).await;
        app.pay(&app.checkout(&sold, 1).await).await;
        let path = format!("/v1/products/{sold}/keys");
        let answer = app.test_merchant().post(&path, json!({ "keys": ["A", "B", "C"] })).await;
        assert_eq!(counts(&answer), [1, 2, 2]);
    });
}

#[test]
fn a_reserved_code_is_a_duplicate_too() {
    house(async |app| {
        let reserved = app.stocked(&["A"]).await;
        app.checkout(&reserved, 1).await;
        let path = format!("/v1/products/{reserved}/keys");
        let answer = app.test_merchant().post(&path, json!({ "keys": ["A"] })).await;
        assert_eq!(counts(&answer), [0, 1, 0]);
    });
}

#[test]
fn an_import_holds_1_to_5_000_codes() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let codes = |count: u32| -> Value { (0..count).map(|i| format!("CODE-{i}")).collect() };
        import(app, &made, codes(0)).await.is(422).blames("keys");
        import(app, &made, codes(5_001)).await.is(422).blames("keys");
        assert_eq!(counts(&import(app, &made, codes(1)).await), [1, 0, 1]);
        assert_eq!(counts(&import(app, &made, codes(5_000)).await), [4_999, 1, 5_000]);
    });
}

#[test]
fn five_thousand_equal_codes_are_one() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let equal: Value = (0..5_000).map(|_| "SAME").collect();
        assert_eq!(counts(&import(app, &made, equal).await), [1, 4_999, 1]);
    });
}

#[test]
fn a_code_has_up_to_4_096_bytes() {
    house(async |app| {
        let made = product(app, json!({})).await;
        assert_eq!(counts(&import(app, &made, json!(["x".repeat(4_096)])).await), [1, 0, 1]);
        import(app, &made, json!(["fine", "x".repeat(4_097)])).await.is(422).blames("keys[1]");
        import(app, &made, json!(["ü".repeat(2_049)])).await.is(422).blames("keys[0]");
    });
}

#[test]
fn one_bad_code_refuses_the_whole_import() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let answer = import(app, &made, json!(["A", "", "B", " \r\n", "C\u{0}", 7, null])).await;
        answer.is(422).is_problem("unprocessable");
        insta::assert_json_snapshot!(answer.json()["errors"], @r#"
        {
          "keys[1]": [
            "must not be empty"
          ],
          "keys[3]": [
            "must not be empty"
          ],
          "keys[4]": [
            "must not hold a NUL character"
          ],
          "keys[5]": [
            "must be a string"
          ],
          "keys[6]": [
            "must be a string"
          ]
        }
        "#);
        assert_eq!(app.merchant().get(&path_of(&made)).await.json()["stock"], 0);
    });
}

#[test]
fn a_refused_code_is_never_repeated_in_the_answer() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let answer = import(app, &made, json!([format!("SECRET{}", "x".repeat(10_240))])).await;
        assert!(!answer.is(422).text().contains("SECRET"), "{}", answer.text());
    });
}

#[test]
fn an_account_product_gets_its_pool_with_its_first_code() {
    house(async |app| {
        let made = product(app, json!({ "type": "account", "stock": 9 })).await;
        assert_eq!(made["stock"], 9);
        assert_eq!(counts(&import(app, &made, json!(["user:pass"])).await), [1, 0, 1]);
        assert_eq!(app.merchant().get(&path_of(&made)).await.json()["stock"], 1);
    });
}

#[test]
fn the_first_codes_of_an_account_product_may_come_twice_at_once() {
    house(async |app| {
        let made = product(app, json!({ "type": "account" })).await;
        let (one, two) = tokio::join!(import(app, &made, json!(["A"])), import(app, &made, json!(["B"])));
        assert_eq!(counts(&one)[0] + counts(&two)[0], 2);
        assert_eq!(app.merchant().get(&path_of(&made)).await.json()["stock"], 2);
    });
}

#[test]
fn other_types_take_no_codes() {
    house(async |app| {
        for r#type in ["physical", "dynamic", "file_download", "subscription"] {
            let made = product(app, json!({ "type": r#type })).await;
            import(app, &made, json!(["A"])).await.is(422).blames("keys");
        }
    });
}

#[test]
fn an_archived_product_still_takes_codes() {
    house(async |app| {
        let made = product(app, json!({})).await;
        app.merchant().delete(&path_of(&made)).await.is(200);
        assert_eq!(counts(&import(app, &made, json!(["A"])).await), [1, 0, 1]);
    });
}

#[test]
fn two_equal_imports_at_once_import_once() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let codes: Value = (0..200).map(|i| format!("CODE-{i}")).collect();
        let (one, two) = tokio::join!(import(app, &made, codes.clone()), import(app, &made, codes));
        let mut imported = [counts(&one)[0], counts(&two)[0]];
        imported.sort_unstable();
        assert_eq!(imported, [0, 200]);
        assert_eq!([counts(&one)[2], counts(&two)[2]], [200, 200]);
    });
}

#[test]
fn an_import_under_one_key_happens_once() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let merchant = app.merchant().idempotent("import-1");
        let path = format!("{}/keys", path_of(&made));
        let first = merchant.post(&path, json!({ "keys": ["A"] })).await;
        let again = merchant.post(&path, json!({ "keys": ["A"] })).await;
        assert_eq!(counts(&again), [1, 0, 1]);
        assert_eq!(again.bytes, first.bytes);
    });
}

#[test]
fn no_code_lies_in_clear_in_the_database() {
    house(async |app| {
        let made = product(app, json!({})).await;
        app.merchant()
            .idempotent("k")
            .post(&format!("{}/keys", path_of(&made)), json!({ "keys": ["CLEAR-TEXT"] }))
            .await;
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("select sealed || code_hash from serials").fetch_all(&mut app.db().await).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert!(!rows[0].windows(10).any(|bytes| bytes == b"CLEAR-TEXT"));
    });
}
