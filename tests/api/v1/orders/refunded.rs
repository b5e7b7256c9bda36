//! What a refund in full takes back, what it cannot, and whom it tells.

use axum::http::Method;
use chrono::Duration;
use serde_json::{Value, json};

use crate::house::money::order_of;
use crate::house::{TestApp, house};
use crate::laws::operations::path_of;

/// A sandbox product with these members; answers its id.
async fn product(app: &TestApp, members: Value) -> String {
    let made = app.test_merchant().post("/v1/products", crate::v1::product_with(members)).await;
    made.is(201).json()["id"].as_str().unwrap().to_owned()
}

async fn stock(app: &TestApp, product: &str) -> Value {
    app.test_merchant().get(&format!("/v1/products/{product}")).await.is(200).json()["stock"].clone()
}

async fn refund_in_full(app: &TestApp, paid: &Value) -> Value {
    let begun = app.refund(order_of(paid), json!({})).await.is(200).json().clone();
    app.settle().await;
    begun
}

async fn seen(app: &TestApp, session: &Value) -> Value {
    let path = format!("/checkout/v1/sessions/{}", session["id"].as_str().unwrap());
    app.bearer(session["token"].as_str().unwrap()).get(&path).await.is(200).json().clone()
}

/// A licensed product of codes, sold in two units: its id, and the session.
async fn licensed(app: &TestApp) -> (String, Value) {
    let body = json!({ "title": "Studio Pro", "type": "SERIALS", "price": 49, "licensing_enabled": true, "serials": ["A", "B"] });
    let made = app.test_developer().post("/dev/v1/products/", body).await;
    let id = made.is(201).json()["data"]["uniqid"].as_str().unwrap().to_owned();
    let opened = app.checkout(&id, 2).await;
    app.pay(&opened).await;
    (id, opened)
}

async fn validate(app: &TestApp, product: &str, key: &str) -> crate::house::actor::Answer {
    let body = json!({ "key": key, "product_id": product, "hardware_id": "machine-1" });
    app.test_developer().post("/dev/v1/licenses/validate", body).await
}

#[test]
fn a_full_refund_revokes_its_licenses_and_a_partial_one_does_not() {
    house(async |app| {
        let (product, session) = licensed(app).await;
        app.refund(order_of(&session), json!({ "amount_cents": 1 })).await.is(200);
        app.settle().await;
        validate(app, &product, "A").await.is(200);
        let begun = refund_in_full(app, &session).await;
        assert_eq!(begun["irrevocable"], json!([]), "codes that no software takes any more");
        for key in ["A", "B"] {
            validate(app, &product, key).await.is(400).has_code("LICENSE_REVOKED");
        }
        assert_eq!(seen(app, &session).await["items"][0]["codes"], json!([]));
    });
}

#[test]
fn a_refund_in_processing_has_not_taken_anything_back_yet() {
    house(async |app| {
        let (product, session) = licensed(app).await;
        app.refund(order_of(&session), json!({ "note": "fail" })).await.is(200);
        validate(app, &product, "A").await.is(200);
        app.settle().await;
        validate(app, &product, "A").await.is(200);
    });
}

#[test]
fn a_full_refund_ends_the_links_to_files() {
    house(async |app| {
        let product = app.sells_file("guide.pdf", b"the guide").await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        let link = path_of(seen(app, &session).await["items"][0]["download_url"].as_str().unwrap());
        app.stranger().get(&link).await.is(200);
        refund_in_full(app, &session).await;
        app.stranger().get(&link).await.is(404);
    });
}

#[test]
fn codes_and_goods_that_the_buyer_has_are_named_as_lost() {
    house(async |app| {
        let codes = app.sold(&["A", "B"]).await;
        let part = app.refund(order_of(&codes), json!({ "amount_cents": 1 })).await.is(200).json().clone();
        assert_eq!(part["irrevocable"], json!([]), "a refund in part takes nothing back");
        let begun = refund_in_full(app, &codes).await;
        assert_eq!(begun["irrevocable"], json!([{ "product": "Studio Pro", "qty": 2, "kind": "license_key" }]));
        let sold: i64 = sqlx::query_scalar("select count(*) from serials where status = 'sold'")
            .fetch_one(&mut app.db().await)
            .await
            .unwrap();
        assert_eq!(sold, 2, "they are not sold again");
    });
}

