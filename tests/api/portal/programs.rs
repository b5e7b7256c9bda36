//! What a reseller sees of its programs.

use keyhouse::domain::resellers;
use serde_json::{Value, json};

use crate::house::actor::Actor;
use crate::house::{TestApp, house, product_body};

async fn program(me: &Actor<'_>, id: &str) -> Value {
    me.get(&format!("/portal/v1/programs/{id}")).await.is(200).json()["data"].clone()
}

/// Lets the relationship sell this product at that price.
async fn allow(app: &TestApp, id: resellers::ResellerId, product: &str, cents: Option<i64>) {
    let product = keyhouse::domain::products::ProductId::parse(product).unwrap();
    let access = "insert into reseller_access (shop_id, reseller_id, product_id, wholesale_cents, max_quantity)
                  values ($1, $2, $3, $4, 10)";
    let access = sqlx::query(access).bind(app.shop.row.twin.uuid()).bind(*id).bind(*product).bind(cents);
    access.execute(&mut app.db().await).await.unwrap();
    let listed = sqlx::query("update resellers set access_listed = true, custom_wholesale_discount_percent = 300000");
    listed.execute(&mut app.db().await).await.unwrap();
}

#[test]
fn a_program_shows_its_products_with_price_and_stock() {
    house(async |app| {
        let person = app.person().await;
        let id = app.joins(app.shop.row.twin, &person).await;
        let (own_price, discounted) = (app.stocked(&["A-1", "A-2"]).await, app.stocked(&["B-1"]).await);
        allow(app, id, &own_price, Some(3_000)).await;
        allow(app, id, &discounted, None).await;
        let shown = program(&app.signed_in(&person), &id.uuid().to_string()).await;
        assert_eq!((&shown["available_stock"], &shown["every_product"]), (&json!(3), &json!(false)));
        assert_eq!(shown["terms"]["wholesale_discount_percent"], json!(30));
        let mut prices: Vec<String> =
            shown["products"].as_array().unwrap().iter().map(|p| p["wholesale_price"].to_string()).collect();
        prices.sort();
        assert_eq!(prices, ["30.0", "34.3"]);
        assert_eq!(shown["products"][0]["max_quantity"], 10);
        assert_eq!(shown["link"], Value::Null, "there is no /r/ yet");
    });
}

#[test]
fn a_product_that_is_not_sold_now_has_no_price() {
    house(async |app| {
        let person = app.person().await;
        let id = app.joins(app.shop.row.twin, &person).await;
        let mut mug = product_body("Mug");
        mug["type"] = json!("physical");
        let mug = app.test_merchant().post("/v1/products", mug).await.is(201).json()["id"].as_str().unwrap().to_owned();
        allow(app, id, &mug, Some(100)).await;
        let shown = program(&app.signed_in(&person), &id.uuid().to_string()).await;
        assert_eq!(shown["products"][0]["wholesale_price"], Value::Null);
    });
}

#[test]
fn somebody_elses_program_is_not_there_in_any_shop() {
    house(async |app| {
        let other_shop = app.another_shop().await;
        let (one, two) = (app.person().await, app.person().await);
        let mine = app.joins(app.shop.row.tenant, &one).await;
        for shop in [app.shop.row.tenant, app.shop.row.twin, other_shop.row.tenant] {
            let theirs = app.joins(shop, &two).await;
            let answer = app.signed_in(&one).get(&format!("/portal/v1/programs/{}", theirs.uuid())).await;
            answer.is(404).has_code("NOT_FOUND");
        }
        program(&app.signed_in(&one), &mine.to_string()).await;
        let listed = app.signed_in(&two).get("/portal/v1/programs").await;
        assert_eq!(listed.is(200).json()["data"].as_array().unwrap().len(), 3);
    });
}

#[test]
fn who_is_suspended_or_was_ended_still_signs_in_and_reads() {
    house(async |app| {
        let person = app.person().await;
        let shop = app.shop.row.tenant;
        let id = app.joins(shop, &person).await;
        let me = app.signed_in(&person);
        let (mut db, env) = (app.db().await, &app.app.env);
        resellers::suspend(&mut db, shop, env, id).await.unwrap();
        assert_eq!(program(&me, &id.to_string()).await["status"], "SUSPENDED");
        resellers::terminate(&mut db, shop, env, id).await.unwrap();
        assert_eq!(program(&me, &id.to_string()).await["status"], "TERMINATED");
    });
}
