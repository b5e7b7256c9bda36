//! What payment providers report: signed, wrong, twice, late, in any order.

use chrono::Duration;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{open, pay, seen, stock, told};
use crate::house::actor::Answer;
use crate::house::{TestApp, house, house_with, unique};

const SECRET: &str = "[gateways]\nsandbox_secret = \"shared with the sandbox\"";
const CALLBACK: &str = "/checkout/v1/gateways/sandbox/callback";

/// What a provider says of a session's payment, with these members over it.
fn report(session: &Value, members: Value) -> Value {
    let mut report = json!({
        "id": format!("evt_{}", unique()), "order": session["payment"]["reference"],
        "amount_cents": session["total_cents"], "currency": session["currency"],
    });
    report.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    report
}

fn signature(app: &TestApp, secret: &str, body: &str) -> String {
    let time = app.now().timestamp();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={digest}")
}

async fn tell(app: &TestApp, report: &Value) -> Answer {
    let body = report.to_string();
    let signature = signature(app, "shared with the sandbox", &body);
    app.stranger().header("x-sandbox-signature", &signature).post_bytes(CALLBACK, body).await
}

/// Tells it, and answers what came of it.
async fn verdict(app: &TestApp, report: &Value) -> Value {
    tell(app, report).await.is(200).json()["verdict"].clone()
}

async fn recorded(app: &TestApp) -> Vec<String> {
    let mut db = app.db().await;
    sqlx::query_scalar("select verdict from payment_events order by id").fetch_all(&mut db).await.unwrap()
}

#[test]
fn a_signed_report_pays_and_delivers() {
    house_with(SECRET, async |app| {
        let session = app.checkout(&app.stocked(&["A"]).await, 1).await;
        assert_eq!(verdict(app, &report(&session, json!({}))).await, "paid");
        assert_eq!(seen(app, &session).await["items"][0]["codes"], json!(["A"]));
    });
}

#[test]
fn a_report_that_comes_again_changes_nothing() {
    house_with(SECRET, async |app| {
        let session = app.checkout(&app.stocked(&["A", "B"]).await, 1).await;
        let report = report(&session, json!({}));
        assert_eq!(verdict(app, &report).await, "paid");
        assert_eq!(verdict(app, &report).await, "repeated");
        assert_eq!((told(app, "order.paid").await, recorded(app).await), (1, vec!["paid".to_owned()]));
    });
}

#[test]
fn twins_of_a_report_pay_once() {
    house_with(SECRET, async |app| {
        let session = app.checkout(&app.stocked(&["A", "B"]).await, 1).await;
        let report = report(&session, json!({}));
        let (one, two) = tokio::join!(verdict(app, &report), verdict(app, &report));
        let mut verdicts = [one.as_str().unwrap().to_owned(), two.as_str().unwrap().to_owned()];
        verdicts.sort();
        assert_eq!(verdicts, ["paid", "repeated"]);
    });
}

#[test]
fn a_wrong_amount_or_currency_is_recorded_and_never_pays() {
    house_with(SECRET, async |app| {
        let session = app.checkout(&app.stocked(&["A"]).await, 1).await;
        for (members, expected) in [
            (json!({ "amount_cents": 4899 }), "wrong_amount"),
            (json!({ "amount_cents": 4901 }), "wrong_amount"),
            (json!({ "amount_cents": 0 }), "wrong_amount"),
            (json!({ "currency": "EUR" }), "wrong_currency"),
        ] {
            assert_eq!(verdict(app, &report(&session, members)).await, expected);
        }
        assert_eq!(seen(app, &session).await["status"], "awaiting_payment");
        assert_eq!(recorded(app).await, ["wrong_amount", "wrong_amount", "wrong_amount", "wrong_currency"]);
    });
}

#[test]
fn a_second_payment_is_recorded_for_the_shop_to_give_back() {
    house_with(SECRET, async |app| {
        let session = app.checkout(&app.stocked(&["A", "B"]).await, 1).await;
        pay(app, &session, "succeed").await.is(200);
        assert_eq!(verdict(app, &report(&session, json!({}))).await, "already_paid");
        assert_eq!(told(app, "order.paid").await, 1);
    });
}

#[test]
fn a_failure_after_the_payment_takes_nothing_back() {
    house_with(SECRET, async |app| {
        let session = app.checkout(&app.stocked(&["A"]).await, 1).await;
        verdict(app, &report(&session, json!({}))).await;
        assert_eq!(verdict(app, &report(&session, json!({ "outcome": "fail" }))).await, "not_payable");
        assert_eq!(seen(app, &session).await["status"], "completed");
    });
}

