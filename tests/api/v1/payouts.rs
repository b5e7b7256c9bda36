//! Payouts of what the shop has sold for (R19).

use chrono::Duration;
use keyhouse::domain::ledger::{self, Account, Kind};
use keyhouse::domain::payouts::Chain;
use serde_json::{Value, json};

use crate::house::actor::Answer;
use crate::house::money::{TRON, order_of, payout_body};
use crate::house::{TestApp, house, house_with};
use crate::laws::operations::NO_LIMITS;
use crate::laws::{patiently, together};

const PAYOUTS: &str = "/v1/payouts";

async fn ask(app: &TestApp, body: Value) -> Answer {
    app.test_merchant().post(PAYOUTS, body).await
}

fn with(members: Value) -> Value {
    let mut body = payout_body(100);
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

/// The newest, as the list shows it.
async fn newest(app: &TestApp) -> Value {
    app.test_merchant().get(PAYOUTS).await.is(200).json()["data"][0].clone()
}

#[test]
fn a_payout_is_queued_broadcast_and_confirmed() {
    house(async |app| {
        app.sold(&["A"]).await;
        let made = ask(app, with(json!({ "amount_cents": 4_900, "memo": "rent" }))).await;
        insta::assert_json_snapshot!(made.is(201).masked(), @r#"
        {
          "amount_cents": 4900,
          "asset": "USDT",
          "asset_amount": null,
          "chain": "tron",
          "confirmed_at": null,
          "created_at": "2026-05-26T07:18:03Z",
          "currency": "USD",
          "destination_address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
          "error": null,
          "id": "[id]",
          "memo": "rent",
          "rate": null,
          "rate_at": null,
          "rate_source": null,
          "status": "queued",
          "tx_hash": null
        }
        "#);
        app.advance(Duration::minutes(1));
        app.settle().await;
        let mut shown = newest(app).await;
        let tx = shown.as_object_mut().unwrap().remove("tx_hash").unwrap();
        assert!(tx.as_str().unwrap().starts_with("sandbox-"));
        insta::assert_json_snapshot!(crate::house::masked::mask(shown), @r#"
        {
          "amount_cents": 4900,
          "asset": "USDT",
          "asset_amount": "49.00",
          "chain": "tron",
          "confirmed_at": "2026-05-26T07:19:03Z",
          "created_at": "2026-05-26T07:18:03Z",
          "currency": "USD",
          "destination_address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
          "error": null,
          "id": "[id]",
          "memo": "rent",
          "rate": "1",
          "rate_at": "2026-05-26T07:19:03Z",
          "rate_source": "sandbox",
          "status": "confirmed"
        }
        "#);
        let told = app.events().await;
        let told: Vec<&str> = told.iter().map(String::as_str).filter(|topic| topic.starts_with("payout.")).collect();
        assert_eq!(told, ["payout.queued", "payout.broadcast", "payout.confirmed"]);
    });
}

#[test]
fn a_payout_takes_no_more_than_what_was_sold_for_and_not_refunded() {
    house(async |app| {
        let (first, _) = (app.sold(&["A"]).await, app.sold(&["B"]).await);
        app.refund(order_of(&first), json!({ "amount_cents": 900 })).await.is(200);
        let shop = app.shop.row.twin;
        assert_eq!(app.payable(shop).await, 8_900, "what is being refunded is held");
        for cents in [8_901, 9_800, 9_007_199_254_740_991] {
            let refused = ask(app, payout_body(cents)).await;
            refused.is(422).is_problem("unprocessable").blames("amount_cents");
            assert!(refused.text().contains("8900"), "{}", refused.text());
        }
        ask(app, payout_body(8_000)).await.is(201);
        ask(app, payout_body(901)).await.is(422).blames("amount_cents");
        ask(app, payout_body(900)).await.is(201);
        ask(app, payout_body(1)).await.is(422).blames("amount_cents");
        assert_eq!(app.payable(shop).await, 0);
    });
}

#[test]
fn a_shop_that_sold_nothing_is_paid_nothing() {
    house(async |app| {
        ask(app, payout_body(1)).await.is(422).blames("amount_cents");
        app.merchant().post(PAYOUTS, payout_body(1)).await.is(422).blames("amount_cents");
    });
}

#[test]
fn what_resellers_have_paid_in_and_not_spent_is_not_the_shops() {
    house(async |app| {
        let purse = app.purse().await;
        purse.fund(10_000).await;
        ask(app, payout_body(1)).await.is(422).blames("amount_cents");
        purse.adjust(-3_000).await.unwrap();
        ask(app, payout_body(3_001)).await.is(422).blames("amount_cents");
        ask(app, payout_body(3_000)).await.is(201);
    });
}

#[test]
fn a_payout_that_failed_gives_its_amount_back_and_says_why() {
    house(async |app| {
        sqlx::query("update shops set owner_email = 'owner@example.com'").execute(&mut app.db().await).await.unwrap();
        app.sold(&["A"]).await;
        ask(app, with(json!({ "amount_cents": 4_900, "memo": "fail" }))).await.is(201);
        ask(app, payout_body(1)).await.is(422);
        app.settle().await;
        let failed = newest(app).await;
        assert_eq!((&failed["status"], &failed["tx_hash"]), (&json!("failed"), &Value::Null));
        assert_eq!(failed["error"], "the sandbox was told to fail it");
        assert!(app.events().await.contains(&"payout.failed".to_owned()));
        let mail = app.mails().pop().unwrap();
        assert!(mail.contains("To: owner@example.com") && mail.contains("49.00 USD"), "{mail}");
        ask(app, payout_body(4_900)).await.is(201);
    });
}

#[test]
fn a_confirmed_payout_has_left_the_books() {
    house(async |app| {
        app.sold(&["A"]).await;
        ask(app, payout_body(4_000)).await.is(201);
        let shop = app.shop.row.twin;
        let (pending, out) = (Account::recording(Kind::Pending, ""), Account::recording(Kind::Clearing, "payouts"));
        assert_eq!((app.held(shop, &pending).await, app.held(shop, &out).await), (4_000, 0));
        app.settle().await;
        assert_eq!((app.held(shop, &pending).await, app.held(shop, &out).await), (0, 4_000));
        assert_eq!(app.held(shop, &ledger::payable()).await, 900);
    });
}

#[test]
fn sixteen_payouts_at_once_never_take_more_than_there_is() {
    house_with(NO_LIMITS, async |app| {
        app.sold(&["A"]).await;
        let asked = || patiently(|| ask(app, payout_body(1_000)));
        let answers = together((0..16).map(|_| asked())).await;
        assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 422)));
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 4, "four times 10.00 fits into 49.00");
        assert_eq!(app.payable(app.shop.row.twin).await, 900);
    });
}

