//! The page of an order: who it opens to, what it says, and that it works with a script and without.

use serde_json::{Value, json};

use crate::house::actor::{Actor, Answer};
use crate::house::browser::Page;
use crate::house::{TestApp, house};

fn path_of(session: &Value) -> String {
    format!("/checkout/{}", session["id"].as_str().unwrap())
}

fn token_of(session: &Value) -> &str {
    session["token"].as_str().unwrap()
}

/// The address that a shop sends its buyer to.
fn link_to(session: &Value) -> String {
    format!("{}#token={}", path_of(session), token_of(session))
}

/// Somebody whose browser has this cookie.
fn with_cookie<'a>(app: &'a TestApp, order: &Value, token: &str) -> Actor<'a> {
    app.stranger().header("cookie", &format!("kh_checkout_{}={token}", order["id"].as_str().unwrap()))
}

/// The buyer, with the cookie of the session.
fn buyer<'a>(app: &'a TestApp, session: &Value) -> Actor<'a> {
    with_cookie(app, session, token_of(session)).header("content-type", "application/x-www-form-urlencoded")
}

async fn post_form(actor: &Actor<'_>, path: &str, form: &str) -> Answer {
    actor.post_bytes(path, form).await
}

/// What the page says to the buyer.
async fn said(app: &TestApp, session: &Value) -> String {
    buyer(app, session).get(&path_of(session)).await.is(200).text()
}

/// Enters without a script: the token into the field, and a click.
async fn enter_by_hand(page: &mut Page, session: &Value) {
    page.open(&path_of(session)).await;
    page.fill("#token", token_of(session)).await;
    page.click("#token-form button").await;
    page.wait_for("#state").await;
}

async fn order(app: &TestApp, code: &str) -> Value {
    let product = app.stocked(&[code]).await;
    app.checkout(&product, 1).await
}

#[test]
fn a_buyer_pays_sees_the_code_and_copies_it() {
    house(async |app| {
        let session = order(app, "AAAA-1111-BBBB").await;
        let mut page = app.browse().await;
        page.open(&link_to(&session)).await;
        assert_eq!(page.text("#state h1").await, "Waiting for your payment");
        let address = page.eval("location.href").await;
        assert!(!address.as_str().unwrap().contains("token"), "{address}");
        page.click(".pay button[value=succeed]").await;
        assert_eq!(page.text(".code code").await, "AAAA-1111-BBBB");
        assert_eq!(page.text("#state h1").await, "Paid and delivered");
        page.click(".code .copy").await;
        page.wait_until("document.querySelector('.code .copy').textContent === 'Copied'", "nothing was copied").await;
        assert_eq!(page.clipboard().await, "AAAA-1111-BBBB");
        page.is_clean().await;
    });
}

#[test]
fn a_buyer_without_javascript_pays_and_sees_the_code() {
    house(async |app| {
        let session = order(app, "AAAA-1111-BBBB").await;
        let mut page = app.browse().await;
        page.without_javascript().await;
        enter_by_hand(&mut page, &session).await;
        page.click(".pay button[value=succeed]").await;
        page.wait_for(".code code").await;
        assert!(said(app, &session).await.contains("AAAA-1111-BBBB"));
        page.is_clean().await;
    });
}

#[test]
fn every_state_fits_a_small_phone() {
    house(async |app| {
        let long = "K".repeat(200);
        let file = app.sells_file("a very long name of a file that somebody sells to everybody.pdf", b"x").await;
        let codes = app.stocked(&[&long]).await;
        let items = json!([{ "product_id": codes, "quantity": 1 }, { "product_id": file, "quantity": 1 }]);
        let cart = json!({ "shop": "acme", "mode": "test", "email": "ada@example.com", "items": items });
        let session = app.stranger().post("/checkout/v1/sessions", cart).await.is(201).json().clone();
        let mut page = app.browse().await;
        page.viewport(320, 700).await;
        page.open(&path_of(&session)).await;
        page.fits().await;
        page.open(&link_to(&session)).await;
        page.wait_for(".pay").await;
        page.fits().await;
        page.click(".pay button[value=succeed]").await;
        page.wait_for(".code code").await;
        page.fits().await;
        page.is_clean().await;
    });
}