#[test]
fn money_after_a_failure_is_recorded_and_pays_nothing() {
    house_with(SECRET, async |app| {
        let product = app.stocked(&["A"]).await;
        let session = app.checkout(&product, 1).await;
        assert_eq!(verdict(app, &report(&session, json!({ "outcome": "fail" }))).await, "declined");
        assert_eq!(stock(app, &product).await, 1);
        assert_eq!(verdict(app, &report(&session, json!({}))).await, "not_payable");
        assert_eq!(seen(app, &session).await["status"], "failed");
    });
}

#[test]
fn money_after_the_expiry_revives_the_order() {
    house_with(SECRET, async |app| {
        let session = app.checkout(&app.stocked(&["A"]).await, 1).await;
        app.advance(Duration::minutes(31));
        app.settle().await;
        assert_eq!(verdict(app, &report(&session, json!({}))).await, "paid");
        assert_eq!(seen(app, &session).await["status"], "completed");
    });
}

#[test]
fn a_sandbox_report_does_not_pay_an_order_of_another_gateway() {
    house_with(SECRET, async |app| {
        let product = app.stocked(&["A"]).await;
        let items = json!([{ "product_id": product, "quantity": 1 }]);
        let session = open(app, json!({ "items": items, "gateway": "manual" })).await.is(201).json().clone();
        assert_eq!(verdict(app, &report(&session, json!({}))).await, "wrong_gateway");
        assert_eq!(seen(app, &session).await["status"], "awaiting_payment");
    });
}

#[test]
fn a_signature_that_does_not_hold_is_refused_and_recorded_nowhere() {
    house_with(SECRET, async |app| {
        let session = app.checkout(&app.stocked(&["A"]).await, 1).await;
        let body = report(&session, json!({})).to_string();
        let good = signature(app, "shared with the sandbox", &body);
        let altered = body.replace("4900", "4901");
        let upper = good.to_uppercase();
        for (signature, body) in [
            (signature(app, "another secret", &body), &body),
            (good.clone(), &altered),
            (upper, &body),
            (good.replace(",v1=", ",v0="), &body),
            (String::new(), &body),
            ("t=,v1=".to_owned(), &body),
            ("t=99999999999999999999,v1=00".to_owned(), &body),
        ] {
            let caller = app.stranger().header("x-sandbox-signature", &signature);
            caller.post_bytes(CALLBACK, body.as_str()).await.is(401).is_problem("unauthenticated");
        }
        app.stranger().post_bytes(CALLBACK, body.as_str()).await.is(401);
        app.advance(Duration::minutes(5) + Duration::seconds(1));
        let late = app.stranger().header("x-sandbox-signature", &good);
        late.post_bytes(CALLBACK, body.as_str()).await.is(401);
        assert_eq!(recorded(app).await, Vec::<String>::new());
        assert_eq!(seen(app, &session).await["status"], "awaiting_payment");
    });
}

#[test]
fn without_a_secret_no_report_is_believed() {
    house(async |app| {
        let session = app.checkout(&app.stocked(&["A"]).await, 1).await;
        let body = report(&session, json!({})).to_string();
        let caller = app.stranger().header("x-sandbox-signature", &signature(app, "", &body));
        caller.post_bytes(CALLBACK, body).await.is(401);
    });
}

#[test]
fn gateways_that_report_nothing_have_no_callback() {
    house(async |app| {
        for gateway in ["manual", "stripe", "%00", "Sandbox", "sandbox%2f.."] {
            let path = format!("/checkout/v1/gateways/{gateway}/callback");
            app.stranger().post_bytes(&path, "{}").await.is(404).is_problem("not_found");
        }
    });
}

#[test]
fn a_report_that_cannot_be_read_behind_a_good_signature_changes_nothing() {
    house_with(SECRET, async |app| {
        let session = app.checkout(&app.stocked(&["A"]).await, 1).await;
        let nobody = "019e0000-0000-7000-8000-000000000000";
        for (body, status) in [
            ("[]".to_owned(), 400),
            ("{".to_owned(), 400),
            ("{}".to_owned(), 400),
            (report(&session, json!({ "amount_cents": -1 })).to_string(), 422),
            (report(&session, json!({ "amount_cents": 49.5 })).to_string(), 422),
            (report(&session, json!({ "order": "ord_1" })).to_string(), 422),
            (report(&session, json!({ "order": format!("{nobody}.{nobody}") })).to_string(), 404),
        ] {
            let caller = app.stranger();
            let signature = signature(app, "shared with the sandbox", &body);
            caller.header("x-sandbox-signature", &signature).post_bytes(CALLBACK, body.as_str()).await.is(status);
        }
        assert_eq!(recorded(app).await, Vec::<String>::new());
    });
}
