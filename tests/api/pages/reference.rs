//! `/docs/{surface}`, as read.

use keyhouse::http::door::Surface;
use keyhouse::http::openapi::SURFACES;
use serde_json::json;

use super::operations;
use crate::house::house;

#[test]
fn who_has_no_javascript_sees_every_operation_of_every_document_and_no_dead_button() {
    house(async |app| {
        let mut page = app.browse().await;
        page.without_javascript().await;
        for surface in SURFACES.into_iter().filter(|surface| !operations(*surface).is_empty()) {
            page.open(&format!("/docs/{}", surface.name())).await;
            for operation in operations(surface) {
                let id = operation["operationId"].as_str().unwrap();
                let text = page.text(&format!("#{id}")).await;
                let summary = operation["summary"].as_str().unwrap().replace('`', "").replace('\n', " ");
                assert!(text.contains(&summary), "{id}: {text}");
                assert!(text.contains("curl "), "{id}: {text}");
                assert!(!text.contains("Try it") && !text.contains("Copy"), "{id}: {text}");
            }
        }
        page.is_clean().await;
    });
}

#[test]
fn an_operation_shows_what_its_document_says() {
    house(async |app| {
        let mut page = app.browse().await;
        page.open("/docs/v1").await;
        let text = page.text("#products_create").await;
        for words in ["products:write", "price_cents", "0 to 99,999,999,999", "required", "Idempotency-Key", "ISO 4217"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        let body = page.eval("document.querySelector('#products_create textarea').value").await;
        let body: serde_json::Value = serde_json::from_str(body.as_str().unwrap()).unwrap();
        assert_eq!(body["price_cents"], 4900);
        assert_eq!(body["type"], "license_key");
    });
}

#[test]
fn every_example_of_a_body_is_json_that_holds_what_is_required() {
    house(async |app| {
        let mut page = app.browse().await;
        for surface in [Surface::V1, Surface::Dev, Surface::Portal, Surface::Checkout] {
            page.open(&format!("/docs/{}", surface.name())).await;
            let shown = page.eval("[...document.querySelectorAll('textarea')].map(body => body.value)").await;
            for body in shown.as_array().unwrap() {
                let read: Result<serde_json::Value, _> = serde_json::from_str(body.as_str().unwrap());
                assert!(read.is_ok(), "{body}");
            }
        }
        let cart = page.eval("JSON.parse(document.querySelector('#sessions_open textarea').value)").await;
        assert_eq!((&cart["mode"], &cart["shop"]), (&json!("test"), &json!("demo")));
        assert_eq!(cart["items"][0]["quantity"], 1);
    });
}

#[test]
fn a_surface_without_operations_has_no_page() {
    house(async |app| {
        for surface in SURFACES {
            let status = if operations(surface).is_empty() { 404 } else { 200 };
            app.stranger().get(&format!("/docs/{}", surface.name())).await.is(status);
        }
        app.stranger().get("/docs/nonsense").await.is(404);
    });
}
