//! Documents whose values cannot be.

use serde_json::{Value, json};

use super::{nothing_is_stored, refused, writer};
use crate::house::{TestApp, house_with, product_body};
use crate::v1::product_with;

/// Fields of a new product and of a new session, each sent alone over a good body.
async fn sent(app: &TestApp, path: &str, field: &str, value: &Value) -> crate::house::actor::Answer {
    let mut body = if path == "/v1/products" { product_body("Studio Pro") } else { app.cart("prod_x", 1) };
    body[field] = value.clone();
    writer(app, path).post(path, body).await
}

const PRODUCTS: &str = "/v1/products";
const SESSIONS: &str = "/checkout/v1/sessions";

#[test]
fn a_nul_in_any_text_is_refused() {
    nothing_is_stored(async |app| {
        for (path, fields) in [
            (PRODUCTS, vec!["name", "type", "currency", "description"]),
            (SESSIONS, vec!["shop", "mode", "email", "gateway", "return_url", "coupon_code", "campaign"]),
        ] {
            for field in fields {
                for text in ["\0", "a\0b", "https://a\0.example"] {
                    let answer = sent(app, path, field, &json!(text)).await;
                    refused(7, (field, text), &answer, 422, "unprocessable");
                    answer.blames(field);
                }
            }
        }
        for fields in [json!({ "a\0": "b" }), json!({ "a": "b\0" })] {
            let answer = sent(app, SESSIONS, "custom_fields", &fields).await;
            refused(7, &fields, &answer, 422, "unprocessable");
        }
    });
}

#[test]
fn a_missing_field_is_named() {
    nothing_is_stored(async |app| {
        for (path, body) in [(PRODUCTS, product_body("Studio Pro")), (SESSIONS, app.cart("prod_x", 1))] {
            for field in body.as_object().unwrap().keys().filter(|field| *field != "mode") {
                let mut without = body.clone();
                without.as_object_mut().unwrap().remove(field);
                for (case, body) in [("absent", without), ("null", with(&body, field, Value::Null))] {
                    let answer = writer(app, path).post(path, body).await;
                    refused(15, (field, case), &answer, 400, "invalid_request");
                    answer.blames(field);
                }
            }
        }
    });
}

fn with(body: &Value, field: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[field] = value;
    body
}

#[test]
fn a_value_of_another_type_is_refused() {
    nothing_is_stored(async |app| {
        let texts = [json!(1), json!(true), json!(["a"]), json!({}), json!(1.5)];
        let numbers = [json!("1"), json!(true), json!([1]), json!({}), json!("")];
        let lists = [json!("a"), json!(1), json!({ "0": {} }), json!(false)];
        let cases: [(&str, &[&str], &[Value]); 5] = [
            (PRODUCTS, &["name", "type", "currency", "description"], &texts),
            (PRODUCTS, &["price_cents", "stock"], &numbers),
            (SESSIONS, &["shop", "mode", "email", "gateway", "return_url", "coupon_code", "ref"], &texts),
            (SESSIONS, &["items"], &lists),
            (SESSIONS, &["custom_fields"], &lists[..2]),
        ];
        for (path, fields, values) in cases {
            for field in fields {
                for value in values {
                    let answer = sent(app, path, field, value).await;
                    refused(16, (field, value), &answer, 422, "unprocessable");
                    answer.blames(field);
                }
            }
        }
    });
}

#[test]
fn an_unknown_or_privileged_field_is_refused() {
    nothing_is_stored(async |app| {
        let names = ["balance", "shop_id", "id", "slug", "created_at", "archived_at", "Name", "", "$ne", "__proto__"];
        for path in [PRODUCTS, SESSIONS] {
            for field in names.into_iter().chain(["status"]) {
                let answer = sent(app, path, field, &json!("paid")).await;
                refused(17, (path, field), &answer, 422, "unprocessable");
                answer.blames(field);
            }
        }
    });
}

