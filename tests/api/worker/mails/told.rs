//! Who is told of what, and what stands in it.

use keyhouse::domain::shops::{self, NewShop};
use keyhouse::kit::money::Currency;
use serde_json::{Value, json};

use super::{header, states};
use crate::house::reseller::order;
use crate::house::smtp::Smtp;
use crate::house::{TestApp, house, house_with, product_body};

async fn templates(app: &TestApp) -> Vec<(String, String)> {
    let rows = sqlx::query_as("select template, recipient from mails order by id");
    rows.fetch_all(&mut app.db().await).await.unwrap()
}

async fn by_hand(app: &TestApp, price_cents: i64) -> String {
    let body = json!({ "name": "A mug", "type": "physical", "price_cents": price_cents, "currency": "USD" });
    let made = app.test_merchant().post("/v1/products", body).await;
    made.is(201).json()["id"].as_str().unwrap().to_owned()
}

fn told(template: &str, recipient: &str) -> (String, String) {
    (template.to_owned(), recipient.to_owned())
}

#[test]
fn who_must_wait_for_the_goods_gets_a_receipt_first() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        let mug = by_hand(app, 1900).await;
        let session = app.checkout(&mug, 1).await;
        app.pay(&session).await;
        assert_eq!(templates(app).await, [told("order_paid", "ada@example.com")]);
        app.settle().await;
        let mail = &server.received()[0];
        let text = mail["parts"]["text/plain"].as_str().unwrap();
        assert!(text.contains("19.00 USD") && text.contains("A mug"), "{text}");
        let token = text.split("#token=").nth(1).unwrap().split_whitespace().next().unwrap();
        let path = format!("/checkout/v1/sessions/{}", session["id"].as_str().unwrap());
        app.bearer(token).get(&path).await.is(200);
    });
}

#[test]
fn who_has_the_goods_at_once_gets_one_mail() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        app.pay(&app.checkout(&product, 1).await).await;
        assert_eq!(templates(app).await, [told("order_delivered", "ada@example.com")]);
    });
}

#[test]
fn nobody_is_thanked_for_a_payment_of_nothing() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        let mug = by_hand(app, 0).await;
        app.checkout(&mug, 1).await;
        app.settle().await;
        let text = server.received()[0]["parts"]["text/plain"].as_str().unwrap().to_owned();
        assert!(text.contains("nothing to pay") && !text.contains("payment of"), "{text}");
    });
}

/// A live shop with an owner who has an address, its merchant's key, and a product of `codes` codes.
async fn owned(app: &TestApp, codes: i64) -> (shops::Shop, String) {
    let mut db = app.db().await;
    let change = sqlx::query("update shops set owner_email = 'olive@example.com' where id = $1");
    change.bind(app.shop.row.tenant.uuid()).execute(&mut db).await.unwrap();
    let product = app.merchant().post("/v1/products", product_body("Studio Pro")).await;
    let product = product.is(201).json()["id"].as_str().unwrap().to_owned();
    let codes: Vec<String> = (0..codes).map(|n| format!("CODE-{n}")).collect();
    app.merchant().post(&format!("/v1/products/{product}/keys"), json!({ "keys": codes })).await.is(201);
    (shops::get(&mut db, app.shop.row.tenant).await.unwrap(), product)
}

async fn sells(app: &TestApp, reseller: &crate::house::reseller::TestReseller, product: &str, name: &str, count: i64) {
    app.bearer(&reseller.token).post("/reseller/v1/fulfillments", order(name, product, count)).await.is(201);
}

#[test]
fn the_owner_hears_once_a_day_that_little_is_left() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        let (shop, product) = owned(app, 8).await;
        let reseller = app.reseller_of(shop.tenant).await;
        app.allow(&reseller, &product, 0).await;
        sells(app, &reseller, &product, "a", 2).await;
        app.settle().await;
        assert_eq!(templates(app).await, []);
        sells(app, &reseller, &product, "b", 1).await;
        app.settle().await;
        assert_eq!(templates(app).await, [told("stock_low", "olive@example.com")]);
        let mail = &server.received()[0];
        assert_eq!(header(mail, "Subject"), Some("Only 5 left of Studio Pro"));
        assert!(mail["parts"]["text/plain"].as_str().unwrap().contains(&product));

        let keys = format!("/v1/products/{product}/keys");
        app.merchant().post(&keys, json!({ "keys": ["MORE-1"] })).await.is(201);
        app.settle().await;
        sells(app, &reseller, &product, "c", 1).await;
        app.settle().await;
        assert_eq!(templates(app).await.len(), 1, "not again on the same day");
        app.advance(chrono::Duration::days(1));
        app.merchant().post(&keys, json!({ "keys": ["MORE-2"] })).await.is(201);
        app.settle().await;
        sells(app, &reseller, &product, "d", 1).await;
        app.settle().await;
        assert_eq!(templates(app).await.len(), 2);
    });
}

