//! Bodies that are no document, or not one for us.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;
use tower::ServiceExt as _;

use super::{nothing_is_stored, refused, writer};
use crate::house::{house, product_body};
use crate::v1::{path_of, product};

const MIB: usize = 1 << 20;
const WRITES: [&str; 2] = ["/v1/products", "/checkout/v1/sessions"];

#[test]
fn what_is_not_one_json_object_is_refused() {
    nothing_is_stored(async |app| {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let deep_in_a_field = format!("{{\"name\":{deep}}}");
        let good = product_body("Studio Pro").to_string();
        let cases: Vec<(u8, Vec<u8>)> = vec![
            (1, b"{".into()),
            (1, b"".into()),
            (1, b" ".into()),
            (1, br#"{"name":"a",}"#.into()),
            (1, b"{'name':'a'}".into()),
            (1, b"name=a&price_cents=1".into()),
            (2, b"[]".into()),
            (2, format!("[{good}]").into()),
            (2, br#""text""#.into()),
            (2, b"null".into()),
            (2, b"true".into()),
            (2, b"1".into()),
            (3, format!("{good}{good}").into()),
            (3, format!("{good} x").into()),
            (3, format!("{good}\0").into()),
            (4, good.replacen('{', r#"{"price_cents":1,"#, 1).into()),
            (4, br#"{"a":{"b":1,"b":1}}"#.into()),
            (5, b"{\"name\":\"\xff\xfe\"}".into()),
            (5, b"{\"name\":\"\xc0\xaf\"}".into()),
            (5, br#"{"name":"\ud800"}"#.into()),
            (5, br#"{"name":"\udc00\ud800"}"#.into()),
            (6, format!("\u{feff}{good}").into()),
            (8, deep.into()),
            (8, deep_in_a_field.into()),
            (84, br#"{"price_cents":01}"#.into()),
            (84, br#"{"price_cents":+1}"#.into()),
            (84, br#"{"price_cents":0x10}"#.into()),
            (84, br#"{"price_cents":NaN}"#.into()),
            (84, br#"{"price_cents":-Infinity}"#.into()),
            (84, br#"{"price_cents":1.}"#.into()),
            (84, br#"{"price_cents":.5}"#.into()),
        ];
        for (row, body) in cases {
            for path in WRITES {
                let answer = writer(app, path).post_bytes(path, body.clone()).await;
                refused(row, String::from_utf8_lossy(&body), &answer, 400, "invalid_request");
            }
        }
    });
}

#[test]
fn a_body_too_large_is_refused_by_its_declared_length() {
    nothing_is_stored(async |app| {
        for (path, bytes) in [(WRITES[0], MIB + 1), (WRITES[1], MIB + 1), ("/v1/products/x/keys", 8 * MIB + 1)] {
            let caller = writer(app, path).header("content-length", &bytes.to_string());
            let answer = caller.post_bytes(path, "{}").await;
            refused(9, path, &answer, 413, "payload_too_large");
            assert_eq!(answer.header("connection"), Some("close"));
        }
    });
}

#[test]
fn a_body_that_grows_too_large_is_refused() {
    nothing_is_stored(async |app| {
        let body = format!("{}{}", product_body("Studio Pro"), " ".repeat(MIB));
        let answer = app.merchant().post_bytes("/v1/products", body).await;
        refused(10, "a body of unsaid length", &answer, 413, "payload_too_large");
        assert_eq!(answer.header("connection"), Some("close"));
    });
}

#[test]
fn a_body_of_just_the_limit_is_taken() {
    house(async |app| {
        let mut body = product_body("Studio Pro").to_string();
        body.push_str(&" ".repeat(MIB - body.len()));
        app.merchant().post_bytes("/v1/products", body).await.is(201);
    });
}

#[test]
fn an_import_may_be_larger_than_other_bodies() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let keys: Vec<String> = (0..1_000).map(|i| format!("{i:04096}")).collect();
        let answer = app.merchant().post(&format!("{}/keys", path_of(&made)), json!({ "keys": keys })).await;
        assert_eq!(answer.is(201).json()["imported"], 1_000);
    });
}

#[test]
fn a_body_of_another_type_is_refused() {
    nothing_is_stored(async |app| {
        let body = product_body("Studio Pro").to_string();
        let types = ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "application/xml"];
        for r#type in types {
            let answer = app.merchant().header("content-type", r#type).post_bytes("/v1/products", body.clone()).await;
            refused(12, r#type, &answer, 415, "unsupported_media_type");
        }
    });
}

#[test]
fn a_body_of_no_type_at_all_is_refused() {
    nothing_is_stored(async |app| {
        let request = Request::post("/v1/products")
            .header("authorization", format!("Bearer {}", app.merchant().token()))
            .body(Body::from(product_body("Studio Pro").to_string()));
        let response = app.router().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 415, "row 12");
    });
}

#[test]
fn json_may_name_its_charset_and_spell_itself_in_capitals() {
    house(async |app| {
        for r#type in ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"] {
            let caller = app.merchant().header("content-type", r#type);
            caller.post("/v1/products", product_body("Studio Pro")).await.is(201);
        }
    });
}

#[test]
fn a_compressed_body_is_refused() {
    nothing_is_stored(async |app| {
        for encoding in ["gzip", "br", "deflate", "zstd", "gzip, identity", "nonsense"] {
            let caller = app.merchant().header("content-encoding", encoding);
            let answer = caller.post("/v1/products", product_body("Studio Pro")).await;
            refused(13, encoding, &answer, 415, "unsupported_media_type");
        }
    });
}

#[test]
fn whatever_is_accepted_json_is_answered() {
    house(async |app| {
        for accept in ["text/html", "application/xml;q=1.0", "image/png", "*/*", "nonsense"] {
            let caller = app.merchant().header("accept", accept);
            let found = caller.get("/v1/products").await;
            assert_eq!(found.is(200).header("content-type"), Some("application/json"), "row 14: {accept}");
            caller.get("/v1/products/x").await.is(404).is_problem("not_found");
            caller.get("/nowhere").await.is(404).is_problem("not_found");
        }
    });
}

#[test]
fn a_read_ignores_a_body() {
    house(async |app| {
        app.merchant().send(Method::GET, "/v1/products", Some(b"{".into())).await.is(200);
    });
}
