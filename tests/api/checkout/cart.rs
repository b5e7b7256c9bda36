//! Carts that cannot be bought.

use serde_json::{Value, json};

use super::{lines, on_sale, open};
use crate::house::house;
use crate::v1;

#[test]
fn a_quantity_is_from_1_to_1_000() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        for quantity in [1, 1_000] {
            app.checkout(&product, quantity).await;
        }
        for quantity in [0, 1_001] {
            let answer = app.stranger().post("/checkout/v1/sessions", app.cart(&product, quantity)).await;
            answer.is(422).blames("items[0].quantity");
        }
    });
}

#[test]
fn a_cart_has_1_to_50_lines() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        open(app, json!({ "items": lines(&[product.as_str(); 50]) })).await.is(201);
        open(app, json!({ "items": lines(&[product.as_str(); 51]) })).await.is(422).blames("items");
        open(app, json!({ "items": [] })).await.is(422).blames("items");
    });
}

#[test]
fn what_is_not_on_sale_is_named_by_its_line() {
    house(async |app| {
        let good = on_sale(app, json!({ "type": "subscription" })).await;
        let draft = on_sale(app, json!({ "type": "dynamic" })).await;
        let archived = on_sale(app, json!({ "type": "subscription" })).await;
        app.test_merchant().delete(&format!("/v1/products/{archived}")).await.is(200);
        let live = v1::product(app, json!({ "type": "subscription" })).await;
        let unknown = "prod_01J2PVQR41T4CWXV1C4Y4ZK3M8";
        for wrong in [&draft, &archived, v1::id(&live), unknown, "", "prod_1", "ord_01J2PVQR41T4CWXV1C4Y4ZK3M8"] {
            let answer = open(app, json!({ "items": lines(&[&good, wrong]) })).await;
            answer.is(422).is_problem("unprocessable").blames("items[1].product_id");
        }
    });
}

#[test]
fn everything_wrong_with_a_cart_is_said_at_once() {
    house(async |app| {
        let good = on_sale(app, json!({ "type": "subscription" })).await;
        let items = json!([
            { "product_id": good, "quantity": 0 },
            { "product_id": "nope", "quantity": 1, "price_cents": 1 },
            { "quantity": "1" },
            { "product_id": good, "quantity": 1, "variant_id": "red" },
            "a line",
        ]);
        let answer = open(app, json!({ "items": items, "email": "ada@" })).await;
        answer.is(400).is_problem("invalid_request");
        insta::assert_json_snapshot!(answer.json()["errors"], @r#"
        {
          "email": [
            "must be one e-mail address, such as ada@example.com"
          ],
          "items[0].quantity": [
            "must be between 1 and 1000"
          ],
          "items[1].price_cents": [
            "is not a field of this request"
          ],
          "items[1].product_id": [
            "is not a product on sale in this shop"
          ],
          "items[2].product_id": [
            "is required"
          ],
          "items[2].quantity": [
            "must be a whole number"
          ],
          "items[3].variant_id": [
            "the product has no variants"
          ],
          "items[4]": [
            "must be an object"
          ]
        }
        "#);
    });
}

#[test]
fn a_cart_has_one_currency() {
    house(async |app| {
        let dollars = on_sale(app, json!({ "type": "subscription" })).await;
        let euros = on_sale(app, json!({ "type": "subscription", "currency": "EUR" })).await;
        open(app, json!({ "items": lines(&[&dollars, &euros]) })).await.is(422).blames("items");
        let alone = open(app, json!({ "items": lines(&[&euros]) })).await;
        assert_eq!(alone.is(201).json()["currency"], "EUR");
    });
}

#[test]
fn the_sandbox_takes_no_real_money() {
    house(async |app| {
        let live = v1::product(app, json!({ "type": "subscription" })).await;
        let cart = |gateway| json!({ "mode": "live", "gateway": gateway, "items": lines(&[v1::id(&live)]) });
        open(app, cart(json!("sandbox"))).await.is(422).blames("gateway");
        for gateway in [Value::Null, json!("manual")] {
            let opened = open(app, cart(gateway)).await;
            assert_eq!(opened.is(201).json()["payment"]["gateway"], "manual");
        }
    });
}

#[test]
fn an_unknown_gateway_is_refused() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        open(app, json!({ "gateway": "sandbox", "items": lines(&[&product]) })).await.is(201);
        open(app, json!({ "gateway": "blockpn", "items": lines(&[&product]) })).await.is(422).blames("gateway");
    });
}

#[test]
fn an_unknown_shop_is_refused() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        let nobody = "01890000-0000-7000-8000-000000000000";
        for shop in ["nobody", nobody, "ACME", "acme'--", "%"] {
            open(app, json!({ "shop": shop, "items": lines(&[&product]) })).await.is(422).blames("shop");
        }
    });
}

#[test]
fn another_shops_product_is_not_on_sale_here() {
    house(async |app| {
        let other = app.another_shop().await;
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        let answer = open(app, json!({ "shop": other.row.slug, "items": lines(&[&product]) })).await;
        answer.is(422).blames("items[0].product_id");
    });
}

#[test]
fn unknown_coupons_campaigns_and_listings_are_refused() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        for token in ["coupon_code", "campaign", "listing"] {
            open(app, json!({ token: "X", "items": lines(&[&product]) })).await.is(422).blames(token);
            open(app, json!({ token: null, "items": lines(&[&product]) })).await.is(201);
        }
    });
}

#[test]
fn an_unknown_resellers_code_sells_unattributed() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        open(app, json!({ "ref": "nobody", "items": lines(&[&product]) })).await.is(201);
    });
}

#[test]
fn a_return_url_is_a_web_address() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        let longest = format!("https://{}", "a".repeat(2_040));
        for good in ["https://example.com/thanks?order=1", "http://localhost:3000/", &longest] {
            open(app, json!({ "return_url": good, "items": lines(&[&product]) })).await.is(201);
        }
        let longer = format!("{longest}a");
        for bad in
            ["", "example.com", "javascript:alert(1)", "ftp://example.com", "https://a b", "https://a\r\nb", &longer]
        {
            open(app, json!({ "return_url": bad, "items": lines(&[&product]) })).await.is(422).blames("return_url");
        }
    });
}

#[test]
fn custom_fields_are_a_few_short_texts() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        let fields = |count: usize, length: usize| -> Value {
            (0..count)
                .map(|i| (format!("field {i}"), json!("x".repeat(length))))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        open(app, json!({ "custom_fields": fields(20, 500), "items": lines(&[&product]) })).await.is(201);
        for bad in [fields(21, 1), fields(1, 501), json!({ "a": 1 }), json!({ "a": null }), json!([]), json!("a")] {
            let answer = open(app, json!({ "custom_fields": bad, "items": lines(&[&product]) })).await;
            answer.is(422).blames("custom_fields");
        }
    });
}

#[test]
fn prices_and_states_are_the_servers_to_say() {
    house(async |app| {
        let product = on_sale(app, json!({ "type": "subscription" })).await;
        for privileged in ["total_cents", "status", "currency", "shop_id", "paid_at", "discount_cents"] {
            let answer = open(app, json!({ privileged: 1, "items": lines(&[&product]) })).await;
            answer.is(422).blames(privileged);
        }
        let cheap = json!([{ "product_id": product, "quantity": 1, "price_cents": 1 }]);
        open(app, json!({ "items": cheap })).await.is(422).blames("items[0].price_cents");
    });
}
