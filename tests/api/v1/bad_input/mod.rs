//! The bad-input catalogue (promises, section 9). Each case names its row there; none may end in 5xx,
//! and none may change anything.

mod credentials;
mod documents;
mod ids;
mod keys;
mod queries;
mod routes;
mod values;

use std::fmt::Debug;

use crate::house::actor::{Actor, Answer};
use crate::house::{TestApp, house_with};

/// Runs cases without a rate limit, and asserts that nothing is written down that was not before.
fn nothing_is_stored(cases: impl AsyncFn(&TestApp)) {
    house_with("rate_limits = \"off\"", async |app| {
        let before = app.books().await;
        cases(app).await;
        assert_eq!(app.books().await, before);
    });
}

/// Who may write there: a live merchant on `/v1`, anybody at the checkout.
fn writer<'a>(app: &'a TestApp, path: &str) -> Actor<'a> {
    if path.starts_with("/v1/") { app.merchant() } else { app.stranger() }
}

/// Asserts that the case of this row was refused as a problem of this kind.
#[track_caller]
fn refused(row: u8, case: impl Debug, answer: &Answer, status: u16, slug: &str) {
    let case = format!("row {row}, {case:.200?}");
    assert_eq!(answer.status, status, "{case}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{case}");
    let problem = answer.json();
    assert_eq!((&problem["type"], &problem["status"]), (&slug.into(), &status.into()), "{case}");
    for member in ["title", "detail", "request_id"] {
        assert!(problem[member].is_string(), "{case}: no {member}: {}", answer.text());
    }
    assert_eq!(problem["errors"].is_object(), status == 422 || !problem["errors"].is_null(), "{case}");
    assert_eq!(answer.header("x-request-id"), problem["request_id"].as_str(), "{case}");
}
