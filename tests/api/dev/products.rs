//! Products that a developer makes and changes.

use serde_json::{Value, json};

use crate::house::actor::Answer;
use crate::house::{TestApp, house, house_with};

async fn create(app: &TestApp, members: Value) -> Answer {
    let mut body = json!({ "title": "Studio Pro", "type": "SERIALS", "price": 49.5 });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    app.test_developer().post("/dev/v1/products/", body).await
}

fn path(created: &Answer) -> String {
    format!("/dev/v1/products/{}", created.json()["data"]["id"].as_str().unwrap())
}

/// The free codes of the sandbox's only pool, sold out to look at them.
async fn codes(app: &TestApp, created: &Answer, quantity: i64) -> Value {
    let session = app.checkout(created.json()["data"]["uniqid"].as_str().unwrap(), quantity).await;
    app.pay(&session).await["items"][0]["codes"].clone()
}

#[test]
fn a_product_comes_with_its_serials() {
    house(async |app| {
        let created = create(app, json!({ "serials": ["A", "B", "A"] })).await;
        insta::assert_json_snapshot!(created.is(201).masked());
        assert_eq!(codes(app, &created, 2).await, json!(["A", "B"]));
    });
}

#[test]
fn serials_may_be_one_text() {
    house(async |app| {
        let created = create(app, json!({ "serials": "A\r\nB\n\nC" })).await;
        assert_eq!(created.is(201).json()["data"]["stock"], 3);
    });
}

#[test]
fn both_spellings_of_the_address_make_a_product() {
    house(async |app| {
        let body = json!({ "title": "Mug", "type": "SERVICE", "price": "12" });
        app.test_developer().post("/dev/v1/products", body).await.is(201);
    });
}

#[test]
fn names_may_be_camel_case() {
    house(async |app| {
        let created = create(app, json!({ "type": "SERVICE", "serviceText": "Hello.", "onHold": true })).await;
        let product = &created.is(201).json()["data"];
        assert_eq!((&product["service_text"], &product["on_hold"]), (&json!("Hello."), &json!(true)));
    });
}

#[test]
fn a_price_is_exact_in_its_currency() {
    house(async |app| {
        for (price, currency, cents) in [
            (json!(49.99), "USD", 4_999),
            (json!(0.1), "USD", 10),
            (json!("19.90"), "USD", 1_990),
            (json!(1200), "JPY", 1_200),
            (json!(1.005), "KWD", 1_005),
            (json!(0), "USD", 0),
        ] {
            let created = create(app, json!({ "price": price, "currency": currency })).await;
            let id = created.is(201).json()["data"]["id"].as_str().unwrap().to_owned();
            let seen = app.test_merchant().get(&format!("/v1/products/{id}")).await;
            assert_eq!(seen.is(200).json()["price_cents"], cents, "{price} {currency}");
        }
        for (price, currency) in [
            (json!(49.999), "USD"),
            (json!(0.5), "JPY"),
            (json!(-1), "USD"),
            (json!(1e300), "USD"),
            (json!("1e2"), "USD"),
            (json!("NaN"), "USD"),
            (json!(""), "USD"),
            (json!(true), "USD"),
        ] {
            let refused = create(app, json!({ "price": price, "currency": currency })).await;
            refused.is(422).has_code("VALIDATION_ERROR");
            assert_eq!(refused.json()["error"]["details"][0]["field"], "price", "{}", refused.text());
        }
    });
}

#[test]
fn new_serials_replace_the_free_ones_and_leave_the_sold() {
    house(async |app| {
        let created = create(app, json!({ "serials": ["A", "B", "C"] })).await;
        assert_eq!(codes(app, &created, 1).await, json!(["A"]));
        let changed = app.test_developer().patch(&path(&created), json!({ "serials": ["A", "C", "D"] })).await;
        assert_eq!(changed.is(200).json()["data"]["stock"], 2);
        assert_eq!(codes(app, &created, 2).await, json!(["C", "D"]));
    });
}

