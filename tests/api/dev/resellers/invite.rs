use serde_json::json;

use super::{blamed, invite, opened, path, product};
use crate::house::masked::mask;
use crate::house::{house, product_body};
use crate::laws::operations::path_of;

#[test]
fn an_invitation_comes_with_its_link() {
    house(async |app| {
        opened(app).await;
        let body = json!({ "email": "Rae@Example.com", "mode": "WHOLESALE", "expires_in_days": 3 });
        let invited = invite(app, body).await.is(201).json()["data"].clone();
        let token = invited["invitation"]["token"].as_str().unwrap();
        assert_eq!(invited["invitation"]["accept_url"], format!("http://keyhouse.test/portal/invitations/{token}"));
        insta::assert_json_snapshot!(mask(invited), @r#"
        {
          "email_delivery": {
            "error": null,
            "event_id": "[event_id]",
            "status": "queued"
          },
          "invitation": {
            "accept_url": "[accept_url]",
            "accepted_at": null,
            "email": "Rae@Example.com",
            "expires_at": "2026-05-29T07:18:03.250Z",
            "id": "[id]",
            "invite_type": "reseller",
            "mode": "STOCK",
            "revoked_at": null,
            "role": null,
            "shop_id": "[shop_id]",
            "token": "[token]"
          }
        }
        "#);
    });
}

#[test]
fn the_mail_carries_the_same_link() {
    house(async |app| {
        opened(app).await;
        let invited = invite(app, json!({ "email": "rae@example.com" })).await.is(201).json()["data"].clone();
        app.settle().await;
        let [mail] = <[String; 1]>::try_from(app.mails()).unwrap();
        assert!(mail.contains("To: rae@example.com"), "{mail}");
        let unfolded = mail.replace("=\r\n", "");
        assert!(unfolded.contains(&path_of(invited["invitation"]["accept_url"].as_str().unwrap())), "{mail}");
    });
}

#[test]
fn the_token_lies_nowhere_at_rest() {
    house(async |app| {
        opened(app).await;
        let invited = invite(app, json!({ "email": "rae@example.com" })).await.is(201).json()["data"].clone();
        let token = invited["invitation"]["token"].as_str().unwrap();
        let mut db = app.db().await;
        for table in ["reseller_invitations", "mails", "events", "directory", "idempotency"] {
            let rows = sqlx::AssertSqlSafe(format!("select coalesce(string_agg(t::text, ' '), '') from {table} t"));
            let rows: String = sqlx::query_scalar(rows).fetch_one(&mut db).await.unwrap();
            assert!(!rows.contains(token), "{table}");
        }
    });
}

#[test]
fn who_is_invited_again_keeps_the_invitation_and_gets_a_new_token() {
    house(async |app| {
        opened(app).await;
        let first = invite(app, json!({ "email": "rae@example.com", "mode": "STOCK" })).await.is(201).json().clone();
        app.advance(chrono::Duration::days(1));
        let again = json!({ "email": "RAE@example.com", "mode": "AFFILIATE" });
        let second = invite(app, again).await.is(201).json().clone();
        let (first, second) = (&first["data"]["invitation"], &second["data"]["invitation"]);
        assert_eq!(first["id"], second["id"]);
        assert_ne!(first["token"], second["token"]);
        assert_eq!(second["mode"], "AFFILIATE");
        assert!(first["expires_at"].as_str() < second["expires_at"].as_str());
        let known: i64 = sqlx::query_scalar("select count(*) from directory where kind = 'invitation'")
            .fetch_one(&mut app.db().await)
            .await
            .unwrap();
        assert_eq!(known, 1, "the token before opens nothing");
        let id = app.accepts(second["token"].as_str().unwrap()).await;
        let list = app.developer().get("/dev/v1/resellers").await.is(200).json()["data"].clone();
        assert_eq!((list.as_array().unwrap().len(), &list[0]["id"]), (1, &json!(id)));
    });
}

#[test]
fn twins_invite_once() {
    house(async |app| {
        opened(app).await;
        let developer = app.developer().idempotent("one");
        let body = json!({ "email": "rae@example.com" });
        let first = developer.post("/dev/v1/resellers/invite", body.clone()).await;
        let again = developer.post("/dev/v1/resellers/invite", body).await;
        assert_eq!(first.is(201).bytes, again.is(201).bytes);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        app.settle().await;
        assert_eq!(app.mails().len(), 1);
    });
}

#[test]
fn a_reseller_is_not_invited_again_before_the_end() {
    house(async |app| {
        let id = app.invited(&app.developer(), json!({ "email": "rae@example.com" })).await;
        let body = json!({ "email": "Rae@example.com" });
        invite(app, body.clone()).await.is(409).has_code("WRONG_STATE");
        app.developer().post(&format!("{}/terminate", path(&id)), json!({})).await.is(200);
        let invited = invite(app, body).await.is(201).json()["data"].clone();
        let anew = app.accepts(invited["invitation"]["token"].as_str().unwrap()).await;
        assert_ne!(anew, id);
    });
}

#[test]
fn what_is_wrong_with_an_invitation_is_named_and_invites_nobody() {
    house(async |app| {
        opened(app).await;
        let product = product(app).await;
        let of_sandbox = app.test_merchant().post("/v1/products", product_body("Elsewhere")).await;
        let of_sandbox = of_sandbox.is(201).json()["id"].clone();
        let access = |more: serde_json::Value| {
            let mut entry = json!({ "product_id": product });
            entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "email": "rae@example.com", "product_access": [entry] })
        };
        for (body, field) in [
            (json!({}), "email"),
            (json!({ "email": "rae" }), "email"),
            (json!({ "email": "rae@example.com\r\nBcc: x@example.com" }), "email"),
            (json!({ "email": "rae@example.com", "mode": "both" }), "mode"),
            (json!({ "email": "rae@example.com", "expires_in_days": 0 }), "expires_in_days"),
            (json!({ "email": "rae@example.com", "purchase_limit_daily": -1 }), "purchase_limit_daily"),
            (json!({ "email": "rae@example.com", "purchase_limit_monthly": 1.5 }), "purchase_limit_monthly"),
            (json!({ "email": "rae@example.com", "custom_commission_percent": 101 }), "custom_commission_percent"),
            (json!({ "email": "rae@example.com", "product_ids": ["x"] }), "product_ids[0]"),
            (json!({ "email": "rae@example.com", "product_ids": [product, of_sandbox] }), "product_ids[1]"),
            (json!({ "email": "rae@example.com", "product_access": [{}] }), "product_access[0].product_id"),
            (access(json!({ "wholesale_price_override": 1.999 })), "product_access[0].wholesale_price_override"),
            (access(json!({ "wholesale_price_override": -1 })), "product_access[0].wholesale_price_override"),
            (access(json!({ "min_quantity": 0 })), "product_access[0].min_quantity"),
            (access(json!({ "min_quantity": 5, "max_quantity": 4 })), "product_access[0].min_quantity"),
            (access(json!({ "min_resale_price": 5, "max_resale_price": 4 })), "product_access[0].min_resale_price"),
        ] {
            assert_eq!(blamed(&invite(app, body.clone()).await), [field], "{body}");
        }
        let twice = json!({ "email": "rae@example.com",
            "product_access": [{ "product_id": product }, { "product_id": product }] });
        assert_eq!(blamed(&invite(app, twice).await), ["product_access[1]"]);
        assert!(!app.events().await.contains(&"reseller:invited".to_owned()));
    });
}

#[test]
fn an_event_tells_of_the_invitation_without_its_token() {
    house(async |app| {
        opened(app).await;
        invite(app, json!({ "email": "rae@example.com" })).await.is(201);
        let told: serde_json::Value = sqlx::query_scalar("select payload from events where topic = 'reseller:invited'")
            .fetch_one(&mut app.db().await)
            .await
            .unwrap();
        insta::assert_json_snapshot!(mask(told), @r#"
        {
          "email": "rae@example.com",
          "expires_at": "2026-06-02T07:18:03.250Z",
          "invitation_id": "[invitation_id]",
          "mode": "BOTH",
          "reseller_email": "rae@example.com",
          "reseller_relationship_id": null,
          "shop_id": "[shop_id]"
        }
        "#);
    });
}
