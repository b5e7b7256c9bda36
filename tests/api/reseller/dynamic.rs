use axum::http::Method;

use super::{holder, ready, stock};
use crate::house::{house, house_with};

const PATH: &str = "/reseller/v1/fulfillments/dynamic";

fn query(product: &str, quantity: &str) -> String {
    format!("external_order_id=o-1&customer_email=ada%40example.com&product_id={product}&quantity={quantity}")
}

#[test]
fn the_url_alone_delivers_plain_codes_and_calling_it_again_costs_nothing() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let url = format!("{PATH}?api_key={}&{}&variant_id=", reseller.token, query(&product, "2"));
        for method in [Method::GET, Method::POST, Method::GET] {
            let answer = app.stranger().send(method, &url, None).await;
            assert_eq!(answer.is(200).text(), "CODE-000\nCODE-001\n");
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            assert_eq!(answer.header("x-robots-tag"), Some("noindex"));
        }
        let json = app.stranger().header("accept", "application/json").get(&url).await;
        assert_eq!(json.is(200).json()["data"]["quantity"], 2);
        let text = app.stranger().header("accept", "application/json").get(&format!("{url}&format=text")).await;
        assert_eq!(text.is(200).text(), "CODE-000\nCODE-001\n");
        assert_eq!(app.left_of(&reseller).await, 2_000 - 780);
    });
}

#[test]
fn an_idempotency_key_names_the_form_of_the_answer_too() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let url = format!("{PATH}?{}", query(&product, "1"));
        let asks = |key: &str, accept: &str| holder(app, &reseller).idempotent(key).header("accept", accept);
        let first = asks("line-1", "*/*").get(&url).await;
        assert_eq!(first.is(200).text(), "CODE-000\n");
        let again = asks("line-1", "text/plain").get(&url).await;
        assert_eq!((again.is(200).text(), again.header("idempotent-replayed")), (first.text(), Some("true")));
        assert_eq!(again.header("content-type"), Some("text/plain; charset=utf-8"));
        let otherwise = asks("line-1", "application/json").get(&url).await;
        otherwise.is(409).has_code("IDEMPOTENCY_CONFLICT");
        assert_eq!(asks("line-2", "application/json").get(&url).await.is(200).json()["data"]["quantity"], 1);
        asks("line-2", "*/*").get(&url).await.is(409).has_code("IDEMPOTENCY_CONFLICT");

        // Where the address itself names the form, the header says nothing.
        let named = format!("{url}&format=text");
        asks("line-3", "*/*").get(&named).await.is(200);
        let again = asks("line-3", "application/json").get(&named).await;
        assert_eq!((again.is(200).text(), again.header("idempotent-replayed")), (first.text(), Some("true")));
        assert_eq!((app.left_of(&reseller).await, stock(app, &product).await), (1_610, 2));
    });
}

#[test]
fn no_answer_of_the_url_is_for_search_engines() {
    house_with("[limits]\nfulfillments = 2", async |app| {
        let (reseller, product) = ready(app, 2_000, 1).await;
        let url = |quantity: &str| format!("{PATH}?api_key={}&{}", reseller.token, query(&product, quantity));
        let asked = [
            (Method::GET, PATH.to_owned(), 401),
            (Method::GET, format!("{PATH}?api_key=x&api_key=y"), 400),
            (Method::HEAD, url("1"), 405),
            (Method::OPTIONS, url("1"), 204),
            (Method::GET, url("none"), 422),
            (Method::POST, url("2"), 409),
            (Method::GET, url("1"), 429),
        ];
        for (method, url, status) in asked {
            let answer = app.stranger().send(method.clone(), &url, None).await;
            assert_eq!(answer.is(status).header("x-robots-tag"), Some("noindex"), "{method} {url}");
        }
        assert_eq!(holder(app, &reseller).get("/reseller/v1/me").await.is(200).header("x-robots-tag"), None);
    });
}

#[test]
fn a_probe_needs_no_key_and_does_nothing() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let url = format!("{PATH}?api_key={}&{}", reseller.token, query(&product, "1"));
        for url in [url.as_str(), PATH] {
            let head = app.stranger().send(Method::HEAD, url, None).await;
            assert!(head.is(405).header("allow").is_some_and(|allow| allow.contains("GET") && !allow.contains("HEAD")));
            app.stranger().send(Method::OPTIONS, url, None).await.is(204);
        }
        assert_eq!((app.left_of(&reseller).await, stock(app, &product).await), (2_000, 3));
    });
}

#[test]
fn a_parameter_that_is_missing_or_doubled_is_refused() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let whole = query(&product, "1");
        for left_out in ["external_order_id", "customer_email", "product_id", "quantity"] {
            let rest: Vec<&str> = whole.split('&').filter(|pair| !pair.starts_with(left_out)).collect();
            let answer = holder(app, &reseller).get(&format!("{PATH}?{}", rest.join("&"))).await;
            answer.is(422).has_code("VALIDATION_ERROR");
            assert_eq!(answer.json()["error"]["details"][0]["field"], left_out);
        }
        let key = &reseller.token;
        for doubled in [format!("{whole}&quantity=1"), format!("api_key={key}&api_key={key}&{whole}")] {
            holder(app, &reseller).get(&format!("{PATH}?{doubled}")).await.is(400).has_code("INVALID_REQUEST");
        }
        for quantity in ["", "0", "two", "1.5", "99999999999999999999999999999999999999999999"] {
            let answer = holder(app, &reseller).get(&format!("{PATH}?{}", query(&product, quantity))).await;
            answer.is(422).has_code("VALIDATION_ERROR");
        }
        assert_eq!((app.left_of(&reseller).await, stock(app, &product).await), (2_000, 3));
    });
}

#[test]
fn two_keys_that_disagree_are_believed_in_neither() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let other = app.reseller_key(reseller.shop, reseller.id, &[]).await;
        let url = |key: &str| format!("{PATH}?api_key={key}&{}", query(&product, "1"));
        holder(app, &reseller).get(&url(&other)).await.is(401).has_code("UNAUTHORIZED");
        holder(app, &reseller).get(&url("nonsense")).await.is(401);
        app.stranger().get(&url("nonsense")).await.is(401);
        app.stranger().get(&format!("{PATH}?{}", query(&product, "1"))).await.is(401);
        assert_eq!(app.left_of(&reseller).await, 2_000);
        holder(app, &reseller).get(&url(&reseller.token)).await.is(200);
    });
}

#[test]
fn no_other_address_takes_a_key_in_its_query() {
    house(async |app| {
        let (reseller, _) = ready(app, 0, 0).await;
        for path in ["/reseller/v1/me", "/reseller/v1/fulfillments", "/reseller/v1/balance"] {
            let answer = app.stranger().get(&format!("{path}?api_key={}", reseller.token)).await;
            assert!(!answer.is(401).text().contains(&reseller.token));
        }
    });
}

#[test]
fn a_relationship_has_one_limit_whichever_of_its_keys_asks() {
    house_with("[limits]\nfulfillments = 3", async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let other = app.reseller_key(reseller.shop, reseller.id, &[]).await;
        let url = format!("{PATH}?{}", query(&product, "1"));
        for left in [2, 1] {
            let answer = holder(app, &reseller).get(&url).await;
            assert_eq!(answer.is(200).header("ratelimit-remaining"), Some(left.to_string().as_str()));
        }
        app.bearer(other.clone()).get(&url).await.is(200);
        app.bearer(other).get(&url).await.is(429).has_code("RATE_LIMITED");
    });
}
