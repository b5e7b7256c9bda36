mod api_keys;
mod balance;
mod cookie;
mod fulfillments;
mod invitations;
mod password_resets;
mod programs;
mod sign_in;

use serde_json::{Value, json};

use crate::house::TestApp;
use crate::house::actor::Answer;

async fn sign_in(app: &TestApp, email: &str, password: &str) -> Answer {
    app.stranger().post("/portal/v1/sessions", credentials(email, password)).await
}

fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

/// The answer without the id of its request.
fn words(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json().clone())
}
