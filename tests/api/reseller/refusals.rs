use serde_json::{Value, json};

use super::{holder, ready, stock};
use crate::house::house;
use crate::house::reseller::order;

#[test]
fn what_the_program_does_not_allow_has_its_code_and_changes_nothing() {
    house(async |app| {
        let (reseller, product) = ready(app, 1_000, 3).await;
        let key = holder(app, &reseller);
        let ask = async |wish: Value| key.post("/reseller/v1/fulfillments", wish).await;
        ask(order("a", &product, 3)).await.is(402).has_code("INSUFFICIENT_BALANCE");
        ask(order("a", &product, 4)).await.is(402); // money before stock
        app.fund(&reseller, 1_000).await;
        ask(order("a", &product, 4)).await.is(409).has_code("STOCK_UNAVAILABLE");
        let mut dear = order("a", &product, 1);
        dear["max_unit_cost"] = json!(3.89);
        assert!(ask(dear.clone()).await.is(409).has_code("PRICE_CHANGED").text().contains("3.90"));
        dear["max_unit_cost"] = json!(3.891);
        ask(dear).await.is(422).has_code("VALIDATION_ERROR");
        ask(order("a", "019e0000-0000-7000-8000-000000000000", 1)).await.is(403).has_code("PRODUCT_NOT_ALLOWED");
        let other = app.stocked(&["X"]).await;
        ask(order("a", &other, 1)).await.is(403).has_code("PRODUCT_NOT_ALLOWED");
        app.set_reseller(&reseller, "mode = 'AFFILIATE'").await;
        ask(order("a", &product, 1)).await.is(403).has_code("MODE_NOT_ALLOWED");
        app.set_reseller(&reseller, "mode = 'STOCK', purchase_limit_daily = 2").await;
        ask(order("a", &product, 3)).await.is(409).has_code("PURCHASE_LIMIT_REACHED");
        assert_eq!(app.left_of(&reseller).await, 2_000);
        assert_eq!(stock(app, &product).await, 3);
        ask(order("a", &product, 2)).await.is(201);
        ask(order("b", &product, 1)).await.is(409).has_code("PURCHASE_LIMIT_REACHED");
        app.advance(chrono::Duration::days(1));
        ask(order("b", &product, 1)).await.is(201);
    });
}

#[test]
fn a_product_off_sale_is_not_eligible_and_a_quantity_out_of_range_is_told() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let key = holder(app, &reseller);
        let range = "update reseller_access set min_quantity = 2, max_quantity = 2";
        sqlx::query(range).execute(&mut app.db().await).await.unwrap();
        for quantity in [1, 3] {
            let answer = key.post("/reseller/v1/fulfillments", order("a", &product, quantity)).await;
            answer.is(422).has_code("QUANTITY_OUT_OF_RANGE");
        }
        app.test_merchant().delete(&format!("/v1/products/{product}")).await;
        let answer = key.post("/reseller/v1/fulfillments", order("a", &product, 2)).await;
        answer.is(422).has_code("PRODUCT_NOT_ELIGIBLE");
        assert_eq!(app.left_of(&reseller).await, 2_000);
    });
}

#[test]
fn bad_input_is_named_field_by_field() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let key = holder(app, &reseller);
        let good = order("a", &product, 1);
        for (field, wrong) in [
            ("external_order_id", json!(null)),
            ("external_order_id", json!("")),
            ("external_order_id", json!("a\u{0}b")),
            ("external_order_id", json!("x".repeat(256))),
            ("external_order_id", json!(17)),
            ("product_id", json!("nonsense")),
            ("product_id", json!(null)),
            ("customer_email", json!("a@")),
            ("customer_email", json!("ada@example.com\r\nBcc: x@example.com")),
            ("quantity", json!(0)),
            ("quantity", json!(-1)),
            ("quantity", json!(1.5)),
            ("quantity", json!(1_001)),
            ("quantity", json!(9_223_372_036_854_775_808_u64)),
            ("quantity", json!("1")),
            ("variant_id", json!("019e0000-0000-7000-8000-000000000000")),
            ("idempotency_key", json!("")),
            ("idempotency_key", json!("schlüssel")),
            ("max_unit_cost", json!(-1)),
            ("max_unit_cost", json!("much")),
        ] {
            let mut body = good.clone();
            body[field] = wrong.clone();
            let answer = key.post("/reseller/v1/fulfillments", body).await;
            answer.is(422).has_code("VALIDATION_ERROR");
            assert_eq!(answer.json()["error"]["details"][0]["field"], field, "{wrong}: {}", answer.text());
        }
        assert_eq!(app.left_of(&reseller).await, 2_000);
        assert_eq!(stock(app, &product).await, 3);
    });
}
