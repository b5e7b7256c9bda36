//! `keyhouse refunds` and `keyhouse payouts`: what the operator moves by hand.

use serde_json::{Value, json};

use crate::cli::on;
use crate::house::actor::Answer;
use crate::house::money::{TRON, payout_body};
use crate::house::process::Ended;
use crate::house::{TestApp, house};

const BROADCAST: &[&str] =
    &["--tx", "0x5c50", "--asset-amount", "48.99", "--rate", "1.0002", "--rate-source", "kraken"];

/// A command of either on the test's shop.
fn run(app: &TestApp, what: &str, verb: &str, more: &[&str]) -> Ended {
    on(app, &[&[what, verb, "--shop", "acme"], more].concat())
}

async fn live_payout(app: &TestApp) -> String {
    app.sold_live(4_900).await;
    let made = app.merchant().post("/v1/payouts", payout_body(4_900)).await;
    made.is(201).json()["id"].as_str().unwrap().to_owned()
}

async fn payout(app: &TestApp) -> Value {
    app.merchant().get("/v1/payouts").await.is(200).json()["data"][0].clone()
}

async fn live_refund(app: &TestApp) -> (String, String) {
    let order = app.sold_live(4_900).await;
    let asked: Answer = app.merchant().post(&format!("/v1/orders/{order}/refund"), json!({})).await;
    let refund = asked.is(200).json()["id"].as_str().unwrap().to_owned();
    app.settle().await;
    (order, refund)
}

#[test]
fn a_payout_is_listed_broadcast_and_confirmed() {
    house(async |app| {
        let id = live_payout(app).await;
        let listed = run(app, "payouts", "list", &[]);
        assert_eq!(listed.is(0).output.trim(), format!("{id}  queued     49.00 USD as USDT on tron to {TRON}"));
        assert_eq!(run(app, "payouts", "list", &["--json"]).is(0).json()[0]["destination_address"], TRON);

        let sent = run(app, "payouts", "broadcast", &[BROADCAST, &[&id]].concat());
        assert_eq!(sent.is(0).output.trim(), format!("{id} is broadcast"));
        let shown = payout(app).await;
        let told = ["tx_hash", "asset_amount", "rate", "rate_source", "rate_at"].map(|name| shown[name].clone());
        assert_eq!(told[..4], [json!("0x5c50"), json!("48.99"), json!("1.0002"), json!("kraken")]);
        assert!(told[4].is_string());

        run(app, "payouts", "broadcast", &[BROADCAST, &[&id]].concat()).is(1).complains_of(&["is broadcast"]);
        assert_eq!(run(app, "payouts", "confirm", &["--json", &id]).is(0).json()["status"], "confirmed");
        run(app, "payouts", "fail", &["--reason", "no", &id]).is(1).complains_of(&["is confirmed"]);
        assert_eq!(run(app, "payouts", "list", &["--json"]).is(0).json(), json!([]));
        assert_eq!(run(app, "payouts", "list", &["--json", "--status", "confirmed"]).is(0).json()[0]["id"], json!(id));
    });
}

#[test]
fn a_payout_that_failed_can_be_asked_for_again() {
    house(async |app| {
        let id = live_payout(app).await;
        run(app, "payouts", "confirm", &[&id]).is(1).complains_of(&["is queued"]);
        run(app, "payouts", "fail", &["--reason", "the exchange refuses it", &id]).is(0);
        assert_eq!(payout(app).await["error"], "the exchange refuses it");
        app.merchant().post("/v1/payouts", payout_body(4_900)).await.is(201);
    });
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    house(async |app| {
        let id = live_payout(app).await;
        let before = app.books().await;
        for (flag, value) in [
            ("--asset-amount", "0"),
            ("--asset-amount", "-1"),
            ("--asset-amount", "1e5"),
            ("--rate", "1,0002"),
            ("--rate", "NaN"),
            ("--tx", ""),
            ("--tx", "a\nb"),
            ("--rate-source", &"x".repeat(201)),
        ] {
            let mut all = BROADCAST.to_vec();
            let at = all.iter().position(|one| *one == flag).unwrap();
            let joined = format!("{flag}={value}");
            all.splice(at..at + 2, [joined.as_str()]);
            run(app, "payouts", "broadcast", &[&all, &[id.as_str()][..]].concat()).is(1).complains_of(&[flag]);
        }
        for wrong in ["po_x", "rf_01J2PVS78B0000000000000000", &app.shop.row.tenant.uuid().to_string()] {
            assert_eq!(run(app, "payouts", "confirm", &[wrong]).status, Some(1));
            assert_eq!(run(app, "refunds", "complete", &[wrong]).status, Some(1));
        }
        assert_eq!(app.books().await, before);
    });
}

#[test]
fn the_sandbox_moves_its_own() {
    house(async |app| {
        app.sold(&["A"]).await;
        let made = app.test_merchant().post("/v1/payouts", payout_body(100)).await.is(201).json()["id"].clone();
        run(app, "payouts", "confirm", &[made.as_str().unwrap()]).is(1).complains_of(&["by itself"]);
        app.settle().await;
        let listed = run(app, "payouts", "list", &["--mode", "test", "--status", "confirmed", "--json"]);
        assert_eq!(listed.is(0).json()[0]["id"], made);
    });
}

#[test]
fn a_refund_is_listed_and_completed() {
    house(async |app| {
        let (order, id) = live_refund(app).await;
        let listed = run(app, "refunds", "list", &[]);
        assert_eq!(listed.is(0).output.trim(), format!("{id}  49.00 USD to ada@example.com by manual, of {order}"));
        assert_eq!(run(app, "refunds", "list", &["--json"]).is(0).json()[0]["customer_email"], "ada@example.com");
        let done = run(app, "refunds", "complete", &["--json", "--tx", "0x5c50", &id]);
        assert_eq!(done.is(0).json()["status"], "completed");
        let shown = app.merchant().get(&format!("/v1/orders/{order}")).await.is(200).json().clone();
        assert_eq!((&shown["status"], &shown["refunds"][0]["destination_tx"]), (&json!("refunded"), &json!("0x5c50")));
        run(app, "refunds", "fail", &["--reason", "no", &id]).is(1).complains_of(&["has ended"]);
        assert_eq!(run(app, "refunds", "list", &["--json"]).is(0).json(), json!([]));
    });
}

#[test]
fn a_refund_that_failed_can_be_asked_for_again() {
    house(async |app| {
        let (order, id) = live_refund(app).await;
        run(app, "refunds", "fail", &["--reason", "the account is closed", &id]).is(0);
        app.merchant().post(&format!("/v1/orders/{order}/refund"), json!({})).await.is(200);
    });
}
