//! The merchant's surface.

mod api_keys;
mod bad_input;
mod customers;
mod limits;
mod orders;
mod payouts;
mod products;
pub mod webhooks;

use serde_json::Value;

use crate::house::actor::Actor;
use crate::house::{TestApp, product_body};

/// The least that a product needs, and these members over it.
pub fn product_with(members: Value) -> Value {
    let mut body = product_body("Studio Pro");
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

/// Creates a live product; answers it.
pub async fn product(app: &TestApp, members: Value) -> Value {
    app.merchant().post("/v1/products", product_with(members)).await.is(201).json().clone()
}

/// Where it is found.
pub fn path_of(product: &Value) -> String {
    format!("/v1/products/{}", id(product))
}

pub fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

/// The ids in a list.
pub fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|row| id(row).to_owned()).collect()
}

/// The ids of a list from its first page to its last. `list` holds a query already.
pub async fn walk(caller: &Actor<'_>, list: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = caller.get(&format!("{list}{cursor}")).await;
        let page = answer.is(200).json();
        pages.push(ids(page));
        assert_eq!(page["has_more"], page["next_cursor"].is_string(), "{}", answer.text());
        match page["next_cursor"].as_str() {
            None => return pages,
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
}
