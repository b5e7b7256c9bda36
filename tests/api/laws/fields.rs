//! What a body may name: the documented members, and nothing else that the house has a column for
//! (promises TEN-3).

use std::collections::BTreeSet;

use keyhouse::http::openapi::describe;
use serde_json::{Value, json};

use super::operations::{NO_LIMITS, Operation, Side};
use super::state;
use crate::house::{TestApp, house_with};

/// Besides the columns: what people try.
const TEMPTING: &[&str] = &["shop", "balance", "role", "admin", "is_admin", "scope", "owner", "twin", "__proto__"];

/// The members that the document of this operation shows.
fn documented(operation: &Operation) -> BTreeSet<String> {
    let document = serde_json::to_value(describe(operation.surface)).unwrap();
    let Some(body) = operation.document.get("requestBody") else { return BTreeSet::new() };
    let schema = &body["content"]["application/json"]["schema"];
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

async fn columns(app: &TestApp) -> BTreeSet<String> {
    let query = "select distinct attname::text from pg_attribute a join pg_class c on c.oid = a.attrelid
                 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                   and a.attnum > 0 and not a.attisdropped";
    let columns: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut app.db().await).await.unwrap();
    columns.into_iter().chain(TEMPTING.iter().map(|name| (*name).to_owned())).collect()
}

#[test]
fn a_field_that_is_not_documented_is_refused_and_writes_nothing() {
    house_with(NO_LIMITS, async |app| {
        let mut db = app.db().await;
        let names = columns(app).await;
        for operation in Operation::writes().into_iter().filter(Operation::speaks_problem) {
            let (call, known) = (operation.call(&Side::test(app)).await, documented(&operation));
            let actor = call.caller(app);
            let before = state::contents(&mut db).await;
            for name in names.difference(&known) {
                let mut body = call.body.clone().unwrap_or_else(|| json!({}));
                body[name] = json!(1);
                let answer = call.send_to(&actor, &call.path, Some(&body)).await;
                assert_eq!(answer.status, 422, "{} with {name}: {}", call.name, answer.text());
                answer.blames(name);
            }
            assert_eq!(state::contents(&mut db).await, before, "{}", call.name);
        }
    });
}

#[test]
fn every_documented_field_is_known_to_its_reader() {
    house_with(NO_LIMITS, async |app| {
        for operation in Operation::writes().into_iter().filter(Operation::speaks_problem) {
            for name in documented(&operation) {
                let call = operation.call(&Side::test(app)).await;
                let mut body = call.body.clone().unwrap_or_else(|| json!({}));
                body[&name] = json!({ "no": "such form" });
                let answer = call.send_to(&call.caller(app), &call.path, Some(&body)).await;
                let unknown = answer.json()["errors"][&name][0] == "is not a field of this request";
                assert!(!unknown, "{}: {name} is documented and not read", call.name);
            }
        }
    });
}
