//! The documents: what they say is looked at in review, as snapshots, and what each must have is held.

use std::collections::BTreeSet;

use keyhouse::http::openapi::{SURFACES, describe};
use serde_json::Value;

use super::operations::Operation;
use crate::house::house;

#[test]
fn the_documents_are_as_reviewed() {
    for surface in SURFACES {
        let document = serde_json::to_value(describe(surface)).unwrap();
        insta::assert_json_snapshot!(format!("document_{}", surface.name()), document);
    }
}

#[test]
fn every_operation_says_what_it_does_and_what_it_answers() {
    for operation in Operation::all() {
        let (name, document) = (operation.name(), &operation.document);
        let summary = document["summary"].as_str().unwrap_or("");
        assert!(!summary.is_empty(), "{name} has no summary");
        assert!(document["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{name} has not one tag");
        let answers = document["responses"].as_object().unwrap();
        let good: Vec<&Value> = answers.iter().filter(|(s, _)| s.starts_with('2')).map(|(_, answer)| answer).collect();
        assert!(!good.is_empty(), "{name} documents no success");
        for answer in good {
            // A file is bytes; everything else is JSON.
            let kind = if name.contains("/downloads/") { "application/octet-stream" } else { "application/json" };
            assert!(answer["content"][kind].get("schema").is_some(), "{name}: a success without a schema");
        }
        let parameters = document["parameters"].as_array().cloned().unwrap_or_default();
        let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(in_path, operation.path.matches('{').count(), "{name}: its path parameters");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    for surface in SURFACES {
        let mut seen = BTreeSet::new();
        for operation in Operation::of(surface) {
            let id = operation.document["operationId"].as_str().unwrap_or("").to_owned();
            assert!(!id.is_empty(), "{} has no operationId", operation.name());
            assert!(seen.insert(id.clone()), "{}: the operationId {id} is taken", operation.name());
        }
    }
}

#[test]
fn every_reference_in_a_document_leads_somewhere() {
    for surface in SURFACES {
        let document = serde_json::to_value(describe(surface)).unwrap();
        let mut references = BTreeSet::new();
        collect(&document, &mut references);
        for reference in references {
            let found = document.pointer(reference.trim_start_matches('#')).is_some();
            assert!(found, "{}: {reference} leads nowhere", surface.name());
        }
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn the_documents_are_served_to_anybody() {
    house(async |app| {
        for surface in SURFACES {
            let served = app.stranger().get(&format!("/openapi/{}.json", surface.name())).await;
            assert_eq!(*served.is(200).json(), serde_json::to_value(describe(surface)).unwrap());
        }
        for name in ["v2.json", "v1", "v1.yaml", ".json"] {
            app.stranger().get(&format!("/openapi/{name}")).await.is(404).is_problem("not_found");
        }
    });
}
