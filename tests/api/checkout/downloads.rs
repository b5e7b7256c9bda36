//! Files that were sold: links, what they lead to, and when they end.

use axum::http::Method;
use chrono::Duration;
use serde_json::{Value, json};

use super::{open, pay, seen};
use crate::house::actor::Answer;
use crate::house::money::order_of;
use crate::house::{TestApp, house, house_with};
use crate::laws::operations::path_of;

const BYTES: &[u8] = b"0123456789abcdef";

/// A sandbox order of one file, not paid yet.
async fn ordered(app: &TestApp, name: &str) -> Value {
    let product = app.sells_file(name, BYTES).await;
    app.checkout(&product, 1).await
}

/// The path of the link that the session shows now.
async fn link(app: &TestApp, session: &Value) -> String {
    path_of(seen(app, session).await["items"][0]["download_url"].as_str().expect("a link"))
}

/// The link of a fresh, paid order.
async fn sold(app: &TestApp, name: &str) -> String {
    let session = ordered(app, name).await;
    app.pay(&session).await;
    link(app, &session).await
}

async fn fetch(app: &TestApp, link: &str) -> Answer {
    app.stranger().get(link).await
}

#[test]
fn who_paid_gets_the_file() {
    house(async |app| {
        let answer = fetch(app, &sold(app, "Field Guide.pdf").await).await;
        assert_eq!(answer.is(200).bytes, BYTES);
        for (name, value) in [
            ("content-length", "16"),
            ("content-type", "application/pdf"),
            ("content-disposition", "attachment; filename=\"Field Guide.pdf\"; filename*=UTF-8''Field%20Guide.pdf"),
            ("cache-control", "private, no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("accept-ranges", "bytes"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
    });
}

#[test]
fn before_the_payment_there_is_no_link() {
    house(async |app| {
        let session = ordered(app, "guide.pdf").await;
        assert_eq!(seen(app, &session).await["items"][0]["download_url"], Value::Null);
    });
}

#[test]
fn a_paid_file_is_delivered_at_once() {
    house(async |app| {
        let session = ordered(app, "guide.pdf").await;
        let paid = app.pay(&session).await;
        assert_eq!((&paid["status"], &paid["delivery"]["state"]), (&json!("completed"), &json!("delivered")));
        fetch(app, &path_of(paid["items"][0]["download_url"].as_str().unwrap())).await.is(200);
    });
}

#[test]
fn a_hostile_name_stays_within_its_header() {
    house(async |app| {
        let link = sold(app, "../../x\"\r\nSet-Cookie: a=b\u{202E}fdp.exe").await;
        let answer = fetch(app, &link).await;
        let said = answer.is(200).header("content-disposition").unwrap();
        assert_eq!(
            said,
            "attachment; filename=\"x_Set-Cookie: a=bfdp.exe\"; filename*=UTF-8''x%22Set-Cookie%3A%20a%3Dbfdp.exe"
        );
        assert!(answer.header("set-cookie").is_none());
    });
}

#[test]
fn a_page_is_sent_as_mere_bytes() {
    house(async |app| {
        let answer = fetch(app, &sold(app, "index.html").await).await;
        assert_eq!(answer.is(200).header("content-type"), Some("application/octet-stream"));
    });
}

#[test]
fn a_download_that_broke_off_is_resumed() {
    house(async |app| {
        let link = sold(app, "guide.pdf").await;
        let whole = fetch(app, &link).await;
        let rest = app.stranger().header("range", "bytes=10-").header("if-range", whole.header("etag").unwrap());
        let rest = rest.get(&link).await;
        assert_eq!(rest.is(206).bytes, b"abcdef");
        assert_eq!(rest.header("content-range"), Some("bytes 10-15/16"));
        assert_eq!(rest.header("content-length"), Some("6"));
    });
}

#[test]
fn a_range_beyond_the_end_is_refused() {
    house(async |app| {
        let link = sold(app, "guide.pdf").await;
        let answer = app.stranger().header("range", "bytes=16-").get(&link).await;
        answer.is(416).is_problem("invalid_request");
        assert_eq!(answer.header("content-range"), Some("bytes */16"));
    });
}

#[test]
fn who_asks_for_the_head_gets_no_body() {
    house(async |app| {
        let link = sold(app, "guide.pdf").await;
        let answer = app.stranger().send(Method::HEAD, &link, None).await;
        assert_eq!(answer.is(200).header("content-length"), Some("16"));
        assert!(answer.bytes.is_empty());
    });
}

#[test]
fn a_link_expires_and_the_session_has_a_fresh_one() {
    house(async |app| {
        let session = ordered(app, "guide.pdf").await;
        app.pay(&session).await;
        let old = link(app, &session).await;
        app.advance(Duration::hours(24));
        let answer = fetch(app, &old).await;
        answer.is(404).is_problem("not_found");
        assert!(answer.text().contains("expired"), "{}", answer.text());
        fetch(app, &link(app, &session).await).await.is(200);
    });
}

#[test]
fn an_altered_or_shortened_link_leads_nowhere() {
    house_with("rate_limits = \"off\"", async |app| {
        let link = sold(app, "guide.pdf").await;
        let token = link.rsplit('/').next().unwrap();
        for at in 0..token.len() {
            let mut altered = token.as_bytes().to_vec();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            fetch(app, &format!("/checkout/v1/downloads/{altered}")).await.is(404).is_problem("not_found");
        }
        for short in ["", "A", &token[1..], &token[..token.len() - 1]] {
            fetch(app, &format!("/checkout/v1/downloads/{short}")).await.is(404);
        }
    });
}

#[test]
fn a_shared_link_ends_with_a_refund() {
    house(async |app| {
        let session = ordered(app, "guide.pdf").await;
        app.pay(&session).await;
        let shared = link(app, &session).await;
        fetch(app, &shared).await.is(200);
        app.refund_at_once(order_of(&session)).await;
        let answer = fetch(app, &shared).await;
        answer.is(404).is_problem("not_found");
        assert!(answer.text().contains("refunded"), "{}", answer.text());
    });
}

#[test]
fn a_declined_order_shows_no_link() {
    house(async |app| {
        let session = ordered(app, "guide.pdf").await;
        pay(app, &session, "fail").await.is(200);
        assert_eq!(seen(app, &session).await["items"][0]["download_url"], Value::Null);
    });
}

#[test]
fn who_bought_it_gets_the_newest_version() {
    house(async |app| {
        let session = ordered(app, "guide-1.pdf").await;
        app.pay(&session).await;
        let old = link(app, &session).await;
        let newer = app.stores_file(app.shop.row.twin, "guide-2.pdf", b"second edition").await;
        let products = app.test_merchant().get("/v1/products").await;
        let product = products.json()["data"][0]["id"].as_str().unwrap().to_owned();
        let patch = json!({ "file_id": newer.to_string() });
        app.test_merchant().patch(&format!("/v1/products/{product}"), patch).await.is(200);
        assert_eq!(fetch(app, &old).await.is(200).bytes, b"second edition");
    });
}

#[test]
fn a_file_that_the_store_has_lost_is_our_outage_and_no_crash() {
    house(async |app| {
        let link = sold(app, "guide.pdf").await;
        std::fs::remove_dir_all(app.app.config.data_dir.join("files").join(app.shop.row.twin.uuid().to_string()))
            .unwrap();
        for method in [Method::GET, Method::HEAD] {
            app.stranger().send(method, &link, None).await.is(503);
        }
    });
}

#[test]
fn a_file_of_another_length_than_was_sold_is_not_sent() {
    house(async |app| {
        let link = sold(app, "guide.pdf").await;
        let dir = app.app.config.data_dir.join("files").join(app.shop.row.twin.uuid().to_string());
        let object = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
        std::fs::write(object, b"short").unwrap();
        fetch(app, &link).await.is(503).is_problem("unavailable");
    });
}

#[test]
fn no_connection_is_held_while_bytes_go_out() {
    house(async |app| {
        use tower::ServiceExt as _;
        let link = sold(app, "guide.pdf").await;
        let permits = app.app.permits.available_permits();
        let request = axum::http::Request::builder().uri(&link).body(axum::body::Body::empty()).unwrap();
        let response = app.router().oneshot(request).await.unwrap();
        assert_eq!(app.app.permits.available_permits(), permits, "the body is not read yet");
        drop(response);
    });
}

#[test]
fn a_product_cannot_sell_another_shops_file() {
    house(async |app| {
        let theirs = app.stores_file(app.shop.row.tenant, "live.pdf", BYTES).await;
        let body = json!({ "name": "Guide", "type": "file_download", "price_cents": 100, "currency": "USD", "file_id": theirs.to_string() });
        app.test_merchant().post("/v1/products", body).await.is(422).blames("file_id");
    });
}

#[test]
fn a_mixed_cart_shows_each_item_what_is_its_own() {
    house(async |app| {
        let (file, code) = (app.sells_file("guide.pdf", BYTES).await, app.stocked(&["AAAA-1"]).await);
        let session = open(app, json!({ "items": super::lines(&[&file, &code]) })).await.is(201).json().clone();
        let paid = app.pay(&session).await;
        assert!(paid["items"][0]["download_url"].is_string() && paid["items"][1]["download_url"].is_null(), "{paid}");
        assert_eq!((&paid["items"][0]["codes"], &paid["items"][1]["codes"]), (&json!([]), &json!(["AAAA-1"])));
    });
}

#[test]
fn the_mail_leads_to_a_page_that_opens_the_order() {
    house(async |app| {
        let session = ordered(app, "guide.pdf").await;
        app.pay(&session).await;
        app.settle().await;
        let mail = app.mails().pop().unwrap().replace("=\r\n", "").replace("=3D", "=");
        let page = format!("/checkout/{}#token=", session["id"].as_str().unwrap());
        let token = mail.split_once(&page).expect(&mail).1.split_whitespace().next().unwrap().to_owned();
        let path = format!("/checkout/v1/sessions/{}", session["id"].as_str().unwrap());
        app.bearer(token).get(&path).await.is(200);
        assert!(mail.contains("guide.pdf") && !mail.contains("/downloads/"), "{mail}");
    });
}
