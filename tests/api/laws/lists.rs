//! Every list pages alike, and a page of one tenant leads nowhere in another's (promises TEN-1, R7).

use std::collections::BTreeSet;

use keyhouse::domain::shops::Mode;
use serde_json::Value;

use super::operations::{Call, NO_LIMITS, Operation, Side};
use crate::house::actor::Answer;
use crate::house::{TestApp, house_with};

/// The operations that page, by their documents.
fn lists() -> Vec<Operation> {
    let pages = |operation: &Operation| {
        let parameters = operation.document["parameters"].as_array().cloned().unwrap_or_default();
        parameters.iter().any(|parameter| parameter["name"] == "cursor")
    };
    Operation::all().into_iter().filter(pages).collect()
}

/// Some of everything on this side.
async fn fill(side: &Side<'_>) {
    for operation in Operation::all() {
        operation.call(side).await;
        operation.call(side).await;
    }
}

async fn page(app: &TestApp, call: &Call, query: &str) -> Answer {
    call.send_to(&call.caller(app), &call.path_with(query), None).await
}

/// Where this surface puts the cursor.
fn pagination(answer: &Answer) -> &Value {
    answer.json().get("pagination").unwrap_or(answer.json())
}

fn cursor(answer: &Answer) -> String {
    answer.is(200);
    pagination(answer)["next_cursor"].as_str().expect("there is another page").to_owned()
}

fn ids(answer: &Answer) -> Vec<String> {
    let data = &answer.is(200).json()["data"];
    let data = data.get("productLicenses").unwrap_or(data).as_array().expect("a list").clone();
    let id = |one: &Value| one.get("id").unwrap_or(&one["product_id"]).as_str().unwrap().to_owned();
    data.iter().map(id).collect()
}

/// The ids of a list from its first page to its last.
async fn walk(app: &TestApp, call: &Call, limit: u32) -> Vec<String> {
    let (mut walked, mut query) = (Vec::new(), format!("limit={limit}"));
    loop {
        let answer = page(app, call, &query).await;
        walked.extend(ids(&answer));
        assert_eq!(pagination(&answer)["has_more"], !pagination(&answer)["next_cursor"].is_null(), "{}", call.name);
        let Value::String(next) = &pagination(&answer)["next_cursor"] else { return walked };
        query = format!("limit={limit}&cursor={next}");
    }
}

/// A trail has what happened to its own license alone: some more of it.
async fn lengthen(app: &TestApp, call: &Call) {
    if call.name.ends_with("/licenses/{id}/events") {
        let license = call.path.trim_end_matches("/events");
        for days in 1..4 {
            let extend = serde_json::json!({ "days": days });
            call.caller(app).post(&format!("{license}/extend"), extend).await.is(200);
        }
    }
}

#[test]
fn pages_hold_everything_once_and_in_order() {
    house_with(NO_LIMITS, async |app| {
        let side = Side::test(app);
        fill(&side).await;
        for operation in lists() {
            let call = operation.call(&side).await;
            lengthen(app, &call).await;
            let whole = walk(app, &call, 100).await;
            assert!(whole.len() > 2, "{}: the law made too few", call.name);
            let walked = walk(app, &call, 2).await;
            assert_eq!(walked, whole, "{}", call.name);
            assert_eq!(walked.iter().collect::<BTreeSet<_>>().len(), walked.len(), "{}: one comes twice", call.name);
        }
    });
}

#[test]
fn a_cursor_leads_nowhere_in_another_shop_mode_or_list() {
    house_with(NO_LIMITS, async |app| {
        let other = app.another_shop().await;
        let (ours, theirs) = (Side::test(app), Side { app, shop: &other, mode: Mode::Test });
        let sides = [ours, theirs, Side::live(app)];
        for side in &sides {
            fill(side).await;
        }
        for operation in lists() {
            let mut cursors = Vec::new();
            for side in &sides {
                let call = operation.call(side).await;
                lengthen(app, &call).await;
                let cursor = cursor(&page(app, &call, "limit=1").await);
                cursors.push((call, cursor));
            }
            let call = &cursors[0].0;
            page(app, call, &format!("limit=1&cursor={}", cursors[0].1)).await.is(200);
            for (_, foreign) in &cursors[1..] {
                let answer = page(app, call, &format!("limit=1&cursor={foreign}")).await;
                assert_eq!(answer.status, 400, "{}: {}", call.name, answer.text());
            }
            for another in lists().into_iter().filter(|another| another.path != operation.path) {
                let call = another.call(&sides[0]).await;
                let answer = page(app, &call, &format!("limit=1&cursor={}", cursors[0].1)).await;
                assert_eq!(
                    answer.status,
                    400,
                    "{} with a cursor of {}: {}",
                    call.name,
                    cursors[0].0.name,
                    answer.text()
                );
            }
        }
    });
}

#[test]
fn a_page_has_one_to_a_hundred_entries() {
    house_with(NO_LIMITS, async |app| {
        for operation in lists() {
            let call = operation.call(&Side::test(app)).await;
            for limit in ["0", "101", "-1", "x", "", "1.0", "9999999999999999999"] {
                let answer = page(app, &call, &format!("limit={limit}")).await;
                assert_eq!(answer.status, 422, "{}: {}", call.name, answer.text());
                if operation.speaks_problem() {
                    answer.blames("limit");
                } else {
                    assert_eq!(answer.json()["error"]["details"][0]["field"], "limit", "{}", answer.text());
                }
            }
            page(app, &call, "limit=1&limit=2").await.is(400);
            page(app, &call, "unknown=1").await.is(200);
        }
    });
}
