//! What a shop shows to everybody: what is on sale, and nothing else (R23).

use axum::http::Method;
use chrono::Duration;
use serde_json::{Value, json};

use super::{lines, on_sale, open, pay};
use crate::house::actor::Answer;
use crate::house::{TestApp, house, product_body};
use crate::v1::{ids, walk};

const SHELF: &str = "/checkout/v1/shops/acme/products?mode=test";

/// The sandbox's shelf, as anybody sees it.
async fn shelf(app: &TestApp) -> Value {
    app.stranger().get(SHELF).await.is(200).json().clone()
}

/// One product of the sandbox, by whatever names it.
async fn offer(app: &TestApp, name: &str) -> Answer {
    app.stranger().get(&format!("/checkout/v1/shops/acme/products/{name}?mode=test")).await
}

/// Products of the sandbox, oldest first.
async fn products(app: &TestApp, count: usize) -> Vec<String> {
    let mut made = Vec::new();
    for n in 0..count {
        made.push(on_sale(app, json!({ "name": format!("Product {n}") })).await);
    }
    made
}

#[test]
fn an_empty_shelf_says_so() {
    house(async |app| {
        assert_eq!(shelf(app).await, json!({ "object": "list", "data": [], "has_more": false, "next_cursor": null }));
    });
}

