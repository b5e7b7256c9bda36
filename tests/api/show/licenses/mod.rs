//! What validations must hold: under races, kills and rotations, and towards who would cheat.

mod hot;
mod kill;
mod pinned;
mod race;
mod rotation;

use serde_json::{Value, json};

use crate::dev::licenses::{check, license_of, product};
use crate::house::TestApp;
use crate::house::socket::{Call, Heard};

const VALIDATE: &str = "/dev/v1/licenses/validate";

/// Licenses of one new product, each with what `more` says.
async fn licenses(app: &TestApp, number: usize, more: &Value) -> Vec<Value> {
    let product = product(app, json!({})).await;
    let mut licenses = Vec::with_capacity(number);
    for _ in 0..number {
        licenses.push(license_of(app, &product, more.clone()).await);
    }
    licenses
}

/// A validation by the shop's own key.
fn validation(app: &TestApp, license: &Value, more: Value) -> Call {
    Call::post(VALIDATE, check(license, more)).bearer(app.shop.developer.as_str())
}

/// The refusal, in its published word.
fn refusal(heard: &Heard) -> Option<String> {
    heard.json()["error"]["code"].as_str().map(str::to_owned)
}

fn is_mismatch(heard: &Heard) -> bool {
    heard.status == 400 && refusal(heard).as_deref() == Some("LICENSE_HWID_MISMATCH")
}

/// The signed verdict, of a yes or of a refusal.
fn signed(answer: &Value) -> Option<&str> {
    let of_yes = answer["data"]["signed"].as_str();
    let details = answer["error"]["details"].as_array();
    let of_no = || details?.iter().find(|detail| detail["field"] == "signed")?["message"].as_str();
    of_yes.or_else(of_no)
}