#[test]
fn counted_stock_comes_back_with_a_full_refund_alone() {
    house(async |app| {
        let mug = product(app, json!({ "type": "physical", "stock": 5 })).await;
        let paid = app.pay(&app.checkout(&mug, 2).await).await;
        assert_eq!(stock(app, &mug).await, 3);
        app.refund(order_of(&paid), json!({ "amount_cents": 4_900 })).await.is(200);
        app.settle().await;
        assert_eq!(stock(app, &mug).await, 3);
        let begun = refund_in_full(app, &paid).await;
        assert_eq!(begun["irrevocable"], json!([]), "not handed over yet");
        assert_eq!(stock(app, &mug).await, 5);
        assert_eq!(app.order(order_of(&paid)).await["delivery"]["state"], "cancelled");
    });
}

#[test]
fn stock_that_a_late_payment_did_not_find_does_not_come_back() {
    house(async |app| {
        let mug = product(app, json!({ "type": "physical", "stock": 1 })).await;
        let late = app.checkout(&mug, 1).await;
        app.advance(Duration::minutes(31));
        app.settle().await;
        app.pay(&app.checkout(&mug, 1).await).await;
        app.pay(&late).await;
        refund_in_full(app, &late).await;
        assert_eq!(stock(app, &mug).await, 0, "one was there, and one is sold");
    });
}

/// Paid after everything was sold to somebody else, by hand: nobody gives such money back by itself.
async fn waits_for_codes(app: &TestApp, product: &str) -> Value {
    let late = app.checkout(product, 1).await;
    app.advance(Duration::minutes(31));
    app.settle().await;
    app.pay(&app.checkout(product, 1).await).await;
    let path = format!("/dev/v1/orders/{}/complete", late["id"].as_str().unwrap());
    app.test_developer().post(&path, json!({})).await.is(200);
    assert_eq!(seen(app, &late).await["delivery"]["state"], "awaiting_stock");
    late
}

async fn restock(app: &TestApp, product: &str, code: &str) -> Value {
    let path = format!("/v1/products/{product}/keys");
    app.test_merchant().post(&path, json!({ "keys": [code] })).await.is(201).json()["stock_after"].clone()
}

#[test]
fn an_order_that_waits_for_codes_leaves_the_queue_as_soon_as_all_of_it_is_to_go_back() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let late = waits_for_codes(app, &product).await;
        let refund = app.refund(order_of(&late), json!({})).await.is(200).json()["id"].clone();
        app.settle().await;
        assert_eq!(app.order(order_of(&late)).await["refunds"][0]["status"], "processing", "the operator's");
        assert_eq!(restock(app, &product, "B").await, 1, "B is not for who gets the money back");
        app.settle().await;
        assert_eq!(stock(app, &product).await, 1);

        end(app, &refund, false).await;
        app.settle().await;
        assert_eq!(seen(app, &late).await["items"][0]["codes"], json!(["B"]), "the money stays, so the code comes");
    });
}

#[test]
fn an_order_refunded_in_full_never_gets_its_codes() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let late = waits_for_codes(app, &product).await;
        let refund = app.refund(order_of(&late), json!({})).await.is(200).json()["id"].clone();
        app.settle().await;
        end(app, &refund, true).await;
        assert_eq!(restock(app, &product, "B").await, 1);
        app.settle().await;
        assert_eq!(app.order(order_of(&late)).await["delivery"]["state"], "cancelled");
    });
}

/// As the operator does.
async fn end(app: &TestApp, refund: &Value, sent: bool) {
    use keyhouse::domain::orders::{RefundId, end_refund};
    use keyhouse::domain::payments::RefundOutcome;
    use sqlx::Connection as _;
    let refused = || RefundOutcome::Refused { why: "the account is closed".into() };
    let outcome = if sent { RefundOutcome::Sent { tx: None } } else { refused() };
    let id = RefundId::parse(refund.as_str().unwrap()).unwrap();
    let mut db = app.db().await;
    let mut work = db.begin().await.unwrap();
    end_refund(&mut work, app.shop.row.twin, &app.app.env, id, None, &outcome).await.unwrap();
    work.commit().await.unwrap();
}

