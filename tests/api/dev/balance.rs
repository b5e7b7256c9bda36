//! A reseller's balance in the hands of its shop.

use keyhouse::domain::keys;
use keyhouse::kit::secret;
use serde_json::json;

use crate::house::house;

#[test]
fn a_balance_is_put_right_by_hand_and_the_statement_says_why() {
    house(async |app| {
        let (reseller, shop) = (app.purse().await, app.test_developer());
        reseller.fund(20_000).await;
        let body = json!({ "amount": -12.5, "reason": "=two codes did not work" });
        let done = shop.post(&reseller.path("balance/adjustments"), body).await;
        assert_eq!(done.is(201).json()["data"]["balance_after"], json!(187.5));
        let balance = shop.get(&reseller.path("balance")).await;
        insta::assert_json_snapshot!(balance.is(200).json()["data"], @r#"
        {
          "auto_top_up": {
            "amount": null,
            "enabled": false,
            "threshold": null
          },
          "available_balance": 187.5,
          "balance": 187.5,
          "currency": "USD",
          "low_balance": []
        }
        "#);
        let lines = shop.get(&reseller.path("balance/statement")).await.is(200).json()["data"].clone();
        let shown = |n: usize| (lines[n]["type"].clone(), lines[n]["amount"].clone(), lines[n]["reason"].clone());
        assert_eq!(shown(0), (json!("ADJUSTMENT"), json!(-12.5), json!("=two codes did not work")));
        assert_eq!(shown(1), (json!("TOP_UP"), json!(200.0), json!(null)));
        assert_eq!((&lines[0]["made_by"], &lines[1]["made_by"]), (&done.json()["data"]["made_by"], &json!(null)));
        let csv = shop.get(&reseller.path("balance/statement?format=csv")).await;
        assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
        let rows: Vec<String> = csv.text().lines().map(str::to_owned).collect();
        assert!(rows[1].contains(",ADJUSTMENT,-12.50,187.50,USD,") && rows[1].contains(",'=two codes"), "{rows:?}");
        assert_eq!(rows.len(), 3);
    });
}

#[test]
fn nothing_is_taken_that_is_not_there() {
    house(async |app| {
        let (reseller, shop) = (app.purse().await, app.test_developer());
        reseller.fund(1_000).await;
        let take = json!({ "amount": "-10.01", "reason": "too much" });
        shop.post(&reseller.path("balance/adjustments"), take).await.is(402).has_code("INSUFFICIENT_BALANCE");
        assert_eq!(reseller.balance().await, 1_000);
    });
}

#[test]
fn an_adjustment_that_is_sent_again_is_made_once() {
    house(async |app| {
        let reseller = app.purse().await;
        let body = json!({ "amount": 5, "reason": "welcome" });
        for _ in 0..3 {
            let shop = app.test_developer().idempotent("welcome-1");
            shop.post(&reseller.path("balance/adjustments"), body.clone()).await.is(201);
        }
        assert_eq!(reseller.balance().await, 500);
    });
}

#[test]
fn an_adjustment_that_says_nothing_sensible_is_refused() {
    house(async |app| {
        let (reseller, shop) = (app.purse().await, app.test_developer());
        for body in [
            json!({}),
            json!({ "amount": 5 }),
            json!({ "amount": 5, "reason": "" }),
            json!({ "amount": 0, "reason": "r" }),
            json!({ "amount": 0.001, "reason": "r" }),
            json!({ "amount": 1e300, "reason": "r" }),
            json!({ "amount": "NaN", "reason": "r" }),
            json!({ "amount": "-", "reason": "r" }),
            json!({ "amount": 100_000.01, "reason": "r" }),
            json!({ "amount": [5], "reason": "r" }),
            json!({ "amount": 5, "reason": "x".repeat(201) }),
        ] {
            let refused = shop.post(&reseller.path("balance/adjustments"), body.clone()).await;
            assert_eq!(refused.status, 422, "{body}: {}", refused.text());
        }
        assert_eq!(reseller.balance().await, 0);
    });
}

#[test]
fn who_put_a_balance_right_is_told_to_the_shop_and_not_to_the_reseller() {
    house(async |app| {
        let reseller = app.reseller().await;
        let body = json!({ "amount": 5, "reason": "welcome" });
        let path = format!("/dev/v1/resellers/{}/balance", reseller.id.uuid());
        app.test_developer().post(&format!("{path}/adjustments"), body).await.is(201);
        let hash = secret::hash(&app.shop.developer_test);
        let key = keys::authenticate(&mut app.db().await, &hash).await.unwrap().unwrap().key.uuid().to_string();
        let shown = app.test_developer().get(&format!("{path}/statement")).await;
        assert_eq!(shown.is(200).json()["data"][0]["made_by"], json!(key));
        let csv = app.test_developer().get(&format!("{path}/statement?format=csv")).await.text();
        assert!(csv.lines().next().unwrap().ends_with(",made_by") && csv.contains(&key), "{csv}");
        let theirs = app.bearer(reseller.token.clone());
        for query in ["", "?format=csv"] {
            let shown = theirs.get(&format!("/reseller/v1/balance/statement{query}")).await;
            assert!(shown.is(200).text().contains("welcome"), "{}", shown.text());
            assert!(!shown.text().contains("made_by") && !shown.text().contains(&key), "{}", shown.text());
        }
    });
}
