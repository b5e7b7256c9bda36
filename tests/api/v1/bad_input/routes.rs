//! Addresses, methods and headers that are none of ours.

use axum::http::Method;
use serde_json::json;

use super::{nothing_is_stored, refused};
use crate::house::actor::Actor;
use crate::house::{house, product_body};
use crate::v1::{path_of, product};

#[test]
fn an_unknown_address_is_not_found() {
    nothing_is_stored(async |app| {
        for path in [
            "/v1",
            "/v1/",
            "/v1/nothing",
            "/v1/products/",
            "/v1//products",
            "/V1/products",
            "/v1/products/x/y",
            "/v1/products/x/keys/y",
            "/v2/products",
            "/checkout/v1/nothing",
            "/.env",
            "/index.php",
        ] {
            for caller in [app.merchant(), app.stranger()] {
                let answer = caller.get(path).await;
                refused(39, path, &answer, 404, "not_found");
            }
        }
    });
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    nothing_is_stored(async |app| {
        for (method, path, allow) in [
            (Method::PUT, "/v1/products", "GET,HEAD,POST"),
            (Method::DELETE, "/v1/products", "GET,HEAD,POST"),
            (Method::POST, "/v1/products/x", "DELETE,GET,HEAD,PATCH"),
            (Method::GET, "/v1/products/x/keys", "POST"),
            (Method::POST, "/v1/orders", "GET,HEAD"),
            (Method::PATCH, "/v1/customers/x", "GET,HEAD"),
            (Method::GET, "/v1/api-keys/x", "DELETE"),
            (Method::TRACE, "/v1/products", "GET,HEAD,POST"),
            (Method::CONNECT, "/v1/products", "GET,HEAD,POST"),
            (Method::from_bytes(b"BREW").unwrap(), "/v1/products", "GET,HEAD,POST"),
        ] {
            let row = if matches!(method, Method::TRACE | Method::CONNECT) { 40 } else { 39 };
            let answer = app.merchant().send(method.clone(), path, None).await;
            refused(row, (&method, path), &answer, 405, "method_not_allowed");
            let mut allowed: Vec<&str> = answer.header("allow").unwrap_or("").split(',').map(str::trim).collect();
            allowed.sort_unstable();
            assert_eq!(allowed.join(","), allow, "{method} {path}");
        }
    });
}

#[test]
fn a_method_override_is_ignored() {
    house(async |app| {
        let made = product(app, json!({})).await;
        for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
            let caller = app.merchant().header(name, "DELETE");
            caller.get(&path_of(&made)).await.is(200);
            caller.post(&path_of(&made), json!({})).await.is(405);
            caller.get(&format!("{}?_method=DELETE", path_of(&made))).await.is(200);
        }
        assert_eq!(app.merchant().get(&path_of(&made)).await.json()["status"], "active", "row 40");
    });
}

#[test]
fn another_origin_is_given_no_permission() {
    nothing_is_stored(async |app| {
        let preflight = from_elsewhere(app.stranger()).header("access-control-request-method", "POST");
        for path in ["/v1/products", "/v1/products/x", "/dev/v1/me", "/checkout/v1/sessions"] {
            let asked = preflight.send(Method::OPTIONS, path, None).await;
            let read = from_elsewhere(app.merchant()).get(path).await;
            for answer in [asked, read] {
                assert!(answer.status < 500, "row 79: {}", answer.text());
                let permissive = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
                assert_eq!(permissive, None, "row 79: {path}");
            }
        }
    });
}

fn from_elsewhere(caller: Actor<'_>) -> Actor<'_> {
    caller.header("origin", "https://evil.example").header("cookie", "session=1")
}

#[test]
fn an_endless_address_is_too_long() {
    nothing_is_stored(async |app| {
        for path in
            [format!("/v1/products/{}", "x".repeat(60 << 10)), format!("/v1/products?q={}", "x".repeat(8 << 10))]
        {
            refused(38, path.len(), &app.merchant().get(&path).await, 414, "uri_too_long");
        }
    });
}

#[test]
fn endless_headers_are_too_large() {
    nothing_is_stored(async |app| {
        let mut many = app.merchant();
        for i in 0..1_000 {
            many = many.header(&format!("x-{i}"), "1");
        }
        refused(38, "1,000 headers", &many.get("/v1/products").await, 431, "headers_too_large");
        let large = app.merchant().header("x-large", &"x".repeat(64 << 10));
        refused(38, "64 KiB", &large.get("/v1/products").await, 431, "headers_too_large");
    });
}

#[test]
fn two_hosts_are_none() {
    nothing_is_stored(async |app| {
        let caller = app.merchant().header("host", "keyhouse.test").header("host", "evil.example");
        refused(74, "two hosts", &caller.get("/v1/products").await, 400, "invalid_request");
    });
}

#[test]
fn a_foreign_host_makes_no_links() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let visitor = app.stranger().header("host", "evil.example").header("x-forwarded-host", "evil.example");
        let session = visitor.post("/checkout/v1/sessions", app.cart(&product, 1)).await;
        assert!(!session.is(201).text().contains("evil.example"), "row 74: {}", session.text());
    });
}

#[test]
fn every_answer_has_a_request_id_of_its_own_and_is_not_to_be_cached() {
    house(async |app| {
        let mut seen = std::collections::HashSet::new();
        for answer in [
            app.merchant().get("/v1/products").await,
            app.merchant().post("/v1/products", product_body("Studio Pro")).await,
            app.merchant().header("x-request-id", "mine").get("/v1/products/x").await,
            app.stranger().get("/v1/nothing").await,
            app.stranger().get("/v1/products").await,
        ] {
            assert!(seen.insert(answer.header("x-request-id").unwrap().to_owned()));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        }
        assert!(!seen.contains("mine"));
    });
}
