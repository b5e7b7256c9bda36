//! A reseller pays in, watches what is left, and reads what became of it.

use serde_json::{Value, json};

use crate::house::house;
use crate::house::people::TestPerson;
use crate::house::{TestApp, actor::Actor};

/// Somebody in the sandbox shop's program, and the path to their balance.
async fn reseller(app: &TestApp) -> (TestPerson, String) {
    let person = app.person().await;
    let id = app.joins(app.shop.row.twin, &person).await;
    (person, format!("/portal/v1/programs/{}/balance", id.uuid()))
}

/// Opens an invoice; answers it as a checkout's session.
async fn opens(person: &Actor<'_>, path: &str, amount: Value) -> Value {
    let opened =
        person.post(&format!("{path}/top-ups"), json!({ "amount": amount })).await.is(201).json()["data"].clone();
    let (url, token) = (opened["checkout_url"].as_str().unwrap(), opened["token"].as_str().unwrap());
    assert!(url.ends_with(&format!("#token={token}")), "{url}");
    json!({ "id": opened["invoice_id"], "token": token })
}

#[test]
fn what_is_paid_is_in_the_balance_and_in_its_statement() {
    house(async |app| {
        let (person, path) = reseller(app).await;
        let person = app.signed_in(&person);
        let invoice = opens(&person, &path, json!("200.00")).await;
        assert_eq!(person.get(&path).await.is(200).json()["data"]["balance"], json!(0.0));
        app.pay(&invoice).await;
        assert_eq!(person.get(&path).await.is(200).json()["data"]["balance"], json!(200.0));
        let line = person.get(&format!("{path}/statement")).await.is(200).json()["data"][0].clone();
        assert_eq!((&line["type"], &line["reference"]), (&json!("TOP_UP"), &invoice["id"]));
        let top_ups = person.get(&format!("{path}/top-ups")).await.is(200).json()["data"].clone();
        assert_eq!((&top_ups[0]["status"], &top_ups[0]["amount"]), (&json!("completed"), &json!(200.0)));
        let url = top_ups[0]["checkout_url"].as_str().unwrap();
        assert!(url.ends_with(invoice["id"].as_str().unwrap()), "the token is shown once: {url}");
    });
}

#[test]
fn a_balance_is_watched_as_its_reseller_says() {
    house(async |app| {
        let (person, path) = reseller(app).await;
        let (person, watch) = (app.signed_in(&person), format!("{path}/auto-top-up"));
        let set = json!({ "enabled": true, "threshold": 50, "amount": 200, "low_balance": [20, "5.50"] });
        let seen = person.patch(&watch, set).await.is(200).json()["data"].clone();
        assert_eq!(seen["auto_top_up"], json!({ "enabled": true, "threshold": 50.0, "amount": 200.0 }));
        assert_eq!(seen["low_balance"], json!([5.5, 20.0]));
        app.settle().await;
        let open = person.get(&format!("{path}/top-ups")).await.is(200).json()["data"].clone();
        assert_eq!((&open[0]["auto_top_up"], &open[0]["amount"]), (&json!(true), &json!(200.0)));

        let off = person.patch(&watch, json!({ "enabled": false })).await.is(200).json()["data"].clone();
        assert_eq!(off["auto_top_up"], json!({ "enabled": false, "threshold": null, "amount": null }));
        let on = person.patch(&watch, json!({ "enabled": true })).await.is(200).json()["data"].clone();
        assert_eq!(on["auto_top_up"], seen["auto_top_up"], "what is not said stays");
    });
}

#[test]
fn amounts_that_are_none_are_refused() {
    house(async |app| {
        let (person, path) = reseller(app).await;
        let person = app.signed_in(&person);
        for amount in
            [json!(0), json!(0.99), json!(-5), json!(100_000.01), json!(1.001), json!("x"), json!(null), json!([1])]
        {
            let refused = person.post(&format!("{path}/top-ups"), json!({ "amount": amount })).await;
            assert_eq!(refused.status, 422, "{amount}: {}", refused.text());
        }
        for body in [
            json!({ "enabled": true }),
            json!({ "enabled": true, "threshold": 5 }),
            json!({ "enabled": "yes" }),
            json!({ "threshold": 0 }),
            json!({ "amount": 0.5 }),
            json!({ "low_balance": [0] }),
            json!({ "low_balance": vec![1; 11] }),
            json!({ "low_balance": 5 }),
        ] {
            let refused = person.patch(&format!("{path}/auto-top-up"), body.clone()).await;
            assert_eq!(refused.status, 422, "{body}: {}", refused.text());
        }
    });
}

#[test]
fn a_balance_is_its_own_resellers_alone() {
    house(async |app| {
        let (_, path) = reseller(app).await;
        let (stranger, _) = reseller(app).await;
        let stranger = app.signed_in(&stranger);
        for rest in ["", "/statement", "/top-ups"] {
            stranger.get(&format!("{path}{rest}")).await.is(404);
        }
        stranger.post(&format!("{path}/top-ups"), json!({ "amount": 5 })).await.is(404);
        stranger.patch(&format!("{path}/auto-top-up"), json!({ "enabled": false })).await.is(404);
    });
}