#[test]
fn an_offer_says_what_a_buyer_may_know() {
    house(async |app| {
        let made = on_sale(app, json!({ "name": "Studio Pro 2", "description": "One *seat*." })).await;
        let path = format!("/v1/products/{made}/keys");
        app.test_merchant().post(&path, json!({ "keys": ["SECRET-A", "SECRET-B"] })).await.is(201);
        let shown = offer(app, &made).await;
        insta::assert_json_snapshot!(shown.is(200).masked(), @r#"
        {
          "currency": "USD",
          "description": "One *seat*.",
          "id": "[id]",
          "in_stock": true,
          "name": "Studio Pro 2",
          "price_cents": 4900,
          "slug": "studio-pro-2",
          "stock": 2,
          "type": "license_key",
          "variants": []
        }
        "#);
        assert_eq!(shelf(app).await["data"], json!([shown.json()]));
    });
}

#[test]
fn stock_is_that_of_the_pool_or_counted_or_unlimited() {
    house(async |app| {
        app.stocked(&[]).await;
        app.stocked(&["A", "B"]).await;
        on_sale(app, json!({ "type": "physical", "stock": 0 })).await;
        on_sale(app, json!({ "type": "physical", "stock": 3 })).await;
        on_sale(app, json!({ "type": "account" })).await;
        let shelf = shelf(app).await;
        let stocks: Vec<_> =
            shelf["data"].as_array().unwrap().iter().map(|offer| (&offer["stock"], &offer["in_stock"])).collect();
        let (yes, no) = (&json!(true), &json!(false));
        assert_eq!(stocks, [(&Value::Null, yes), (&json!(3), yes), (&json!(0), no), (&json!(2), yes), (&json!(0), no)]);
    });
}

#[test]
fn stock_follows_reservations_and_comes_back_from_them() {
    house(async |app| {
        let pooled = app.stocked(&["A", "B", "C"]).await;
        let counted = on_sale(app, json!({ "type": "physical", "stock": 3 })).await;
        let stocks = async || {
            let shelf = shelf(app).await;
            (shelf["data"][0]["stock"].clone(), shelf["data"][1]["stock"].clone())
        };
        let cart = || json!({ "items": lines(&[&pooled, &counted]) });
        app.pay(open(app, cart()).await.is(201).json()).await;
        assert_eq!(stocks().await, (json!(2), json!(2)));
        let declined = open(app, cart()).await.json().clone();
        open(app, cart()).await.is(201);
        assert_eq!(stocks().await, (json!(0), json!(0)));
        pay(app, &declined, "fail").await.is(200);
        assert_eq!(stocks().await, (json!(1), json!(1)));
        app.advance(Duration::minutes(30));
        app.settle().await;
        assert_eq!(stocks().await, (json!(2), json!(2)));
    });
}

#[test]
fn drafts_and_archived_products_are_not_there_for_the_public() {
    house(async |app| {
        let draft = on_sale(app, json!({ "name": "Soon", "type": "dynamic" })).await;
        let archived = on_sale(app, json!({ "name": "Gone" })).await;
        app.test_merchant().delete(&format!("/v1/products/{archived}")).await.is(200);
        let active = on_sale(app, json!({ "name": "Here" })).await;
        assert_eq!(ids(&shelf(app).await), [active]);
        for name in [&draft, &archived, "soon", "gone"] {
            offer(app, name).await.is(404).is_problem("not_found");
        }
        app.test_merchant().patch(&format!("/v1/products/{archived}"), json!({ "status": "active" })).await.is(200);
        offer(app, "gone").await.is(200);
    });
}

#[test]
fn a_walk_meets_every_product_once_newest_first() {
    house(async |app| {
        let mut made = products(app, 7).await;
        made.reverse();
        let pages = walk(&app.stranger(), &format!("{SHELF}&limit=3")).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
        assert_eq!(pages.concat(), made);
    });
}

#[test]
fn what_comes_and_goes_during_a_walk_does_not_disturb_it() {
    house(async |app| {
        let made = products(app, 5).await;
        let first = app.stranger().get(&format!("{SHELF}&limit=2")).await.is(200).json().clone();
        assert_eq!(ids(&first), [made[4].clone(), made[3].clone()]);
        products(app, 1).await;
        for gone in [&made[3], &made[2]] {
            app.test_merchant().delete(&format!("/v1/products/{gone}")).await.is(200);
        }
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = app.stranger().get(&format!("{SHELF}&limit=2&cursor={cursor}")).await.is(200).json().clone();
        assert_eq!(ids(&second), [made[1].clone(), made[0].clone()]);
        assert_eq!(second["next_cursor"], Value::Null);
    });
}

#[test]
fn a_page_holds_25_unless_said_otherwise() {
    house(async |app| {
        products(app, 26).await;
        let length = async |query: &str| ids(app.stranger().get(&format!("{SHELF}{query}")).await.is(200).json()).len();
        assert_eq!((length("").await, length("&limit=1").await, length("&limit=100").await), (25, 1, 26));
        for limit in ["0", "101", "-1", "many"] {
            app.stranger().get(&format!("{SHELF}&limit={limit}")).await.is(422).blames("limit");
        }
    });
}

#[test]
fn a_cursor_is_good_for_its_own_shelf_alone() {
    house(async |app| {
        products(app, 3).await;
        app.merchant().post("/v1/products", product_body("Live")).await.is(201);
        let page = app.stranger().get(&format!("{SHELF}&limit=1")).await;
        let cursor = page.is(200).json()["next_cursor"].as_str().unwrap().to_owned();
        let merchants = app.test_merchant().get("/v1/products?limit=1").await;
        let merchants = merchants.is(200).json()["next_cursor"].as_str().unwrap().to_owned();
        let live = "/checkout/v1/shops/acme/products?mode=live";
        for path in [
            format!("{live}&cursor={cursor}"),
            format!("{SHELF}&cursor={merchants}"),
            format!("{SHELF}&cursor={}{}", &cursor[..cursor.len() - 1], if cursor.ends_with('A') { "B" } else { "A" }),
            format!("{SHELF}&cursor=25"),
        ] {
            app.stranger().get(&path).await.is(400);
        }
    });
}

#[test]
fn shop_and_product_go_by_slug_and_by_either_spelling_of_their_ids() {
    house(async |app| {
        let made = on_sale(app, json!({ "name": "Studio Pro" })).await;
        let shown = offer(app, &made).await.json().clone();
        let uuid: String =
            sqlx::query_scalar("select id::text from products").fetch_one(&mut app.db().await).await.unwrap();
        for name in [made.as_str(), "studio-pro", &uuid] {
            assert_eq!(offer(app, name).await.is(200).json(), &shown, "{name}");
        }
        // Both ids of the shop name it, and the mode says which of the two is meant.
        let (live, twin) = (app.shop.row.tenant.id(), app.shop.row.twin.id());
        for name in ["acme".to_owned(), twin.to_string(), twin.uuid().to_string(), live.to_string()] {
            let path = format!("/checkout/v1/shops/{name}/products/studio-pro");
            assert_eq!(app.stranger().get(&format!("{path}?mode=test")).await.is(200).json(), &shown, "{name}");
            app.stranger().get(&path).await.is(404);
        }
    });
}

#[test]
fn the_live_shelf_is_shown_unless_said_and_the_sandbox_is_another() {
    house(async |app| {
        let live = app.merchant().post("/v1/products", product_body("Same Name")).await;
        let live = live.is(201).json()["id"].as_str().unwrap().to_owned();
        let test = on_sale(app, json!({ "name": "Same Name" })).await;
        let seen = async |query: &str| {
            let path = format!("/checkout/v1/shops/acme/products{query}");
            ids(app.stranger().get(&path).await.is(200).json())
        };
        for (query, there) in [("", &live), ("?mode=live", &live), ("?mode=test", &test)] {
            assert_eq!(&seen(query).await[..], std::slice::from_ref(there), "{query:?}");
        }
        offer(app, &live).await.is(404);
        for mode in ["", "TEST", "sandbox", "live,test"] {
            let path = format!("/checkout/v1/shops/acme/products?mode={mode}");
            app.stranger().get(&path).await.is(422).blames("mode");
        }
    });
}

#[test]
fn another_shops_products_are_not_on_this_shelf() {
    house(async |app| {
        let other = app.another_shop().await;
        let theirs = app.bearer(&other.test).post("/v1/products", product_body("Theirs")).await;
        let theirs = theirs.is(201).json()["id"].as_str().unwrap().to_owned();
        assert_eq!(ids(&shelf(app).await), Vec::<String>::new());
        for name in [theirs.as_str(), "theirs"] {
            offer(app, name).await.is(404);
            let path = format!("/checkout/v1/shops/{}/products/{name}?mode=test", other.row.slug);
            app.stranger().get(&path).await.is(200);
        }
    });
}

#[test]
fn names_that_nobody_has_are_not_found_whatever_they_hold() {
    house(async |app| {
        app.stocked(&["A"]).await;
        let before = app.books().await;
        let long = "a".repeat(3_000);
        for name in [
            "nowhere",
            "studio-pro'--",
            "'%3B%20drop%20table%20shops%3B--",
            "'%20or%20'1'%3D'1",
            "%25",
            "a%00b",
            "%00",
            "%ff%fe",
            "%c0%af",
            "..%2f..%2fv1%2fproducts",
            "%E2%80%AE",
            "%F0%9F%94%91",
            "%20",
            "prod_",
            "prod_!!!!!!!!!!!!!!!!!!!!!!!!!!",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "-1",
            "null",
            &long,
        ] {
            offer(app, name).await.is(404).is_problem("not_found");
            for path in [format!("/checkout/v1/shops/{name}/products"), format!("/checkout/v1/shops/{name}/products/x")]
            {
                app.stranger().get(&path).await.is(404).is_problem("not_found");
            }
        }
        assert_eq!(app.books().await, before);
    });
}

#[test]
fn hostile_text_is_shown_as_the_text_it_is() {
    house(async |app| {
        let name = "<script>alert('1')</script>\"; drop table products; --";
        let description = "[click](javascript:alert(1)) <img src=x onerror=alert(1)>";
        let made = on_sale(app, json!({ "name": name, "description": description })).await;
        let shown = offer(app, &made).await;
        assert_eq!((&shown.is(200).json()["name"], &shown.json()["description"]), (&json!(name), &json!(description)));
        assert_eq!(shown.header("content-type"), Some("application/json"));
        assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
        let slug = shown.json()["slug"].as_str().unwrap();
        assert!(slug.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{slug}");
        assert_eq!(offer(app, slug).await.is(200).json(), shown.json());
    });
}

#[test]
fn nobody_changes_a_shelf_from_here() {
    house(async |app| {
        app.stocked(&["A"]).await;
        let before = app.books().await;
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            app.stranger().send(method, SHELF, Some(b"{}".to_vec())).await.is(405);
        }
        assert_eq!(app.books().await, before);
    });
}

#[test]
fn a_buyers_token_changes_nothing_and_a_key_is_refused_even_here() {
    house(async |app| {
        let made = app.stocked(&["A"]).await;
        let session = app.checkout(&made, 1).await;
        assert_eq!(app.bearer(session["token"].as_str().unwrap()).get(SHELF).await.is(200).json(), &shelf(app).await);
        for token in [app.shop.test.as_str(), "sx_live_nonsense", "%%%"] {
            app.bearer(token).get(SHELF).await.is(401);
        }
    });
}