#[test]
fn a_page_that_waits_shows_what_changes_by_itself() {
    house(async |app| {
        let session = order(app, "AAAA-1111").await;
        let mut page = app.browse().await;
        page.open(&link_to(&session)).await;
        page.wait_for(".pay").await;
        app.pay(&session).await;
        assert_eq!(page.text(".code code").await, "AAAA-1111");
    });
}

#[test]
fn a_file_that_was_bought_is_downloaded() {
    house(async |app| {
        let product = app.sells_file("guide.pdf", b"all about keys").await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        let said = said(app, &session).await.replace("&#x2f;", "/");
        let link = said.split("href=\"").find(|rest| rest.starts_with("/checkout/v1/downloads/")).expect(&said);
        let answer = app.stranger().get(link.split('"').next().unwrap()).await;
        assert_eq!(answer.is(200).bytes, b"all about keys");
        assert!(said.contains("14 bytes"), "{said}");
    });
}

#[test]
fn without_the_token_nothing_is_said_not_even_whether_there_is_an_order() {
    house(async |app| {
        let session = order(app, "AAAA-1111").await;
        app.pay(&session).await;
        let nothing = json!({ "id": "019e0000-0000-7000-8000-000000000000" });
        let blank = |session: &Value, text: String| text.replace(session["id"].as_str().unwrap(), "…");
        let there = app.stranger().get(&path_of(&session)).await.is(200).text();
        let nowhere = app.stranger().get(&path_of(&nothing)).await.is(200).text();
        assert_eq!(blank(&session, there.clone()), blank(&nothing, nowhere));
        for secret in ["AAAA-1111", "ada@example.com", "Studio Pro", "49.00", "Acme"] {
            assert!(!there.contains(secret), "{secret}");
        }
    });
}

#[test]
fn a_wrong_token_opens_nothing() {
    house(async |app| {
        let (mine, other) = (order(app, "AAAA-1111").await, order(app, "BBBB-2222").await);
        app.pay(&mine).await;
        for token in [token_of(&other), "cs_nonsense", "", &app.shop.test] {
            let form = format!("token={token}");
            let answer = post_form(&buyer(app, &other), &format!("{}/session", path_of(&mine)), &form).await;
            assert!(answer.is(422).header("set-cookie").is_none());
            assert!(answer.text().contains("does not open") && !answer.text().contains("AAAA-1111"));
        }
        let disguised = with_cookie(app, &mine, token_of(&other));
        assert!(!disguised.get(&path_of(&mine)).await.is(200).text().contains("AAAA-1111"));
        assert!(!buyer(app, &other).get(&path_of(&mine)).await.is(200).text().contains("AAAA-1111"));
    });
}

#[test]
fn the_cookie_is_the_pages_alone_and_opens_the_session_of_the_api_too() {
    house(async |app| {
        let session = order(app, "AAAA-1111").await;
        let form = format!("token={}", token_of(&session));
        let answer = post_form(&buyer(app, &session), &format!("{}/session", path_of(&session)), &form).await;
        assert_eq!(answer.is(303).header("location"), Some(path_of(&session).as_str()));
        let cookie = answer.header("set-cookie").unwrap().to_owned();
        for part in ["HttpOnly", "SameSite=Lax", "Path=/checkout"] {
            assert!(cookie.contains(part), "{part}: {cookie}");
        }
        let pair = cookie.split(';').next().unwrap();
        let id = session["id"].as_str().unwrap();
        app.stranger().header("cookie", pair).get(&format!("/checkout/v1/sessions/{id}")).await.is(200);
        app.stranger().get(&format!("/checkout/v1/sessions/{id}")).await.is(401);
    });
}

