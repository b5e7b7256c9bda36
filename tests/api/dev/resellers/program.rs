use serde_json::json;

use super::{blamed, invite};
use crate::house::house;
use crate::house::masked::mask;

const PATH: &str = "/dev/v1/reseller-program";

#[test]
fn a_program_is_off_until_it_is_turned_on() {
    house(async |app| {
        let program = app.developer().get(PATH).await.is(200).json()["data"].clone();
        insta::assert_json_snapshot!(mask(program), @r#"
        {
          "commission_hold_days": 0,
          "default_commission_percent": null,
          "default_mode": "BOTH",
          "default_wholesale_discount_percent": null,
          "id": "[id]",
          "is_enabled": false,
          "min_payout_threshold": null,
          "require_verification": false,
          "terms_url": null,
          "uniqid": "[uniqid]"
        }
        "#);
    });
}

#[test]
fn a_program_shows_what_it_was_set_to() {
    house(async |app| {
        let settings = json!({
            "is_enabled": true, "default_mode": "HYBRID", "default_commission_percent": 12.5,
            "default_wholesale_discount_percent": "33.3333", "min_payout_threshold": 49.99,
            "require_verification": true, "commission_hold_days": 14, "terms_url": "https://acme.example/terms",
        });
        app.developer().patch(PATH, settings).await.is(200);
        let program = app.developer().get(PATH).await.is(200).json()["data"].clone();
        insta::assert_json_snapshot!(mask(program), @r#"
        {
          "commission_hold_days": 14,
          "default_commission_percent": 12.5,
          "default_mode": "BOTH",
          "default_wholesale_discount_percent": 33.3333,
          "id": "[id]",
          "is_enabled": true,
          "min_payout_threshold": 49.99,
          "require_verification": true,
          "terms_url": "https://acme.example/terms",
          "uniqid": "[uniqid]"
        }
        "#);
    });
}

#[test]
fn what_a_change_leaves_out_stays_and_null_empties() {
    house(async |app| {
        let settings = json!({ "default_commission_percent": 10, "min_payout_threshold": 50, "commissionHoldDays": 3 });
        app.developer().patch(PATH, settings).await.is(200);
        let changed = app.developer().patch(PATH, json!({ "default_commission_percent": null })).await;
        let program = &changed.is(200).json()["data"];
        assert_eq!(program["default_commission_percent"], json!(null));
        assert_eq!(program["min_payout_threshold"], json!(50.0));
        assert_eq!(program["commission_hold_days"], 3);
    });
}

#[test]
fn the_sandbox_has_a_program_of_its_own() {
    house(async |app| {
        app.opens_program(&app.test_developer(), json!({})).await;
        assert_eq!(app.developer().get(PATH).await.is(200).json()["data"]["is_enabled"], false);
    });
}

#[test]
fn every_wrong_setting_is_named_and_changes_nothing() {
    house(async |app| {
        let before = app.developer().get(PATH).await.text();
        let wrong = json!({
            "is_enabled": "yes", "default_mode": "WHOLE", "default_commission_percent": 100.5,
            "default_wholesale_discount_percent": -1, "min_payout_threshold": {}, "require_verification": 1,
            "commission_hold_days": 366, "terms_url": "javascript:alert(1)",
        });
        let refused = app.developer().patch(PATH, wrong).await;
        let mut blamed = blamed(&refused);
        blamed.sort();
        assert_eq!(
            blamed,
            [
                "commission_hold_days",
                "default_commission_percent",
                "default_mode",
                "default_wholesale_discount_percent",
                "is_enabled",
                "min_payout_threshold",
                "require_verification",
                "terms_url"
            ]
        );
        for percent in [json!(12.34567), json!("1e1"), json!("NaN"), json!(1e300), json!([1])] {
            app.developer().patch(PATH, json!({ "default_commission_percent": percent })).await.is(422);
        }
        for amount in [json!(49.999), json!(-1), json!("1e3"), json!(1e300)] {
            app.developer().patch(PATH, json!({ "min_payout_threshold": amount })).await.is(422);
        }
        assert_eq!(app.developer().get(PATH).await.text(), before);
    });
}

#[test]
fn a_program_that_is_off_invites_nobody() {
    house(async |app| {
        let refused = invite(app, json!({ "email": "rae@example.com" })).await;
        refused.is(409).has_code("RESELLER_PROGRAM_DISABLED");
        assert!(app.events().await.is_empty());
        app.settle().await;
        assert!(app.mails().is_empty());
    });
}
