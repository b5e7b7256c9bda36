//! *Try it*: a real call with a test key, and never one with a live key.

use std::time::Duration;

use serde_json::json;

use crate::house::browser::Page;
use crate::house::house;
use crate::house::process::{Dir, Server};
use crate::house::socket::Wire;

/// Opens an operation's form and sends it; what became of it.
async fn send(page: &mut Page, operation: &str) -> String {
    let form = format!("#{operation} form.try");
    page.wait_for(&form).await;
    page.eval(&format!("document.querySelector('{form} details').open = true")).await;
    page.eval(&format!("document.querySelector('{form} .answer').replaceChildren()")).await;
    page.click(&format!("{form} [type=submit]")).await;
    page.text(&format!("{form} .status")).await
}

async fn answer(page: &mut Page, operation: &str) -> String {
    page.text(&format!("#{operation} .answer")).await
}

#[test]
fn with_a_test_key_a_call_is_sent_and_its_answer_shown() {
    house(async |app| {
        let mut page = app.browse().await;
        page.open("/docs/v1").await;
        page.fill("#key", &app.shop.test).await;
        assert_eq!(send(&mut page, "products_create").await, "201 Created");
        let made = app.test_merchant().get("/v1/products").await.is(200).json()["data"][0].clone();
        assert_eq!(made["name"], "Studio Pro, one seat");
        let shown = answer(&mut page, "products_create").await;
        assert!(shown.contains(made["id"].as_str().unwrap()), "{shown}");
        assert!(shown.contains("ratelimit-remaining") && shown.contains("x-request-id"), "{shown}");
        page.viewport(320, 700).await;
        page.fits().await;
        page.is_clean().await;
    });
}

#[test]
fn what_was_made_is_what_the_next_call_is_about() {
    house(async |app| {
        let id = app.stocked(&[]).await;
        let mut page = app.browse().await;
        page.open("/docs/v1").await;
        page.fill("#key", &app.shop.test).await;
        assert_eq!(send(&mut page, "products_list").await, "200 OK");
        assert_eq!(send(&mut page, "products_get").await, "200 OK");
        assert!(answer(&mut page, "products_get").await.contains(&id));
        assert!(page.text("#products_get [data-curl]").await.contains(&format!("/v1/products/{id}'")));
        page.is_clean().await;
    });
}