#[test]
fn an_owner_without_an_address_and_one_of_a_sandbox_hear_nothing() {
    house(async |app| {
        let (_, product) = owned(app, 1).await;
        let codes: Vec<String> = (0..6).map(|n| format!("S-{n}")).collect();
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let sandboxed = app.stocked(&codes).await;
        app.pay(&app.checkout(&sandboxed, 2).await).await;
        let currency = Currency::parse("USD").unwrap();
        let nobody = NewShop { name: "Nobody's".into(), slug: "nobodys".into(), currency, owner_email: None };
        shops::create(&mut app.db().await, &app.app.env, nobody).await.unwrap();
        app.settle().await;
        assert!(templates(app).await.iter().all(|(template, _)| template != "stock_low"), "{product}");
    });
}

/// Who wants its buyers mailed, as whom.
const LABELLED: &str = "deliver_by_mail = true, display_name = 'Keys & More', reply_to = 'help@reseller.example'";

#[test]
fn a_resellers_buyer_gets_the_codes_from_the_reseller_and_hears_of_nobody_else() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        let reseller = app.reseller().await;
        app.set_reseller(&reseller, LABELLED).await;
        app.fund(&reseller, 10_000).await;
        let product = app.sellable(&app.test_merchant(), &reseller, &["CODE-1".into(), "CODE-2".into()]).await;
        sells(app, &reseller, &product, "order-1001", 2).await;
        app.settle().await;
    });
    let received = server.received();
    let mail = &received[0];
    assert_eq!(header(mail, "From"), Some("Keys & More <shop@example.com>"));
    assert_eq!(header(mail, "Reply-To"), Some("help@reseller.example"));
    assert_eq!(mail["to"], "ada@example.com");
    let text = mail["parts"]["text/plain"].as_str().unwrap();
    assert!(text.contains("CODE-1") && text.contains("CODE-2") && text.contains("order-1001"), "{text}");
    is_unnamed(mail);
    assert_eq!(received.len(), 1);
}

/// Neither the house nor the merchant, in any header or part.
fn is_unnamed(mail: &Value) {
    let all = mail.to_string().to_lowercase();
    for named in ["keyhouse", "acme"] {
        assert!(!all.contains(named), "{named}: {all}");
    }
}

#[test]
fn no_name_of_its_own_is_no_name_at_all() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        let reseller = app.reseller().await;
        app.set_reseller(&reseller, "deliver_by_mail = true").await;
        app.fund(&reseller, 10_000).await;
        let product = app.sellable(&app.test_merchant(), &reseller, &["CODE-1".into()]).await;
        sells(app, &reseller, &product, "order-1001", 1).await;
        app.settle().await;
    });
    let mail = &server.received()[0];
    assert_eq!((header(mail, "From"), header(mail, "Reply-To")), (Some("shop@example.com"), None));
    is_unnamed(mail);
}

#[test]
fn a_reseller_that_mails_its_buyers_itself_is_left_to_it() {
    house(async |app| {
        let reseller = app.reseller().await;
        app.set_reseller(&reseller, "display_name = 'Keys & More'").await;
        app.fund(&reseller, 10_000).await;
        let product = app.sellable(&app.test_merchant(), &reseller, &["CODE-1".into()]).await;
        sells(app, &reseller, &product, "order-1001", 1).await;
        assert_eq!(states(app).await, []);
    });
}

#[test]
fn a_fulfillment_that_is_asked_for_again_is_mailed_once() {
    house(async |app| {
        let reseller = app.reseller().await;
        app.set_reseller(&reseller, LABELLED).await;
        app.fund(&reseller, 10_000).await;
        let product = app.sellable(&app.test_merchant(), &reseller, &["CODE-1".into(), "CODE-2".into()]).await;
        sells(app, &reseller, &product, "a", 1).await;
        for _ in 0..3 {
            let again = order("a", &product, 1);
            app.bearer(&reseller.token).post("/reseller/v1/fulfillments", again).await.is(200);
        }
        let refused = order("b", &product, 5);
        app.bearer(&reseller.token).post("/reseller/v1/fulfillments", refused).await.is(409);
        assert_eq!(templates(app).await, [told("fulfillment_delivered", "ada@example.com")]);
    });
}

#[test]
fn codes_given_for_bad_ones_are_mailed_in_the_resellers_name_too() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        let reseller = app.reseller().await;
        app.set_reseller(&reseller, LABELLED).await;
        app.fund(&reseller, 10_000).await;
        let product = app.sellable(&app.test_merchant(), &reseller, &["BAD-1".into(), "GOOD-2".into()]).await;
        let path = "/reseller/v1/fulfillments";
        let made = app.bearer(&reseller.token).post(path, order("order-1001", &product, 1)).await;
        let id = made.is(201).json()["data"]["id"].as_str().unwrap().to_owned();
        app.settle().await;
        let path = format!("/dev/v1/resellers/{}/fulfillments/{id}/replace", reseller.id.uuid());
        app.test_developer().post(&path, json!({})).await.is(200);
        app.settle().await;
        let mail = server.received().remove(1);
        let text = mail["parts"]["text/plain"].as_str().unwrap();
        assert!(text.contains("GOOD-2") && !text.contains("BAD-1"), "{text}");
        is_unnamed(&mail);
    });
}