#[test]
fn a_quantity_that_is_none_is_refused() {
    nothing_is_stored(async |app| {
        for (row, quantity) in [
            (18, "0"),
            (18, "-1"),
            (18, "-0.0"),
            (19, "2147483648"),
            (19, "4294967297"),
            (19, "9223372036854775808"),
            (19, "18446744073709551617"),
            (19, "1e40"),
            (20, "1.5"),
            (20, "0.999999"),
        ] {
            let line = format!(r#"[{{"product_id":"prod_x","quantity":{quantity}}}]"#);
            let cart = app.cart("", 1).to_string();
            let old = r#"[{"product_id":"","quantity":1}]"#;
            assert!(cart.contains(old), "{cart}");
            let answer = app.stranger().post_bytes(SESSIONS, cart.replace(old, &line)).await;
            refused(row, quantity, &answer, 422, "unprocessable");
            answer.blames("items[0].quantity");
        }
    });
}

#[test]
fn a_number_beyond_all_numbers_is_refused() {
    nothing_is_stored(async |app| {
        for number in ["1e400", "-1e400", "1e99999999999"] {
            let body = product_body("Studio Pro").to_string().replace("4900", number);
            let answer = app.merchant().post_bytes(PRODUCTS, body).await;
            refused(19, number, &answer, 422, "unprocessable");
        }
    });
}

#[test]
fn a_whole_number_may_be_spelled_as_a_fraction() {
    house_with("", async |app| {
        for number in ["4900.0", "49e2", "4.9E3", "49000e-1"] {
            let body = product_body("Studio Pro").to_string().replace("4900", number);
            let answer = app.merchant().post_bytes(PRODUCTS, body).await;
            assert_eq!(answer.is(201).json()["price_cents"], 4_900, "row 20: {number}");
        }
    });
}

#[test]
fn a_price_that_is_none_is_refused() {
    nothing_is_stored(async |app| {
        for price in
            ["-1", "9.99", "0.1", "9007199254740993", "100000000000", "9223372036854775807", "-9223372036854775808"]
        {
            let body = product_body("Studio Pro").to_string().replace("4900", price);
            let answer = app.merchant().post_bytes(PRODUCTS, body).await;
            refused(21, price, &answer, 422, "unprocessable");
            answer.blames("price_cents");
        }
    });
}

#[test]
fn a_currency_that_is_none_is_refused() {
    nothing_is_stored(async |app| {
        for currency in
            ["usd", "Usd", "USDD", "US", "XXX", "XTS", "XAU", "ZZZ", "BTC", "", " USD", "U$D", "ＵＳＤ", "840"]
        {
            let answer = sent(app, PRODUCTS, "currency", &json!(currency)).await;
            refused(23, currency, &answer, 422, "unprocessable");
            answer.blames("currency");
        }
    });
}

#[test]
fn an_address_that_is_none_is_refused() {
    nothing_is_stored(async |app| {
        let long = format!("{}@example.com", "a".repeat(300));
        let labels = format!("a@{}.com", "b".repeat(64));
        for email in [
            "",
            "a@",
            "@example.com",
            "a",
            "a b@example.com",
            "a@localhost",
            "a@@example.com",
            "a@exa mple.com",
            "a@.com",
            "a@example..com",
            "a@[127.0.0.1]",
            "a@example.com,b@example.com",
            "a@example.com;b@example.com",
            "Ada <ada@example.com>",
            "\"ada\"@example.com",
            "a@example.com\r\nBcc: b@example.com",
            "a@example.com\n",
            "\u{202e}a@example.com\u{2028}",
            &long,
            &labels,
        ] {
            let answer = sent(app, SESSIONS, "email", &json!(email)).await;
            refused(25, email, &answer, 422, "unprocessable");
            answer.blames("email");
        }
    });
}

#[test]
fn a_name_with_nothing_to_see_is_refused() {
    nothing_is_stored(async |app| {
        let long = "x".repeat(500_000);
        for name in
            ["", " ", "\t\n", "\u{a0}\u{3000}", "\u{200b}\u{feff}", "\u{202e}", "a\nb", "a\u{7f}", "a\u{85}b", &long]
        {
            let answer = sent(app, PRODUCTS, "name", &json!(name)).await;
            refused(26, name, &answer, 422, "unprocessable");
            answer.blames("name");
        }
    });
}

#[test]
fn any_other_text_is_kept_as_it_is() {
    house_with("", async |app| {
        for (row, text) in [
            (26, "Key 🔑 👩‍👩‍👧"),
            (26, "a\u{202e}b"),
            (26, "ﷺ and Z̸̡̢a̷"),
            (27, "<script>alert(1)</script>"),
            (27, "[x](javascript:alert(1)) <img src=x onerror=alert(1)>"),
            (27, "{{ 7 * 7 }} ${7*7} <%= 7 %>"),
            (28, "' OR 1=1--"),
            (28, "'; drop table products; --"),
            (28, "100% _off_ \\"),
        ] {
            let body = product_with(json!({ "name": text, "description": text }));
            let answer = app.merchant().post(PRODUCTS, body).await;
            let made = answer.is(201).json();
            assert_eq!((&made["name"], &made["description"]), (&json!(text), &json!(text)), "row {row}");
        }
    });
}
