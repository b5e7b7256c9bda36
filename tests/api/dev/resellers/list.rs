use serde_json::{Value, json};

use super::{invite, opened, path};
use crate::house::house;
use crate::house::masked::mask;

#[test]
fn a_list_shows_relationships_and_invitations_where_they_are_asked_for() {
    house(async |app| {
        opened(app).await;
        let active = app.invited(&app.developer(), json!({})).await;
        let suspended = app.invited(&app.developer(), json!({})).await;
        app.developer().post(&format!("{}/suspend", path(&suspended)), json!({})).await.is(200);
        invite(app, json!({ "email": "late@example.com", "expires_in_days": 1 })).await.is(201);
        invite(app, json!({ "email": "open@example.com" })).await.is(201);
        app.advance(chrono::Duration::days(2));

        let list = async |query: &str| {
            let answer = app.developer().get(&format!("/dev/v1/resellers{query}")).await;
            let data = answer.is(200).json()["data"].as_array().unwrap().clone();
            data.iter()
                .map(|one| if one["id"].is_null() { &one["email"] } else { &one["id"] }.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(list("").await, [json!(suspended), json!(active)]);
        assert_eq!(list("?status=ACTIVE").await, [json!(active)]);
        assert_eq!(list("?status=INVITED").await, [json!("open@example.com")]);
        assert_eq!(list("?status=INVITED,SUSPENDED").await, [json!("open@example.com"), json!(suspended)]);
        app.developer().get("/dev/v1/resellers?status=active").await.is(422);
    });
}

#[test]
fn an_invitation_in_a_list_has_no_relationships_id() {
    house(async |app| {
        opened(app).await;
        let invited = invite(app, json!({ "email": "rae@example.com", "mode": "STOCK" })).await.is(201).json().clone();
        let list = app.developer().get("/dev/v1/resellers?status=INVITED").await.is(200).json()["data"].clone();
        insta::assert_json_snapshot!(mask(list[0].clone()), @r#"
        {
          "created_at": "2026-05-26T07:18:03.250Z",
          "custom_commission_percent": null,
          "custom_wholesale_discount_percent": null,
          "deliver_by_mail": false,
          "display_name": null,
          "email": "rae@example.com",
          "expires_at": "2026-06-02T07:18:03.250Z",
          "id": null,
          "invitation_id": "[invitation_id]",
          "mode": "STOCK",
          "purchase_limit_daily": null,
          "purchase_limit_monthly": null,
          "reply_to": null,
          "reseller_code": null,
          "status": "INVITED",
          "uniqid": null,
          "updated_at": "2026-05-26T07:18:03.250Z",
          "verified": false,
          "verified_at": null
        }
        "#);
        let id = invited["data"]["invitation"]["id"].as_str().unwrap();
        app.developer().get(&path(id)).await.is(404).has_code("NOT_FOUND");
        app.developer().post(&format!("{}/terminate", path(id)), json!({})).await.is(404);
    });
}

#[test]
fn pages_of_both_hold_everything_once() {
    house(async |app| {
        opened(app).await;
        for n in 0..3 {
            app.invited(&app.developer(), json!({})).await;
            invite(app, json!({ "email": format!("open{n}@example.com") })).await.is(201);
        }
        let (mut emails, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/dev/v1/resellers?status=INVITED,ACTIVE&limit=2{cursor}");
            let page = app.developer().get(&path).await.is(200).json().clone();
            emails.extend(page["data"].as_array().unwrap().iter().map(|one| one["email"].as_str().unwrap().to_owned()));
            let Value::String(next) = &page["pagination"]["next_cursor"] else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(emails.len(), 6, "{emails:?}");
        emails.sort();
        emails.dedup();
        assert_eq!(emails.len(), 6, "one comes twice");
    });
}