#[test]
fn another_site_cannot_pay_with_the_cookie() {
    house(async |app| {
        let session = order(app, "AAAA-1111").await;
        let pay = format!("{}/pay", path_of(&session));
        for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
            let forged = buyer(app, &session).header("host", "keyhouse.test").header(name, value);
            post_form(&forged, &pay, "outcome=succeed").await.is(401);
        }
        assert!(said(app, &session).await.contains("Waiting for your payment"));
        post_form(&buyer(app, &session).header("sec-fetch-site", "same-origin"), &pay, "outcome=succeed").await.is(303);
        assert!(said(app, &session).await.contains("Paid and delivered"));
    });
}

#[test]
fn what_is_typed_into_names_is_text_and_nothing_else() {
    house(async |app| {
        let name = "<script>document.title='owned'</script>\"><img src=x onerror=alert(1)>";
        let body = json!({ "name": name, "type": "license_key", "price_cents": 4900, "currency": "USD" });
        let product = app.test_merchant().post("/v1/products", body).await.is(201).json()["id"].clone();
        let product = product.as_str().unwrap();
        let code = "<b onmouseover=alert(1)>KEY</b>";
        app.test_merchant().post(&format!("/v1/products/{product}/keys"), json!({ "keys": [code] })).await.is(201);
        let session = app.checkout(product, 1).await;
        app.pay(&session).await;
        let mut page = app.browse().await;
        page.open(&link_to(&session)).await;
        assert_eq!(page.text(".code code").await, code);
        assert_eq!(page.text(".line bdi").await, name);
        page.is_clean().await;
    });
}

#[test]
fn every_state_has_its_own_honest_words() {
    house(async |app| {
        let declined = order(app, "AAAA-1111").await;
        post_form(&buyer(app, &declined), &format!("{}/pay", path_of(&declined)), "outcome=fail").await.is(303);
        assert!(said(app, &declined).await.contains("The payment was declined"));

        let product = app.stocked(&["BBBB-2222"]).await;
        let expired = app.checkout(&product, 1).await;
        app.advance(chrono::Duration::minutes(31));
        assert!(!said(app, &expired).await.contains("set aside for you until"));
        app.settle().await;
        let words = said(app, &expired).await;
        assert!(words.contains("The time to pay is over") && !words.contains("Paid"), "{words}");

        let quick = app.checkout(&product, 1).await;
        app.pay(&quick).await;
        post_form(&buyer(app, &expired), &format!("{}/pay", path_of(&expired)), "outcome=succeed").await.is(303);
        let words = said(app, &expired).await;
        assert!(words.contains("Paid, on its way") && words.contains("You are in the queue"), "{words}");
        app.test_merchant()
            .post(&format!("/v1/products/{product}/keys"), json!({ "keys": ["CCCC-3333"] }))
            .await
            .is(201);
        let words = said(app, &expired).await;
        assert!(words.contains("Paid and delivered") && words.contains("CCCC-3333"), "{words}");
    });
}

#[test]
fn an_order_that_the_shop_confirms_says_what_to_do() {
    house(async |app| {
        let product = app.stocked(&["AAAA-1111"]).await;
        let mut cart = app.cart(&product, 1);
        cart["gateway"] = json!("manual");
        let session = app.stranger().post("/checkout/v1/sessions", cart).await.is(201).json().clone();
        let words = said(app, &session).await;
        assert!(words.contains("Pay the shop as it tells you") && !words.contains("value=\"succeed\""), "{words}");
    });
}

#[test]
fn what_is_refused_is_refused_on_a_page() {
    house(async |app| {
        let session = order(app, "AAAA-1111").await;
        let pay = format!("{}/pay", path_of(&session));
        for (answer, status) in [
            (post_form(&buyer(app, &session), &pay, "outcome=steal").await, 422),
            (post_form(&buyer(app, &session), &pay, "outcome=succeed&outcome=fail").await, 400),
            (post_form(&app.stranger(), &pay, "{}").await, 401),
            (app.stranger().get("/checkout/nonsense").await, 404),
        ] {
            assert_eq!(answer.is(status).header("content-type"), Some("text/html; charset=utf-8"));
            assert!(answer.header("content-security-policy").is_some());
        }
    });
}
