//! What the page of a surface shows: every operation of its document, with what *Try it* needs.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::Value;

use super::schema::{Field, Schemas};
use crate::http::door::Surface;
use crate::http::openapi;

/// In the order of a document: reading first.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// A surface as its page shows it.
#[derive(Debug, Serialize)]
pub struct Reference {
    pub name: &'static str,
    /// Without the house's name: `Merchant API`.
    pub label: &'static str,
    pub title: String,
    pub prefix: &'static str,
    /// What opens it, as its document says.
    pub credential: String,
    groups: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    id: String,
    operations: Vec<Operation>,
}

#[derive(Debug, Serialize)]
struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    description: String,
    /// `key`, `token`, or nothing where anybody may ask.
    credential: String,
    scopes: Vec<String>,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    answers: Vec<Answer>,
    refusals: Vec<Refusal>,
}

#[derive(Debug, Serialize)]
struct Parameter {
    name: String,
    /// `path`, `query` or `header`.
    place: String,
    kind: String,
    limits: String,
    required: bool,
    about: String,
}

#[derive(Debug, Serialize)]
struct Body {
    fields: Vec<Field>,
    example: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    status: String,
    fields: Vec<Field>,
    example: String,
}

#[derive(Debug, Serialize)]
struct Refusal {
    status: String,
    about: String,
}

/// Surfaces that have operations, in order. They are known when the program is built, so they are read once.
pub fn all() -> &'static [Reference] {
    static ALL: LazyLock<Vec<Reference>> = LazyLock::new(|| {
        let read = openapi::SURFACES.into_iter().map(Reference::of);
        read.filter(|reference| !reference.groups.is_empty()).collect()
    });
    &ALL
}

impl Surface {
    const fn label(self) -> &'static str {
        match self {
            Self::V1 => "Merchant API",
            Self::Dev => "Developer API",
            Self::Reseller => "Reseller API",
            Self::Checkout => "Checkout",
            Self::Portal => "Reseller portal",
        }
    }
}

impl Reference {
    fn of(surface: Surface) -> Self {
        let document = serde_json::to_value(openapi::describe(surface)).unwrap_or_default();
        let mut groups: Vec<Group> = Vec::new();
        let paths = document["paths"].as_object().into_iter().flatten();
        for (path, item) in paths {
            for method in METHODS.into_iter().filter(|method| item[*method].is_object()) {
                let operation = Operation::of(&document, path, method, &item[method]);
                let tag = item[method]["tags"][0].as_str().unwrap_or("other");
                match groups.iter_mut().find(|group| group.name == tag) {
                    Some(group) => group.operations.push(operation),
                    None => groups.push(Group {
                        name: tag.to_owned(),
                        id: tag.replace(' ', "-"),
                        operations: vec![operation],
                    }),
                }
            }
        }
        let schemes = document["components"]["securitySchemes"].as_object().into_iter().flatten();
        let credential = schemes.filter_map(|(_, scheme)| scheme["description"].as_str()).collect();
        let title = document["info"]["title"].as_str().unwrap_or_default().to_owned();
        Self { name: surface.name(), label: surface.label(), title, prefix: surface.prefix(), credential, groups }
    }
}

impl Operation {
    fn of(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let schemas = Schemas::new(document);
        let text = |member: &str| operation[member].as_str().unwrap_or_default().to_owned();
        let security = operation["security"][0].as_object().and_then(|one| one.iter().next());
        let scopes = security.and_then(|(_, scopes)| scopes.as_array()).into_iter().flatten();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let responses = || operation["responses"].as_object().into_iter().flatten();
        Self {
            id: text("operationId"),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text("summary"),
            description: text("description"),
            credential: security.map(|(name, _)| name.clone()).unwrap_or_default(),
            scopes: scopes.filter_map(Value::as_str).map(str::to_owned).collect(),
            parameters: parameters(&schemas, operation),
            body: body
                .is_object()
                .then(|| Body { fields: schemas.fields(body), example: schemas.example(body, false) }),
            answers: responses()
                .filter(|(status, _)| status.starts_with('2'))
                .map(|(status, answer)| {
                    let schema = &answer["content"]["application/json"]["schema"];
                    Answer {
                        status: status.clone(),
                        fields: schemas.fields(schema),
                        example: schemas.example(schema, true),
                    }
                })
                .collect(),
            refusals: responses()
                .filter(|(status, _)| !status.starts_with('2'))
                .map(|(status, answer)| Refusal {
                    status: status.clone(),
                    about: answer["description"].as_str().unwrap_or_default().to_owned(),
                })
                .collect(),
        }
    }
}

fn parameters<'a>(schemas: &Schemas<'a>, operation: &'a Value) -> Vec<Parameter> {
    let read = |parameter: &'a Value| {
        let text = |member: &str| parameter[member].as_str().unwrap_or_default().to_owned();
        Parameter {
            name: text("name"),
            place: text("in"),
            kind: schemas.kind(&parameter["schema"]).trim_end_matches(" or null").to_owned(),
            limits: schemas.limits(&parameter["schema"]),
            required: parameter["required"] == true,
            about: text("description"),
        }
    };
    operation["parameters"].as_array().into_iter().flatten().map(read).collect()
}
