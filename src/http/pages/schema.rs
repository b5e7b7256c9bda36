//! A JSON schema as people read it: its fields, what each may hold, and an example of the whole.

use serde::Serialize;
use serde_json::{Map, Value};

/// Schemas that hold one another are followed this far.
const DEPTH_MAX: usize = 6;

/// A product id, as examples show it; on a demo install the page puts the demo product's in its place.
pub const SAMPLE_PRODUCT: &str = "prod_01J2PVQR41T4CWXV1C4Y4ZK3M8";

/// What fields hold in examples, by name, where their schema does not say. An optional field is in the
/// example of a body if it has a place here.
const SAMPLES: &[(&str, &str)] = &[
    ("codes", r#"["AAAA-BBBB-CCCC"]"#),
    ("currency", r#""USD""#),
    ("customer_email", r#""ada@example.com""#),
    ("description", r#""A seat for one person, for ever.""#),
    ("discount_cents", "0"),
    ("email", r#""ada@example.com""#),
    ("has_more", "false"),
    ("last4", r#""x7Qa""#),
    ("mode", r#""test""#),
    ("name", r#""Studio Pro, one seat""#),
    ("next_cursor", "null"),
    ("outcome", r#""succeed""#),
    ("price_cents", "4900"),
    ("product", r#""Studio Pro, one seat""#),
    ("product_id", concat!('"', "prod_01J2PVQR41T4CWXV1C4Y4ZK3M8", '"')),
    ("refunded_cents", "0"),
    ("revoked_at", "null"),
    ("scopes", r#"["*"]"#),
    ("slug", r#""studio-pro-one-seat""#),
    ("stock", "100"),
    ("store_name", r#""Demo""#),
    ("subtotal_cents", "4900"),
    ("total_cents", "4900"),
];
/// Optional fields that a body is clearer without.
const LEFT_OUT: &[&str] = &["description", "stock"];
/// What a reader looks for first stands first.
const FIRST: &[&str] = &["object", "id", "name", "title"];

/// One field of an object, and what it holds.
#[derive(Debug, Serialize)]
pub struct Field {
    pub name: String,
    pub kind: String,
    pub limits: String,
    pub required: bool,
    pub about: String,
    pub fields: Vec<Field>,
}

/// The schemas of one document.
pub struct Schemas<'a> {
    document: &'a Value,
}

impl<'a> Schemas<'a> {
    pub const fn new(document: &'a Value) -> Self {
        Self { document }
    }

    /// Behind references, and out of `oneOf: [it, null]`; whether it may be null.
    fn resolve(&self, schema: &'a Value) -> (&'a Value, bool) {
        if let Some(reference) = schema["$ref"].as_str() {
            let found = self.document.pointer(reference.trim_start_matches('#'));
            return found.map_or((schema, false), |found| self.resolve(found));
        }
        if let Some(options) = schema["oneOf"].as_array() {
            let null = options.iter().any(|option| option["type"] == "null");
            let other = options.iter().find(|option| option["type"] != "null");
            return other.map_or((schema, null), |other| (self.resolve(other).0, null));
        }
        let null = schema["type"].as_array().is_some_and(|types| types.iter().any(|one| one == "null"));
        (schema, null)
    }

    /// Every property of an object, those of its parts included, in reading order; and if it is required.
    fn properties(&self, schema: &'a Value) -> Vec<(&'a str, &'a Value, bool)> {
        let (schema, _) = self.resolve(schema);
        let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let own = schema["properties"].as_object().into_iter().flat_map(Map::iter);
        let own = own.map(|(name, property)| (name.as_str(), property, required(name)));
        let parts = schema["allOf"].as_array().into_iter().flatten().flat_map(|part| self.properties(part));
        let mut all: Vec<_> = parts.chain(own).collect();
        let place = |name: &str| FIRST.iter().position(|one| *one == name).unwrap_or(FIRST.len());
        all.sort_by_key(|(name, _, required)| (place(name), !required));
        all
    }

    pub fn fields(&self, schema: &'a Value) -> Vec<Field> {
        self.fields_within(schema, DEPTH_MAX)
    }

    fn fields_within(&self, schema: &'a Value, depth: usize) -> Vec<Field> {
        if depth == 0 {
            return Vec::new();
        }
        let (schema, _) = self.resolve(schema);
        if schema["items"].is_object() {
            return self.fields_within(&schema["items"], depth);
        }
        let field = |(name, property, required): (&str, &'a Value, bool)| Field {
            name: name.to_owned(),
            kind: self.kind(property),
            limits: self.limits(property),
            required,
            about: self.about(property),
            fields: self.fields_within(property, depth - 1),
        };
        self.properties(schema).into_iter().map(field).collect()
    }

    /// In a word or three: `string`, `array of objects`, `integer or null`.
    pub fn kind(&self, schema: &'a Value) -> String {
        let (schema, null) = self.resolve(schema);
        let word = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).find(|one| *one != "null").unwrap_or("any"),
            Value::String(one) => one,
            _ if schema["allOf"].is_array() || schema["properties"].is_object() => "object",
            _ => "any",
        };
        let word = match (word, schema["format"].as_str()) {
            ("array", _) => format!("array of {}s", self.kind(&schema["items"])),
            ("string", Some(format @ ("date-time" | "uuid" | "uri"))) => format.to_owned(),
            (word, _) => word.to_owned(),
        };
        if null { format!("{word} or null") } else { word }
    }

    /// `1 to 200 characters`.
    pub fn limits(&self, schema: &'a Value) -> String {
        let (schema, _) = self.resolve(schema);
        for (least, most, unit) in
            [("minLength", "maxLength", " characters"), ("minItems", "maxItems", " items"), ("minimum", "maximum", "")]
        {
            match (schema[least].as_i64(), schema[most].as_i64()) {
                (None, None) => {}
                (Some(least), Some(most)) => return format!("{} to {}{unit}", grouped(least), grouped(most)),
                (Some(least), None) => return format!("at least {}{unit}", grouped(least)),
                (None, Some(most)) => return format!("at most {}{unit}", grouped(most)),
            }
        }
        let words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        words.collect::<Vec<_>>().join(" | ")
    }

    fn about(&self, schema: &'a Value) -> String {
        let own = schema["description"].as_str();
        let wrapped = || schema["oneOf"].as_array()?.iter().find_map(|option| option["description"].as_str());
        own.or_else(wrapped).or_else(|| self.scalar_about(schema)).unwrap_or_default().to_owned()
    }

    /// What a referenced text or number says of itself; an object's words would be of the object, not the field.
    fn scalar_about(&self, schema: &'a Value) -> Option<&'a str> {
        let (schema, _) = self.resolve(schema);
        (!schema["properties"].is_object()).then(|| schema["description"].as_str()).flatten()
    }

    /// An example, as JSON text. Of a body, with the fields that are needed; of an answer, with all.
    pub fn example(&self, schema: &'a Value, whole: bool) -> String {
        self.example_of("", schema, whole, 0)
    }

    fn example_of(&self, name: &str, schema: &'a Value, whole: bool, depth: usize) -> String {
        let sample = SAMPLES.iter().find(|(one, _)| *one == name).map(|(_, sample)| *sample);
        let (inner, null) = self.resolve(schema);
        for said in [&schema["example"], &inner["example"]] {
            if !said.is_null() {
                return indented(said, depth);
            }
        }
        if let Some(sample) = sample {
            return sample.to_owned();
        }
        let kind = self.kind(inner);
        match kind.split(' ').next().unwrap_or_default() {
            _ if depth >= DEPTH_MAX || (null && !whole) => "null".into(),
            "object" => self.example_object(inner, whole, depth),
            "array" => {
                let item = self.example_of("", &inner["items"], whole, depth + 1);
                let pad = "  ".repeat(depth);
                format!("[\n{pad}  {item}\n{pad}]")
            }
            "integer" | "number" => inner["minimum"].as_i64().unwrap_or(0).max(1).to_string(),
            "boolean" => "true".into(),
            "date-time" => r#""2026-05-26T07:18:03Z""#.into(),
            "uuid" => r#""019e6326-1542-7000-8000-5a1e00000001""#.into(),
            _ if null => "null".into(),
            _ => r#""…""#.into(),
        }
    }

    fn example_object(&self, schema: &'a Value, whole: bool, depth: usize) -> String {
        let sampled = |name: &str, property: &'a Value| {
            let named = SAMPLES.iter().any(|(one, _)| *one == name) && !LEFT_OUT.contains(&name);
            named || !property["example"].is_null()
        };
        let shown =
            |(name, property, required): &(&str, &'a Value, bool)| whole || *required || sampled(name, property);
        let pad = "  ".repeat(depth);
        let lines: Vec<String> = self
            .properties(schema)
            .into_iter()
            .filter(shown)
            .map(|(name, property, _)| {
                format!("{pad}  \"{name}\": {}", self.example_of(name, property, whole, depth + 1))
            })
            .collect();
        if lines.is_empty() { "{}".into() } else { format!("{{\n{}\n{pad}}}", lines.join(",\n")) }
    }
}

fn indented(value: &Value, depth: usize) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.replace('\n', &format!("\n{}", "  ".repeat(depth)))
}

/// `99,999,999`.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let from_the_right = digits.len();
    let comma = |at: usize| at > 0 && (from_the_right - at).is_multiple_of(3);
    digits.char_indices().flat_map(|(at, digit)| comma(at).then_some(',').into_iter().chain([digit])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({ "components": { "schemas": {
            "Line": { "type": "object", "required": ["quantity"], "properties": {
                "note": { "type": ["string", "null"] },
                "quantity": { "type": "integer", "minimum": 1, "maximum": 99_999, "description": "How many." },
                "mode": { "type": ["string", "null"] },
            } },
            "Cart": { "type": "object", "required": ["lines", "email"], "properties": {
                "email": { "type": "string" },
                "lines": { "type": "array", "maxItems": 50, "items": { "$ref": "#/components/schemas/Line" } },
                "last": { "oneOf": [{ "$ref": "#/components/schemas/Line", "description": "The newest." }, { "type": "null" }] },
            } },
        } } })
    }

    #[test]
    fn a_body_is_shown_with_what_it_needs_and_an_answer_with_all() {
        let document = document();
        let (schemas, cart) = (Schemas::new(&document), json!({ "$ref": "#/components/schemas/Cart" }));
        let body: Value = serde_json::from_str(&schemas.example(&cart, false)).unwrap();
        assert_eq!(body, json!({ "email": "ada@example.com", "lines": [{ "quantity": 1, "mode": "test" }] }));
        let answer: Value = serde_json::from_str(&schemas.example(&cart, true)).unwrap();
        assert_eq!(answer["last"], json!({ "quantity": 1, "mode": "test", "note": null }));
    }

    #[test]
    fn a_field_says_what_it_may_hold() {
        let document = document();
        let (schemas, cart) = (Schemas::new(&document), json!({ "$ref": "#/components/schemas/Cart" }));
        let fields = schemas.fields(&cart);
        let named = |name: &str| fields.iter().find(|field| field.name == name).unwrap();
        assert_eq!((named("last").kind.as_str(), named("last").about.as_str()), ("object or null", "The newest."));
        assert_eq!(
            (named("lines").kind.as_str(), named("lines").limits.as_str()),
            ("array of objects", "at most 50 items")
        );
        let quantity = &named("lines").fields[0];
        assert_eq!((quantity.name.as_str(), quantity.limits.as_str()), ("quantity", "1 to 99,999"));
        assert_eq!((quantity.about.as_str(), quantity.required), ("How many.", true));
    }

    #[test]
    fn schemas_that_hold_themselves_come_to_an_end() {
        let document = json!({ "components": { "schemas": { "Tree": { "type": "object", "required": ["child"],
            "properties": { "child": { "$ref": "#/components/schemas/Tree" } } } } } });
        let (schemas, tree) = (Schemas::new(&document), json!({ "$ref": "#/components/schemas/Tree" }));
        assert!(!schemas.fields(&tree).is_empty());
        serde_json::from_str::<Value>(&schemas.example(&tree, true)).unwrap();
    }
}