#[test]
fn a_refund_is_told_of_when_it_is_done_and_not_before() {
    house(async |app| {
        let paid = app.sold(&["A"]).await;
        app.refund(order_of(&paid), json!({ "amount_cents": 900, "note": "SECRET NOTE" })).await.is(200);
        let told = async || {
            let query = "select payload from events where topic = 'order.refunded' order by id";
            sqlx::query_scalar::<_, Value>(query).fetch_all(&mut app.db().await).await.unwrap()
        };
        assert_eq!(told().await.len(), 0);
        app.settle().await;
        refund_in_full(app, &paid).await;
        let told = told().await;
        let short = |event: &Value| {
            (event["status"].clone(), event["refund"]["amount_cents"].clone(), event["fully_refunded"].clone())
        };
        assert_eq!(short(&told[0]), (json!("completed"), json!(900), json!(false)));
        assert_eq!(short(&told[1]), (json!("refunded"), json!(4_000), json!(true)));
        assert!(!told.iter().any(|event| event.to_string().contains("SECRET NOTE")));
    });
}

#[test]
fn the_buyer_is_told_by_mail_what_comes_back() {
    house(async |app| {
        let paid = app.sold(&["CODE-1"]).await;
        app.refund(order_of(&paid), json!({ "amount_cents": 900, "note": "SECRET NOTE" })).await.is(200);
        app.settle().await;
        let mail = app.mails().pop().unwrap();
        assert!(mail.contains("To: ada@example.com") && mail.contains("9.00 USD"), "{mail}");
        assert!(!mail.contains("CODE-1") && !mail.contains("SECRET NOTE"), "{mail}");
    });
}

#[test]
fn only_the_refund_that_was_the_last_is_told_of_as_all_of_it() {
    house(async |app| {
        let paid = app.sold(&["A"]).await;
        for body in [json!({ "amount_cents": 900 }), json!({})] {
            app.refund(order_of(&paid), body).await.is(200);
        }
        app.settle().await;
        let mails = app.mails();
        let of = |amount: &str| mails.iter().find(|mail| mail.contains(&format!("has refunded {amount}"))).unwrap();
        assert!(of("9.00 USD").contains("a part of what you paid"), "{mails:?}");
        assert!(of("40.00 USD").contains("all that you paid"), "{mails:?}");
    });
}

#[test]
fn an_order_of_which_all_goes_back_is_not_handed_over_by_hand() {
    house(async |app| {
        let product = product(app, json!({ "type": "physical" })).await;
        let session = app.checkout(&product, 1).await;
        app.pay(&session).await;
        app.refund(order_of(&session), json!({})).await.is(200);
        let path = format!("/dev/v1/orders/{}/fulfill", session["id"].as_str().unwrap());
        let answer = app.test_developer().post(&path, json!({})).await;
        answer.is(409).has_code("WRONG_STATE");
    });
}

#[test]
fn what_a_customer_spent_goes_down() {
    house(async |app| {
        let paid = app.sold(&["A"]).await;
        app.refund(order_of(&paid), json!({ "amount_cents": 900 })).await.is(200);
        let spent = async || {
            let list = app.test_merchant().get("/v1/customers").await.is(200).json()["data"][0].clone();
            (list["orders_count"].clone(), list["lifetime_cents"].clone())
        };
        assert_eq!(spent().await, (json!(1), json!(4_900)), "not while it is on its way");
        app.settle().await;
        assert_eq!(spent().await, (json!(1), json!(4_000)));
    });
}

#[test]
fn a_refunded_order_takes_no_other_step() {
    house(async |app| {
        let order = app.sold(&["A"]).await;
        refund_in_full(app, &order).await;
        let id = order["id"].as_str().unwrap();
        for step in ["complete", "fulfill", "retry-delivery"] {
            let path = format!("/dev/v1/orders/{id}/{step}");
            app.test_developer().send(Method::POST, &path, None).await.is(409).has_code("WRONG_STATE");
        }
    });
}