#[test]
fn what_is_set_aside_is_not_replaced() {
    house(async |app| {
        let created = create(app, json!({ "serials": ["A", "B"] })).await;
        let session = app.checkout(created.json()["data"]["uniqid"].as_str().unwrap(), 1).await;
        app.test_developer().patch(&path(&created), json!({ "serials": ["C"] })).await.is(200);
        assert_eq!(app.pay(&session).await["items"][0]["codes"], json!(["A"]));
    });
}

#[test]
fn what_is_on_hold_or_private_is_not_sold() {
    house(async |app| {
        for flag in ["on_hold", "private"] {
            let created = create(app, json!({ flag: true, "serials": ["A"] })).await;
            let cart = app.cart(created.json()["data"]["uniqid"].as_str().unwrap(), 1);
            app.stranger().post("/checkout/v1/sessions", cart.clone()).await.is(422).blames("items[0].product_id");
            app.test_developer().patch(&path(&created), json!({ flag: false })).await.is(200);
            app.stranger().post("/checkout/v1/sessions", cart).await.is(201);
        }
    });
}

#[test]
fn the_public_sees_what_is_on_hold_and_not_what_is_unlisted_or_private() {
    house(async |app| {
        for (title, flag) in
            [("Held", "on_hold"), ("Quiet", "unlisted"), ("Ours", "private"), ("Plain", "no_such_flag")]
        {
            create(app, json!({ "title": title, flag: true, "serials": ["A"] })).await.is(201);
        }
        let listed = app.stranger().get("/checkout/v1/shops/acme/products?mode=test").await;
        let seen: Vec<(&str, bool)> = listed.is(200).json()["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|offer| (offer["name"].as_str().unwrap(), offer["in_stock"].as_bool().unwrap()))
            .collect();
        assert_eq!(seen, [("Plain", true), ("Held", false)]);
        app.stranger().get("/checkout/v1/shops/acme/products/quiet?mode=test").await.is(200);
        app.stranger().get("/checkout/v1/shops/acme/products/ours?mode=test").await.is(404);
    });
}

#[test]
fn a_draft_is_on_hold_and_private_and_goes_on_sale_when_that_ends() {
    house(async |app| {
        let created = create(app, json!({ "type": "DYNAMIC" })).await;
        assert_eq!(created.is(201).json()["data"]["on_hold"], true);
        let hook = json!({ "dynamic_webhook": "https://shop.example/", "on_hold": false, "private": false });
        let changed = app.test_developer().patch(&path(&created), hook).await;
        let product = &changed.is(200).json()["data"];
        assert_eq!((&product["on_hold"], &product["private"]), (&json!(false), &json!(false)));
        assert!(product["dynamic_webhook_secret"].as_str().unwrap().starts_with("dws_"));
    });
}

#[test]
fn what_the_merchant_archived_is_absent_here() {
    house(async |app| {
        let created = create(app, json!({})).await;
        let id = created.json()["data"]["id"].as_str().unwrap().to_owned();
        app.test_merchant().delete(&format!("/v1/products/{id}")).await.is(200);
        app.test_developer().get(&path(&created)).await.is(404).has_code("NOT_FOUND");
        app.test_developer().patch(&path(&created), json!({ "title": "Back" })).await.is(404);
    });
}

#[test]
fn what_does_not_belong_together_is_refused() {
    house(async |app| {
        for (members, field) in [
            (json!({ "type": "SERVICE", "serials": ["A"] }), "serials"),
            (json!({ "stock": 5 }), "stock"),
            (json!({ "type": "GIFT" }), "type"),
            (json!({ "type": "SERVICE", "dynamic_webhook": "https://shop.example/" }), "dynamic_webhook"),
            (json!({ "type": "DYNAMIC", "dynamic_webhook": "https://10.0.0.1/" }), "dynamic_webhook"),
            (json!({ "licensing_enabled": "yes" }), "licensing_enabled"),
            (json!({ "license_period": 0 }), "license_period"),
            (json!({ "count_uses": "never" }), "count_uses"),
            (json!({ "serials": [1] }), "serials[0]"),
            (json!({ "title": " " }), "title"),
        ] {
            let refused = create(app, members).await;
            refused.is(422).has_code("VALIDATION_ERROR");
            assert_eq!(refused.json()["error"]["details"][0]["field"], field, "{}", refused.text());
        }
    });
}

#[test]
fn minus_one_is_unlimited() {
    house(async |app| {
        let created = create(app, json!({ "type": "SERVICE", "stock": 3 })).await;
        assert_eq!(created.is(201).json()["data"]["stock"], 3);
        let changed = app.test_developer().patch(&path(&created), json!({ "stock": -1 })).await;
        assert_eq!(changed.is(200).json()["data"]["stock"], Value::Null);
    });
}

#[test]
fn a_list_goes_on_page_by_page_and_tells_figures() {
    house_with("rate_limits = \"off\"", async |app| {
        let developer = app.test_developer();
        let make =
            async |body: Value| developer.post("/dev/v1/products/", body).await.is(201).json()["data"]["id"].clone();
        let body = |title: &str, kind: &str| json!({ "title": title, "type": kind, "price": 5 });
        let with = |mut body: Value, more: Value| {
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let many: Vec<String> = (0..6).map(|n| format!("CODE-{n}")).collect();
        let stocked = make(with(body("Many", "SERIALS"), json!({ "serials": many }))).await;
        let low = make(with(body("Few", "SERIALS"), json!({ "serials": ["A", "B"] }))).await;
        let out = make(body("None", "SERIALS")).await;
        let hidden = make(with(body("Hidden", "SERVICE"), json!({ "private": true }))).await;
        let gone = make(body("Gone", "SERVICE")).await;
        let path = format!("/dev/v1/products/{}", gone.as_str().unwrap());
        assert_eq!(developer.delete(&path).await.is(200).json()["data"]["deleted"], true);
        developer.delete(&path).await.is(200);
        developer.get(&path).await.is(404);

        let first = developer.get("/dev/v1/products?limit=3").await;
        let first = first.is(200).json();
        let ids = |page: &Value| page["data"].as_array().unwrap().iter().map(|p| p["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(first), [hidden, out, low]);
        let cursor = first["pagination"]["next_cursor"].as_str().unwrap();
        let second = developer.get(&format!("/dev/v1/products/?limit=3&cursor={cursor}")).await;
        let second = second.is(200).json();
        assert_eq!((ids(second), &second["pagination"]["has_more"]), (vec![stocked], &json!(false)));
        assert_eq!(first["stats"], json!({ "total": 4, "published": 3, "low_stock": 1, "out_of_stock": 1 }));
    });
}

#[test]
fn figures_are_ten_seconds_old_at_most() {
    house(async |app| {
        let developer = app.test_developer();
        let total = async || developer.get("/dev/v1/products/").await.is(200).json()["stats"]["total"].clone();
        assert_eq!(total().await, 0);
        app.stocked(&["A"]).await;
        assert_eq!(total().await, 0);
        app.advance(chrono::Duration::seconds(10));
        assert_eq!(total().await, 1);
    });
}

#[test]
fn of_a_crowd_that_finds_old_figures_one_counts_them() {
    house_with("rate_limits = \"off\"", async |app| {
        let developer = app.test_developer();
        developer.get("/dev/v1/products/").await.is(200);
        app.stocked(&["A"]).await;
        app.advance(chrono::Duration::seconds(10));
        let mut db = app.db().await;
        // Counting waits for this row, which one of them has claimed by then; nobody else does.
        let mut counting = sqlx::Connection::begin(&mut db).await.unwrap();
        let turn = "update product_stats set counted_at = counted_at + interval '10 seconds'";
        sqlx::query(turn).execute(&mut *counting).await.unwrap();
        counting.commit().await.unwrap();
        assert_eq!(developer.get("/dev/v1/products/").await.is(200).json()["stats"]["total"], 0);
        app.advance(chrono::Duration::seconds(10));
        let totals = crate::laws::together((0..16).map(|_| developer.get("/dev/v1/products/"))).await;
        let new = totals.iter().filter(|answer| answer.is(200).json()["stats"]["total"] == 1).count();
        assert!(new >= 1, "one of them has counted");
    });
}
