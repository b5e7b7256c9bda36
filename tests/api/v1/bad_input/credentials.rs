//! Callers who are not who they should be.

use super::{nothing_is_stored, refused};
use crate::house::{house, product_body};

#[test]
fn without_a_credential_nobody_is_let_in() {
    nothing_is_stored(async |app| {
        for path in ["/v1/products", "/v1/orders", "/v1/customers", "/v1/api-keys", "/v1/products/x"] {
            let answer = app.stranger().get(path).await;
            refused(42, path, &answer, 401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        let answer = app.stranger().post("/v1/products", product_body("Studio Pro")).await;
        refused(42, "a write", &answer, 401, "unauthenticated");
        insta::assert_json_snapshot!(answer.masked(), @r#"
        {
          "detail": "Send a key as `Authorization: Bearer …`.",
          "request_id": "[request_id]",
          "status": 401,
          "title": "Missing or invalid credential",
          "type": "unauthenticated"
        }
        "#);
    });
}

#[test]
fn an_authorization_that_is_none_is_refused() {
    nothing_is_stored(async |app| {
        let key = app.merchant().token().to_owned();
        for authorization in [
            String::new(),
            "Bearer".into(),
            "Bearer ".into(),
            key.clone(),
            format!("Bearer {key} {key}"),
            format!("Bearer {key},{key}"),
            format!("Bearer {key}x"),
            format!("Bearer {key}é"),
            format!("Bearer\t{key}"),
            format!("Basic {key}"),
            "Basic dXNlcjpwYXNz".into(),
            format!("Bearer: {key}"),
            format!("Bearer \"{key}\""),
            format!("Bearer {}", key.to_uppercase()),
            "Bearer 🔑".into(),
            format!("Bearer {}", "a".repeat(10_000)),
        ] {
            let answer = app.stranger().header("authorization", &authorization).get("/v1/products").await;
            refused(43, &authorization, &answer, 401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    });
}

#[test]
fn an_endless_authorization_is_too_large() {
    nothing_is_stored(async |app| {
        let endless = format!("Bearer {}", "a".repeat(100 << 10));
        let answer = app.stranger().header("authorization", &endless).get("/v1/products").await;
        refused(43, "100 KiB", &answer, 431, "headers_too_large");
    });
}

#[test]
fn the_scheme_is_read_without_case() {
    house(async |app| {
        for scheme in ["bearer", "BEARER", "Bearer "] {
            let authorization = format!("{scheme} {}", app.merchant().token());
            app.stranger().header("authorization", &authorization).get("/v1/products").await.is(200);
        }
    });
}

#[test]
fn two_credentials_are_none() {
    nothing_is_stored(async |app| {
        let again = format!("Bearer {}", app.merchant().token());
        for second in ["Bearer x", "", &again] {
            let answer = app.merchant().header("authorization", second).get("/v1/products").await;
            refused(44, second, &answer, 401, "unauthenticated");
        }
        let answer = app.merchant().get("/v1/products?api_key=shr_x").await;
        refused(44, "header and query", &answer, 401, "unauthenticated");
    });
}

#[test]
fn a_key_that_is_not_well_formed_never_reaches_the_database() {
    house(async |app| {
        let key = app.merchant().token().to_owned();
        let other = if key.ends_with('0') { '1' } else { '0' };
        app.app.requests.close().await;
        for (case, wrong) in [
            ("checksum", format!("{}{other}", &key[..key.len() - 1])),
            ("prefix", key.replace("sx_live_", "sk_live_")),
            ("mode", key.replace("sx_live_", "sx_test_")),
            ("truncated", key[..key.len() - 1].into()),
            ("no secret", "sx_live_".into()),
            ("published example", "sx_live_9kzQ7xV9c4fT2mN8rY".into()),
        ] {
            let answer = app.bearer(wrong).get("/v1/products").await;
            refused(45, case, &answer, 401, "unauthenticated");
        }
        app.bearer(key).get("/v1/products").await.is(503).is_problem("unavailable");
    });
}

#[test]
fn a_credential_of_another_kind_is_told_so() {
    nothing_is_stored(async |app| {
        let developer = app.developer().get("/v1/products").await;
        refused(48, "shx_ on /v1", &developer, 401, "unauthenticated");
        assert!(developer.text().contains("sx_") && developer.text().contains("shx_"), "{}", developer.text());
        let merchant = app.merchant().get("/dev/v1/me").await;
        merchant.is(401).has_code("UNAUTHORIZED");
        assert!(merchant.text().contains("sx_") && merchant.text().contains("shx_"), "{}", merchant.text());
        app.merchant().get("/reseller/v1/balance").await.is(401).has_code("UNAUTHORIZED");
    });
}

#[test]
fn a_key_in_the_address_is_refused_and_not_repeated() {
    nothing_is_stored(async |app| {
        let key = app.merchant().token().to_owned();
        for path in ["/v1/products", "/checkout/v1/sessions/x", "/v1/api-keys"] {
            let answer = app.stranger().get(&format!("{path}?api_key={key}")).await;
            refused(49, path, &answer, 401, "unauthenticated");
            assert!(!answer.text().contains(&key), "{}", answer.text());
        }
        app.developer().get(&format!("/dev/v1/me?api_key={key}")).await.is(401).has_code("UNAUTHORIZED");
    });
}