#[test]
fn an_edited_body_is_what_is_sent_and_a_refusal_is_shown() {
    house(async |app| {
        let mut page = app.browse().await;
        page.open("/docs/v1").await;
        page.fill("#key", &app.shop.test).await;
        page.eval("document.querySelector('#products_create details:has(textarea)').open = true").await;
        page.fill("#products_create textarea", r#"{"name":"It's \"new\""}"#).await;
        assert_eq!(send(&mut page, "products_create").await, "400 Bad Request");
        assert!(answer(&mut page, "products_create").await.contains("price_cents"));
        assert!(page.text("#products_create [data-curl]").await.contains(r#"-d '{"name":"It'\''s"#));
        page.forgive("status of 400").await;
        page.is_clean().await;
    });
}

#[test]
fn a_live_key_is_refused_and_nothing_is_sent_or_kept() {
    house(async |app| {
        let mut page = app.browse().await;
        page.open("/docs/v1").await;
        page.fill("#key", &app.shop.live).await;
        let before = page.requests().await.len();
        assert_eq!(send(&mut page, "products_list").await, "Not sent");
        assert!(answer(&mut page, "products_list").await.contains("live key"));
        assert_eq!(page.requests().await.len(), before);
        let kept = page.eval("JSON.stringify(sessionStorage) + JSON.stringify(localStorage) + document.cookie").await;
        assert!(!kept.as_str().unwrap().contains("sx_live_"), "{kept}");
    });
}

#[test]
fn a_live_developer_key_is_found_out_before_the_call() {
    house(async |app| {
        let mut page = app.browse().await;
        page.open("/docs/dev").await;
        page.fill("#key", &app.shop.developer).await;
        assert_eq!(send(&mut page, "me_get").await, "Not sent");
        assert!(answer(&mut page, "me_get").await.contains("live key"));
        let asked = page.requests().await;
        assert!(!asked.iter().any(|url| url.ends_with("/dev/v1/me")), "{asked:?}");
        page.fill("#key", &app.shop.developer_test).await;
        assert_eq!(send(&mut page, "me_get").await, "200 OK");
        page.is_clean().await;
    });
}

#[test]
fn a_pasted_key_stays_in_its_tab() {
    house(async |app| {
        let mut page = app.browse().await;
        page.open("/docs/v1").await;
        page.fill("#key", &app.shop.test).await;
        page.open("/docs/errors").await;
        page.open("/docs/v1").await;
        assert_eq!(page.value("#key").await, app.shop.test);
        let mut other = app.browse().await;
        other.open("/docs/v1").await;
        assert_eq!(other.value("#key").await, "");
    });
}

#[test]
fn a_buyer_buys_on_the_page_in_the_sandbox_alone() {
    house(async |app| {
        let product = app.stocked(&["AAAA-1111"]).await;
        let mut page = app.browse().await;
        page.open("/docs/checkout").await;
        page.eval("document.querySelector('#sessions_open details:has(textarea)').open = true").await;
        let mut cart = app.cart(&product, 1);
        cart.as_object_mut().unwrap().remove("mode");
        page.fill("#sessions_open textarea", &cart.to_string()).await;
        assert_eq!(send(&mut page, "sessions_open").await, "Not sent");
        page.fill("#sessions_open textarea", &app.cart(&product, 1).to_string()).await;
        assert_eq!(send(&mut page, "sessions_open").await, "201 Created");
        assert!(page.value("#key").await.starts_with("cs_"));
        assert_eq!(send(&mut page, "sessions_pay").await, "200 OK");
        assert!(answer(&mut page, "sessions_pay").await.contains("AAAA-1111"));
        page.is_clean().await;
    });
}

#[test]
fn what_a_shop_calls_its_product_is_never_markup() {
    house(async |app| {
        let name = "<img src=x onerror=alert(1)>";
        let body = json!({ "name": name, "type": "license_key", "price_cents": 1, "currency": "USD" });
        app.test_merchant().post("/v1/products", body).await.is(201);
        let mut page = app.browse().await;
        page.open("/docs/v1").await;
        page.fill("#key", &app.shop.test).await;
        send(&mut page, "products_list").await;
        assert!(answer(&mut page, "products_list").await.contains(name));
        assert_eq!(page.eval("document.querySelectorAll('.answer img').length").await, 0);
        page.is_clean().await;
    });
}

#[test]
fn a_demo_install_fills_its_test_keys_in_also_after_a_restart() {
    let dir = Dir::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..2 {
        let server = Server::start_embedded(&dir.0);
        runtime.block_on(async {
            let mut page = Page::new(format!("http://{}", server.address)).await;
            page.open("/docs/v1").await;
            assert!(page.value("#key").await.starts_with("sx_test_"));
            assert_eq!(send(&mut page, "products_list").await, "200 OK");
            assert!(answer(&mut page, "products_list").await.contains("Studio Pro"));
            page.open("/docs/dev").await;
            assert_eq!(send(&mut page, "me_get").await, "200 OK");
            page.open("/docs/checkout").await;
            assert_eq!(send(&mut page, "sessions_open").await, "201 Created");
            page.is_clean().await;
        });
        assert_eq!(server.terminate(Duration::from_secs(30)), Some(0));
    }
}

#[test]
fn nobody_else_is_given_the_demo_shops_key() {
    house(async |app| {
        let dir = Dir::new();
        let database = crate::house::empty_database().await;
        let mut command = crate::house::process::keyhouse(&dir.0, &["serve", "--demo"]);
        command.env("DATABASE_URL", &database.url).env("KEYHOUSE_MASTER_KEY", crate::house::MASTER_KEY);
        let server = Server::spawn(command.env("KEYHOUSE_LISTEN", "127.0.0.1:0"));
        let ask = |host: &str| {
            let request = format!("GET /docs/v1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            Wire::open(server.address).send(&request).listen(Duration::from_secs(30)).text
        };
        assert!(ask("localhost").contains("value=\"sx_test_"));
        for host in ["keys.example.com", "192.168.1.7", "localhost\r\nX-Forwarded-For: 9.9.9.9"] {
            let page = ask(host);
            assert!(page.contains("id=\"key\"") && !page.contains("value=\"sx_test_"), "{host}");
        }
        // Nor does a house without a demo have one to give.
        let page = app.stranger().header("host", "localhost").get("/docs/v1").await;
        assert!(page.is(200).text().contains("id=\"key\"") && !page.text().contains("value=\"sx_"));
        server.terminate(Duration::from_secs(30));
        database.discard().await;
    });
}
