//! `/dev/v1/reseller-program` and `/dev/v1/resellers`.

mod invite;
mod life;
mod list;
mod program;
mod switch;
mod terms;

use serde_json::{Value, json};

use crate::house::actor::Answer;
use crate::house::{TestApp, product_body};

fn path(id: &str) -> String {
    format!("/dev/v1/resellers/{id}")
}

async fn invite(app: &TestApp, body: Value) -> Answer {
    app.developer().post("/dev/v1/resellers/invite", body).await
}

/// A product of the live shop; its id as `/dev/v1` says it.
async fn product(app: &TestApp) -> String {
    let made = app.merchant().post("/v1/products", product_body("Studio")).await;
    let id = made.is(201).json()["id"].as_str().unwrap().to_owned();
    let seen = app.developer().get(&format!("/dev/v1/products/{id}")).await;
    seen.is(200).json()["data"]["uniqid"].as_str().unwrap().to_owned()
}

/// The fields that the refusal names.
fn blamed(answer: &Answer) -> Vec<String> {
    answer.is(422).has_code("VALIDATION_ERROR");
    let details = answer.json()["error"]["details"].as_array().unwrap().clone();
    details.iter().map(|detail| detail["field"].as_str().unwrap().to_owned()).collect()
}

/// As it is shown alone.
async fn seen(app: &TestApp, id: &str) -> Value {
    app.developer().get(&path(id)).await.is(200).json()["data"].clone()
}

async fn opened(app: &TestApp) {
    app.opens_program(&app.developer(), json!({})).await;
}
