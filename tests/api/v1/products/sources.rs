//! What a product without codes hands over (R12).

use serde_json::{Value, json};

use crate::house::actor::Answer;
use crate::house::{TestApp, house, house_with};

const HOOK: &str = "https://shop.example/deliver";

async fn create(app: &TestApp, members: Value) -> Answer {
    let mut body = json!({ "name": "Thing", "type": "dynamic", "price_cents": 100, "currency": "USD" });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    app.merchant().post("/v1/products", body).await
}

fn path(created: &Answer) -> String {
    format!("/v1/products/{}", created.json()["id"].as_str().unwrap())
}

#[test]
fn a_dynamic_product_is_a_draft_until_it_has_its_webhook() {
    house(async |app| {
        let bare = create(app, json!({})).await;
        assert_eq!(bare.is(201).json()["status"], "draft");
        let refused = app.merchant().patch(&path(&bare), json!({ "status": "active" })).await;
        refused.is(422).blames("status");
        let set = app.merchant().patch(&path(&bare), json!({ "status": "active", "dynamic_webhook": HOOK })).await;
        assert_eq!((&set.is(200).json()["status"], &set.json()["dynamic_webhook"]), (&json!("active"), &json!(HOOK)));
        assert_eq!(create(app, json!({ "dynamic_webhook": HOOK })).await.is(201).json()["status"], "active");
    });
}

#[test]
fn the_signing_secret_is_shown_once_and_stays() {
    house(async |app| {
        let created = create(app, json!({ "dynamic_webhook": HOOK })).await;
        let secret = created.is(201).json()["dynamic_webhook_secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("dws_") && secret.len() > 40, "{}", secret.len());
        let seen = app.merchant().get(&path(&created)).await;
        assert!(seen.is(200).json().get("dynamic_webhook_secret").is_none());
        let moved = app.merchant().patch(&path(&created), json!({ "dynamic_webhook": "https://b.example/" })).await;
        assert!(moved.is(200).json().get("dynamic_webhook_secret").is_none());
        let kept: Vec<u8> = sqlx::query_scalar("select dynamic_secret from products where dynamic_secret is not null")
            .fetch_one(&mut app.db().await)
            .await
            .unwrap();
        assert!(!kept.windows(8).any(|window| window == &secret.as_bytes()[..8]));
    });
}

#[test]
fn a_replay_shows_the_secret_to_its_maker_alone() {
    house(async |app| {
        let other = app.merchant_with(&["products:write"]).await.idempotent("the-same-key");
        let body = json!({
            "name": "Thing", "type": "dynamic", "price_cents": 100, "currency": "USD", "dynamic_webhook": HOOK,
        });
        let maker = app.merchant().idempotent("the-same-key");
        let made = maker.post("/v1/products", body.clone()).await;
        assert_eq!(maker.post("/v1/products", body.clone()).await.is(201).bytes, made.bytes);
        other.post("/v1/products", body).await.is_conflict("idempotency_payload_mismatch");
    });
}

#[test]
fn an_active_product_keeps_its_source() {
    house(async |app| {
        let created = create(app, json!({ "dynamic_webhook": HOOK })).await;
        app.merchant().patch(&path(&created), json!({ "dynamic_webhook": null })).await.is(422).blames("status");
        let off = json!({ "dynamic_webhook": null, "status": "draft" });
        app.merchant().patch(&path(&created), off).await.is(200);
    });
}

#[test]
fn a_source_belongs_to_its_type() {
    house(async |app| {
        let file = "file_01J2PVQR41T4CWXV1C4Y4ZK3M8";
        for (kind, field, value) in [
            ("license_key", "dynamic_webhook", HOOK),
            ("file_download", "dynamic_webhook", HOOK),
            ("dynamic", "file_id", file),
            ("physical", "file_id", file),
        ] {
            create(app, json!({ "type": kind, field: value })).await.is(422).blames(field);
        }
    });
}

#[test]
fn a_file_is_one_of_the_shops_own() {
    house(async |app| {
        for file in ["file_01J2PVQR41T4CWXV1C4Y4ZK3M8", "019e0000-0000-7000-8000-000000000000", "prod_1", ""] {
            create(app, json!({ "type": "file_download", "file_id": file })).await.is(422).blames("file_id");
        }
        assert_eq!(create(app, json!({ "type": "file_download" })).await.is(201).json()["status"], "draft");
    });
}

#[test]
fn a_webhook_is_on_the_open_internet() {
    house(async |app| {
        for hook in [
            "http://shop.example/",
            "https://127.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://0x7f000001/",
            "https://[::ffff:10.0.0.1]/",
            "https://localhost/",
            "https://user:pass@shop.example/",
            "https://shop.example:22/",
            "ftp://shop.example/",
            "not an address",
        ] {
            create(app, json!({ "dynamic_webhook": hook })).await.is(422).blames("dynamic_webhook");
        }
    });
}

#[test]
fn in_development_a_webhook_may_be_this_machine() {
    house_with("allow_private_webhooks = true", async |app| {
        create(app, json!({ "dynamic_webhook": "http://127.0.0.1:9000/" })).await.is(201);
        create(app, json!({ "dynamic_webhook": "http://10.0.0.1/" })).await.is(422).blames("dynamic_webhook");
    });
}

#[test]
fn a_text_is_kept_verbatim_and_bounded() {
    house(async |app| {
        let text = "Line one\nLine two <b>not bold</b>";
        let created = create(app, json!({ "type": "physical", "service_text": text })).await;
        assert_eq!(created.is(201).json()["service_text"], text);
        let long = create(app, json!({ "type": "physical", "service_text": "x".repeat(20_001) })).await;
        long.is(422).blames("service_text");
    });
}
