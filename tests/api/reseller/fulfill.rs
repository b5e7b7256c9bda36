use insta::assert_json_snapshot;
use serde_json::json;

use super::{holder, ready, stock};
use crate::house::reseller::order;
use crate::house::{house, house_with};
use crate::laws::together;

#[test]
fn codes_are_paid_from_the_balance_and_handed_out_at_once() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let made = holder(app, &reseller).post("/reseller/v1/fulfillments", order("order-1001", &product, 2)).await;
        let data = &made.is(201).json()["data"];
        let mut shown = made.masked()["data"].clone();
        shown["product_id"] = json!("[product]");
        assert_json_snapshot!(shown, @r#"
        {
          "balance_after": 12.2,
          "created_at": "2026-05-26T07:18:03Z",
          "currency": "USD",
          "customer_email": "ada@example.com",
          "delivered_at": "2026-05-26T07:18:03Z",
          "external_order_id": "order-1001",
          "id": "[id]",
          "items": [
            {
              "id": "[id]",
              "serial": "CODE-000"
            },
            {
              "id": "[id]",
              "serial": "CODE-001"
            }
          ],
          "product_id": "[product]",
          "quantity": 2,
          "status": "DELIVERED",
          "total_cost": 7.8,
          "unit_cost": 3.9,
          "variant_id": null
        }
        "#);
        assert_eq!(app.left_of(&reseller).await, 1_220);
        assert_eq!(stock(app, &product).await, 1);
        assert_eq!(app.events().await.last().unwrap(), "reseller:api_fulfillment_delivered");
        let path = format!("/reseller/v1/fulfillments/{}", data["id"].as_str().unwrap());
        assert_eq!(&holder(app, &reseller).get(&path).await.is(200).json()["data"], data);
    });
}

#[test]
fn an_event_tells_of_the_sale_and_never_the_code() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 1).await;
        holder(app, &reseller).post("/reseller/v1/fulfillments", order("order-1001", &product, 1)).await.is(201);
        let query = "select payload::text from events where topic = 'reseller:api_fulfillment_delivered'";
        let payload: String = sqlx::query_scalar(query).fetch_one(&mut app.db().await).await.unwrap();
        assert!(payload.contains("order-1001") && !payload.contains("CODE-"), "{payload}");
    });
}

#[test]
fn one_is_meant_where_no_quantity_is_said_and_null_is_nothing() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 2).await;
        let body = json!({
            "external_order_id": "o", "product_id": product, "customer_email": "ada@example.com",
            "quantity": null, "variant_id": null, "idempotency_key": null, "shop_id": "ignored",
        });
        let made = holder(app, &reseller).post("/reseller/v1/fulfillments", body).await;
        assert_eq!(made.is(201).json()["data"]["quantity"], 1);
    });
}

#[test]
fn a_product_that_costs_nothing_is_handed_out_without_a_debit() {
    house(async |app| {
        let (reseller, product) = ready(app, 0, 1).await;
        app.allow(&reseller, &product, 0).await;
        let made = holder(app, &reseller).post("/reseller/v1/fulfillments", order("free", &product, 1)).await;
        assert_eq!(made.is(201).json()["data"]["total_cost"], json!(0.0));
    });
}

#[test]
fn a_crowd_at_one_balance_spends_exactly_what_is_there() {
    house_with("rate_limits = \"off\"", async |app| {
        let (reseller, product) = ready(app, 390 * 20 + 100, 60).await;
        let orders = (0..60).map(|n| {
            let (key, wish) = (holder(app, &reseller), order(&format!("o-{n}"), &product, 1));
            async move { key.post("/reseller/v1/fulfillments", wish).await }
        });
        let answers = together(orders).await;
        let sold = answers.iter().filter(|answer| answer.status == 201).count();
        let poor = answers.iter().filter(|answer| answer.status == 402).count();
        assert_eq!((sold, poor), (20, 40));
        assert_eq!(app.left_of(&reseller).await, 100);
        assert_eq!(stock(app, &product).await, 40);
    });
}

#[test]
fn a_crowd_at_one_pool_empties_it_and_each_code_goes_out_once() {
    house_with("rate_limits = \"off\"", async |app| {
        let (one, product) = ready(app, 1_000_000, 20).await;
        let other = app.reseller().await;
        app.fund(&other, 1_000_000).await;
        app.allow(&other, &product, 500).await;
        let orders = (0..100).map(|n| {
            let key = holder(app, if n % 2 == 0 { &one } else { &other });
            let wish = order(&format!("o-{n}"), &product, 1);
            async move { key.post("/reseller/v1/fulfillments", wish).await }
        });
        let answers = together(orders).await;
        let mut codes: Vec<String> = Vec::new();
        for answer in &answers {
            match answer.status {
                201 => codes.push(answer.json()["data"]["items"][0]["serial"].as_str().unwrap().to_owned()),
                _ => drop(answer.is(409).has_code("STOCK_UNAVAILABLE")),
            }
        }
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 20, "each of them once");
        assert_eq!(stock(app, &product).await, 0);
    });
}
