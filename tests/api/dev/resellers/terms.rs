use serde_json::{Value, json};

use super::{blamed, path, product, seen};
use crate::house::house;
use crate::house::masked::mask;

#[test]
fn a_relationship_begins_with_the_terms_of_its_invitation() {
    house(async |app| {
        let (one, other) = (product(app).await, product(app).await);
        let terms = json!({
            "email": "rae@example.com", "mode": "HYBRID", "custom_commission_percent": 12.5,
            "customWholesaleDiscountPercent": 30, "purchase_limit_daily": 10, "purchase_limit_monthly": 100,
            "product_ids": [other, one],
            "product_access": [{ "product_id": one, "wholesale_price_override": 19.9, "min_quantity": 2,
                "max_quantity": 20, "auto_fulfilled_enabled": true, "min_resale_price": "29.00",
                "max_resale_price": 59, "commission_percent_override": 5 }],
        });
        let id = app.invited(&app.developer(), terms).await;
        let mut shown = seen(app, &id).await;
        let mut listed = std::mem::take(&mut shown["product_access"]);
        for entry in listed.as_array_mut().unwrap() {
            entry["product_id"] = if entry["product_id"] == one { "[one]" } else { "[other]" }.into();
        }
        insta::assert_json_snapshot!(listed, @r#"
        [
          {
            "auto_fulfilled_enabled": true,
            "commission_percent_override": 5,
            "max_quantity": 20,
            "max_resale_price": 59.0,
            "min_quantity": 2,
            "min_resale_price": 29.0,
            "product_id": "[one]",
            "wholesale_price_override": 19.9
          },
          {
            "auto_fulfilled_enabled": false,
            "commission_percent_override": null,
            "max_quantity": null,
            "max_resale_price": null,
            "min_quantity": null,
            "min_resale_price": null,
            "product_id": "[other]",
            "wholesale_price_override": null
          }
        ]
        "#);
        insta::assert_json_snapshot!(mask(shown.clone()), @r#"
        {
          "created_at": "2026-05-26T07:18:03.250Z",
          "custom_commission_percent": 12.5,
          "custom_wholesale_discount_percent": 30,
          "deliver_by_mail": false,
          "display_name": null,
          "email": "rae@example.com",
          "expires_at": null,
          "id": "[id]",
          "invitation_id": null,
          "mode": "BOTH",
          "product_access": null,
          "purchase_limit_daily": 10,
          "purchase_limit_monthly": 100,
          "reply_to": null,
          "reseller_code": "[reseller_code]",
          "status": "ACTIVE",
          "uniqid": "[uniqid]",
          "updated_at": "2026-05-26T07:18:03.250Z",
          "verified": false,
          "verified_at": null
        }
        "#);
        let code = shown["reseller_code"].as_str().unwrap();
        assert!(code.len() == 8 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{code}");
    });
}

#[test]
fn a_list_of_products_replaces_the_one_before_and_is_echoed() {
    house(async |app| {
        let (one, other) = (product(app).await, product(app).await);
        let id = app.invited(&app.developer(), json!({})).await;
        assert_eq!(seen(app, &id).await["product_access"], Value::Null);
        let products = async |body: Value| {
            let changed = app.developer().patch(&path(&id), body).await.is(200).json()["data"].clone();
            assert_eq!(seen(app, &id).await["product_access"], changed["product_access"]);
            let listed = changed["product_access"].as_array().unwrap().clone();
            listed.iter().map(|entry| entry["product_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(products(json!({ "product_ids": [one] })).await, std::slice::from_ref(&one));
        let overridden = json!({ "product_access": [{ "product_id": other, "wholesale_price_override": 1 }] });
        assert_eq!(products(overridden).await, std::slice::from_ref(&other));
        assert_eq!(products(json!({ "mode": "BOTH" })).await, [other], "what is absent stays");
        assert!(products(json!({ "product_ids": [] })).await.is_empty());
    });
}

#[test]
fn verification_keeps_its_first_date_until_it_is_taken_back() {
    house(async |app| {
        let id = app.invited(&app.developer(), json!({})).await;
        let verify = async |verified: bool| {
            let changed = app.developer().patch(&path(&id), json!({ "verified": verified })).await;
            changed.is(200).json()["data"]["verified_at"].clone()
        };
        let first = verify(true).await;
        assert_eq!(first, "2026-05-26T07:18:03.250Z");
        app.advance(chrono::Duration::days(1));
        assert_eq!(verify(true).await, first);
        assert_eq!(verify(false).await, Value::Null);
    });
}

#[test]
fn null_gives_a_term_back_to_the_program() {
    house(async |app| {
        let terms = json!({ "custom_commission_percent": 5, "purchase_limit_daily": 3 });
        let id = app.invited(&app.developer(), terms).await;
        let emptied = json!({ "custom_commission_percent": null, "purchase_limit_daily": null });
        let changed = app.developer().patch(&path(&id), emptied).await.is(200).json()["data"].clone();
        assert_eq!(changed["custom_commission_percent"], Value::Null);
        assert_eq!(changed["purchase_limit_daily"], Value::Null);
    });
}

#[test]
fn buyers_are_written_to_in_the_resellers_name_where_it_says_so() {
    house(async |app| {
        let id = app.invited(&app.developer(), json!({})).await;
        let label = json!({ "deliver_by_mail": true, "display_name": "Rae's Keys", "reply_to": "help@rae.example" });
        let changed = app.developer().patch(&path(&id), label).await.is(200).json()["data"].clone();
        assert_eq!(changed["deliver_by_mail"], true);
        assert_eq!(
            (&changed["display_name"], &changed["reply_to"]),
            (&json!("Rae's Keys"), &json!("help@rae.example"))
        );
        for (field, value) in
            [("display_name", "Rae\r\nBcc: x@example.com"), ("display_name", ""), ("reply_to", "Rae <rae@example.com>")]
        {
            assert_eq!(blamed(&app.developer().patch(&path(&id), json!({ field: value })).await), [field]);
        }
    });
}

#[test]
fn what_nobody_may_set_is_left_alone() {
    house(async |app| {
        let id = app.invited(&app.developer(), json!({})).await;
        let before = seen(app, &id).await;
        let tempting = json!({ "status": "TERMINATED", "reseller_code": "MINE", "email": "x@example.com", "balance": 9,
            "account_id": id, "shop_id": id, "verified_at": "2020-01-01T00:00:00Z" });
        app.developer().patch(&path(&id), tempting).await.is(200);
        assert_eq!(seen(app, &id).await, before);
    });
}