#[test]
fn the_same_payout_twice_is_one() {
    house(async |app| {
        app.sold(&["A"]).await;
        let merchant = app.test_merchant().idempotent("payout-1");
        let (first, again) =
            (merchant.post(PAYOUTS, payout_body(100)).await, merchant.post(PAYOUTS, payout_body(100)).await);
        assert_eq!(first.is(201).bytes, again.is(201).bytes);
        assert_eq!(app.payable(app.shop.row.twin).await, 4_800);
    });
}

#[test]
fn a_live_payout_waits_for_its_operator() {
    house(async |app| {
        app.sold_live(900).await;
        app.merchant().post(PAYOUTS, payout_body(900)).await.is(201);
        app.advance(Duration::hours(1));
        app.settle().await;
        let list = app.merchant().get("/v1/payouts?status=queued,broadcast").await;
        assert_eq!(list.is(200).json()["data"][0]["status"], "queued");
        assert_eq!(app.merchant().get("/v1/payouts?status=confirmed").await.is(200).json()["data"], json!([]));
        app.merchant().get("/v1/payouts?status=sent").await.is(422).blames("status");
    });
}

#[test]
fn every_chain_takes_its_own_addresses_and_assets() {
    house_with(NO_LIMITS, async |app| {
        app.sold(&["A"]).await;
        let evm = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        for (chain, asset, address) in [
            ("tron", "USDT", TRON),
            ("base", "USDC", evm),
            ("ethereum", "ETH", evm),
            ("polygon", "USDT", evm),
            ("bsc", "BNB", evm),
            ("bitcoin", "BTC", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
            ("solana", "SOL", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
        ] {
            let body = with(json!({ "chain": chain, "asset": asset, "destination_address": address }));
            ask(app, body).await.is(201);
            let body = with(json!({ "chain": chain, "asset": "DOGE", "destination_address": "nobody" }));
            ask(app, body).await.is(422).blames("asset").blames("destination_address");
        }
        assert!(Chain::WORDS.iter().all(|(chain, _)| !app.app.config.payouts.sent_on(chain).is_empty()));
    });
}

#[test]
fn an_asset_that_the_settings_leave_out_is_not_sent() {
    house_with("[payouts.assets]\ntron = []", async |app| {
        app.sold(&["A"]).await;
        ask(app, payout_body(100)).await.is(422).blames("asset");
    });
}

#[test]
fn what_a_payout_cannot_be_is_refused() {
    house_with(NO_LIMITS, async |app| {
        app.sold(&["A"]).await;
        let before = app.books().await;
        let long = "T".repeat(100_000);
        for (field, values) in [
            ("chain", vec![json!("dogecoin"), json!("TRON"), json!(1), json!("")]),
            ("asset", vec![json!("usdt"), json!("BTC"), json!(""), json!("US\0DT"), json!(1)]),
            (
                "amount_cents",
                vec![json!(0), json!(-1), json!(1.5), json!("1"), json!(true), json!(u64::MAX), json!(1e40)],
            ),
            // Row 72 of the catalogue: checksum, chain, and what no address holds.
            (
                "destination_address",
                vec![json!("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u"), json!("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")],
            ),
            ("destination_address", vec![json!(""), json!("T\0"), json!(&long), json!(7), json!([TRON])]),
            ("memo", vec![json!(""), json!("a\0b"), json!("a\nb"), json!("a\u{85}"), json!("x".repeat(257)), json!(1)]),
            ("status", vec![json!("confirmed")]),
            ("currency", vec![json!("EUR")]),
        ] {
            for value in values {
                ask(app, with(json!({ field: value }))).await.is(422).is_problem("unprocessable").blames(field);
            }
        }
        for field in ["chain", "asset", "amount_cents", "destination_address"] {
            ask(app, with(json!({ field: null }))).await.is(400).is_problem("invalid_request").blames(field);
        }
        assert_eq!(app.books().await, before);
    });
}
