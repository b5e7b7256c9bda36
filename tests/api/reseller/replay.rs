use serde_json::json;

use super::{holder, ready, stock};
use crate::house::reseller::order;
use crate::house::{house, house_with};
use crate::laws::together;

const PATH: &str = "/reseller/v1/fulfillments";

#[test]
fn the_same_order_again_is_the_same_fulfillment_and_no_debit() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let key = holder(app, &reseller);
        let first = key.post(PATH, order("o", &product, 1)).await;
        let mut again = order("o", &product, 1);
        again["customer_email"] = json!("ADA@example.com");
        let second = key.post(PATH, again).await;
        assert_eq!(second.is(200).json(), first.is(201).json());
        app.advance(chrono::Duration::days(400));
        assert_eq!(key.post(PATH, order("o", &product, 1)).await.is(200).json(), first.json());
        assert_eq!((app.left_of(&reseller).await, stock(app, &product).await), (1_610, 2));
    });
}

#[test]
fn the_same_order_with_another_wish_is_a_conflict() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let key = holder(app, &reseller);
        let first = key.post(PATH, order("o", &product, 1)).await;
        key.post(PATH, order("o", &product, 2)).await.is(409).has_code("IDEMPOTENCY_CONFLICT");
        let mut other = order("o", &product, 1);
        other["customer_email"] = json!("grace@example.com");
        let refused = key.post(PATH, other).await;
        refused.is(409).has_code("IDEMPOTENCY_CONFLICT");
        let code = first.json()["data"]["items"][0]["serial"].as_str().unwrap();
        assert!(!refused.text().contains(code));
        assert_eq!(app.left_of(&reseller).await, 1_610);
    });
}

#[test]
fn lines_of_two_products_may_share_an_order() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 1).await;
        let other = app.sellable(&app.test_merchant(), &reseller, &["OTHER".to_owned()]).await;
        let key = holder(app, &reseller);
        key.post(PATH, order("o", &product, 1)).await.is(201);
        key.post(PATH, order("o", &other, 1)).await.is(201);
        let listed = key.get(&format!("{PATH}?external_order_id=o")).await;
        assert_eq!(listed.is(200).json()["data"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn a_key_is_a_second_name_in_the_header_or_in_the_body() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let named = holder(app, &reseller).idempotent("line-1");
        let first = named.post(PATH, order("o", &product, 1)).await;
        first.is(201);
        let again = named.post(PATH, order("o", &product, 1)).await;
        assert_eq!(
            (again.is(201).bytes.clone(), again.header("idempotent-replayed")),
            (first.bytes.clone(), Some("true"))
        );
        named.post(PATH, order("p", &product, 1)).await.is(409).has_code("IDEMPOTENCY_CONFLICT");

        let mut in_body = order("q", &product, 1);
        in_body["idempotency_key"] = json!("line-2");
        let key = holder(app, &reseller);
        let first = key.post(PATH, in_body.clone()).await;
        let again = key.post(PATH, in_body.clone()).await;
        assert_eq!(
            (first.is(201).bytes.clone(), again.is(201).bytes.clone()),
            (again.bytes.clone(), first.bytes.clone())
        );
        named.post(PATH, in_body).await.is(422).has_code("VALIDATION_ERROR");

        // A new key for an old order finds it, and keeps finding it.
        let late = holder(app, &reseller).idempotent("line-3");
        let found = late.post(PATH, order("o", &product, 1)).await;
        assert_eq!(found.is(200).header("idempotent-replayed"), None);
        assert_eq!(late.post(PATH, order("o", &product, 1)).await.is(200).header("idempotent-replayed"), Some("true"));
        assert_eq!((app.left_of(&reseller).await, stock(app, &product).await), (1_220, 1));
    });
}

#[test]
fn a_refusal_is_not_kept_so_the_same_key_succeeds_after_a_top_up() {
    house(async |app| {
        let (reseller, product) = ready(app, 100, 1).await;
        let named = holder(app, &reseller).idempotent("line-1");
        named.post(PATH, order("o", &product, 1)).await.is(402);
        app.fund(&reseller, 400).await;
        let made = named.post(PATH, order("o", &product, 1)).await;
        assert_eq!(made.is(201).header("idempotent-replayed"), None);
    });
}

#[test]
fn twins_in_one_group_are_one_fulfillment() {
    house_with("rate_limits = \"off\"", async |app| {
        let (reseller, product) = ready(app, 100_000, 64).await;
        let key = holder(app, &reseller);
        let twins = (0..40).map(|n| {
            let (key, wish) = (&key, order(&format!("o-{}", n / 8), &product, 2));
            async move { key.post(PATH, wish).await }
        });
        let answers = together(twins).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 5);
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 35);
        assert_eq!((app.left_of(&reseller).await, stock(app, &product).await), (100_000 - 10 * 390, 54));
    });
}

#[test]
fn another_relationships_order_of_the_same_name_is_its_own() {
    house(async |app| {
        let (reseller, product) = ready(app, 2_000, 3).await;
        let other = app.reseller().await;
        app.fund(&other, 2_000).await;
        app.allow(&other, &product, 500).await;
        let one = holder(app, &reseller).idempotent("k").post(PATH, order("o", &product, 1)).await;
        let two = holder(app, &other).idempotent("k").post(PATH, order("o", &product, 1)).await;
        assert_ne!(one.is(201).json()["data"]["items"], two.is(201).json()["data"]["items"]);
        let path = format!("{PATH}/{}", one.json()["data"]["id"].as_str().unwrap());
        holder(app, &other).get(&path).await.is(404).has_code("NOT_FOUND");
    });
}
