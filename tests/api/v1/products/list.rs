use serde_json::json;

use crate::house::{TestApp, house, product_body};
use crate::v1::{id, ids, path_of, product, walk};

/// Products of the live shop, oldest first, a second apart.
async fn products(app: &TestApp, count: usize) -> Vec<String> {
    let mut made = Vec::new();
    for i in 0..count {
        made.push(id(&product(app, json!({ "name": format!("Product {i}") })).await).to_owned());
    }
    made
}

#[test]
fn an_empty_list_says_so() {
    house(async |app| {
        let answer = app.merchant().get("/v1/products").await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "data": [],
          "has_more": false,
          "next_cursor": null,
          "object": "list"
        }
        "#);
    });
}

#[test]
fn a_list_shows_each_product_in_short() {
    house(async |app| {
        product(app, json!({ "name": "Mug", "type": "physical", "stock": 7, "currency": "JPY" })).await;
        product(app, json!({ "description": "not in the list" })).await;
        let answer = app.merchant().get("/v1/products?limit=1").await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "data": [
            {
              "currency": "USD",
              "id": "[id]",
              "name": "Studio Pro",
              "price_cents": 4900,
              "status": "active",
              "stock": 0,
              "type": "license_key"
            }
          ],
          "has_more": true,
          "next_cursor": "[next_cursor]",
          "object": "list"
        }
        "#);
    });
}

#[test]
fn the_newest_comes_first() {
    house(async |app| {
        let mut made = products(app, 3).await;
        made.reverse();
        assert_eq!(ids(app.merchant().get("/v1/products").await.json()), made);
    });
}

#[test]
fn a_page_holds_25_unless_said_otherwise() {
    house(async |app| {
        products(app, 26).await;
        let length =
            async |query: &str| ids(app.merchant().get(&format!("/v1/products{query}")).await.is(200).json()).len();
        assert_eq!(length("").await, 25);
        assert_eq!(length("?limit=1").await, 1);
        assert_eq!(length("?limit=100").await, 26);
    });
}

#[test]
fn a_walk_meets_every_product_once_newest_first() {
    house(async |app| {
        let mut made = products(app, 7).await;
        made.reverse();
        let pages = walk(&app.merchant(), "/v1/products?limit=3").await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
        assert_eq!(pages.concat(), made);
    });
}

#[test]
fn a_walk_that_ends_on_a_full_page_has_no_empty_one_after_it() {
    house(async |app| {
        products(app, 4).await;
        let pages = walk(&app.merchant(), "/v1/products?limit=2").await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    });
}

#[test]
fn what_is_created_during_a_walk_does_not_disturb_it() {
    house(async |app| {
        let made = products(app, 3).await;
        let first = app.merchant().get("/v1/products?limit=2").await;
        let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
        products(app, 1).await;
        let second = app.merchant().get(&format!("/v1/products?limit=2&cursor={cursor}")).await;
        assert_eq!(ids(second.is(200).json()), [made[0].clone()]);
    });
}

#[test]
fn archived_products_are_listed_only_where_asked_for() {
    house(async |app| {
        let archived = product(app, json!({ "name": "Old" })).await;
        app.merchant().delete(&path_of(&archived)).await.is(200);
        let draft = product(app, json!({ "type": "dynamic" })).await;
        let active = product(app, json!({})).await;
        let list = async |query: &str| ids(app.merchant().get(&format!("/v1/products{query}")).await.is(200).json());
        assert_eq!(list("").await, [id(&active), id(&draft)]);
        assert_eq!(list("?status=archived").await, [id(&archived)]);
        assert_eq!(list("?status=draft").await, [id(&draft)]);
        assert_eq!(list("?status=active,archived").await, [id(&active), id(&archived)]);
    });
}

#[test]
fn a_type_filter_takes_a_set() {
    house(async |app| {
        let mut made = Vec::new();
        for r#type in ["license_key", "physical", "dynamic"] {
            made.push(id(&product(app, json!({ "type": r#type })).await).to_owned());
        }
        let list = async |query: &str| ids(app.merchant().get(&format!("/v1/products{query}")).await.is(200).json());
        assert_eq!(list("?type=physical").await, [made[1].clone()]);
        assert_eq!(list("?type=license_key,dynamic").await, [made[2].clone(), made[0].clone()]);
        assert_eq!(list("?type=license_key&status=draft").await, Vec::<String>::new());
    });
}

#[test]
fn an_unknown_word_in_a_filter_is_refused() {
    house(async |app| {
        for query in ["status=sold", "status=", "status=active,", "type=toy", "type=license_key,%20physical"] {
            let field = query.split('=').next().unwrap();
            app.merchant().get(&format!("/v1/products?{query}")).await.is(422).blames(field);
        }
    });
}

#[test]
fn a_filter_holds_over_the_pages() {
    house(async |app| {
        for r#type in ["license_key", "physical"].repeat(3) {
            product(app, json!({ "type": r#type })).await;
        }
        let pages = walk(&app.merchant(), "/v1/products?type=physical&limit=2").await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    });
}

#[test]
fn a_shop_and_a_mode_see_their_own_products_alone() {
    house(async |app| {
        let other = app.another_shop().await;
        product(app, json!({})).await;
        app.bearer(&other.live).post("/v1/products", product_body("Theirs")).await.is(201);
        let sandbox = app.test_merchant().post("/v1/products", product_body("Sandbox")).await;
        let seen = app.test_merchant().get("/v1/products").await;
        assert_eq!(ids(seen.json()), [id(sandbox.is(201).json())]);
        assert_eq!(ids(app.merchant().get("/v1/products").await.json()).len(), 1);
    });
}
