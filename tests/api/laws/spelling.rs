//! One body in many spellings, and bodies that differ in one field: for the laws of idempotency.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use serde_json::{Map, Value, json};

/// A body that creates a product, with any of the optional fields.
pub fn products() -> impl Strategy<Value = Value> {
    let name = "[A-Za-z][A-Za-z0-9 äß⚿\"\\\\/]{0,20}[a-z]";
    let description = prop::option::of("[a-zA-Z0-9 äß⚿\"\\\\/#*_\n]{1,40}");
    let stock = prop::option::of(0..1_000_i64);
    (name, 0..99_999_999_999_i64, 0..3_usize, 0..2_usize, description, stock).prop_map(
        |(name, price, kind, currency, description, stock)| {
            let kind = ["physical", "account", "subscription"][kind];
            let currency = ["USD", "EUR"][currency];
            let mut body = json!({ "name": name, "price_cents": price, "type": kind, "currency": currency });
            if let Some(description) = description {
                body["description"] = description.into();
            }
            if let Some(stock) = stock {
                body["stock"] = stock.into();
            }
            body
        },
    )
}

/// The same document, written as somebody else's library might.
pub fn spell(value: &Value, seed: u64) -> String {
    let mut text = String::new();
    write(value, &mut ChaCha20Rng::seed_from_u64(seed), &mut text);
    text
}

fn write(value: &Value, rng: &mut ChaCha20Rng, text: &mut String) {
    space(rng, text);
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            for last in (1..members.len()).rev() {
                members.swap(last, rng.random_range(0..=last));
            }
            text.push('{');
            for (n, (name, value)) in members.into_iter().enumerate() {
                text.push_str(if n == 0 { "" } else { "," });
                space(rng, text);
                string(name, rng, text);
                space(rng, text);
                text.push(':');
                write(value, rng, text);
            }
            text.push('}');
        }
        Value::Number(number) => text.push_str(&match rng.random_range(0..4) {
            0 => format!("{number}.0"),
            1 => format!("{number}e0"),
            2 => format!("{number}0E-1"),
            _ => number.to_string(),
        }),
        Value::String(string_value) => string(string_value, rng, text),
        other => text.push_str(&other.to_string()),
    }
    space(rng, text);
}

fn space(rng: &mut ChaCha20Rng, text: &mut String) {
    text.push_str(["", "", " ", "\n  ", "\t", "\r\n"][rng.random_range(0..6)]);
}

fn string(value: &str, rng: &mut ChaCha20Rng, text: &mut String) {
    text.push('"');
    for c in value.chars() {
        let must = matches!(c, '"' | '\\' | '\n');
        if must || rng.random_range(0..5) == 0 {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text.push('"');
}

/// Bodies as valid as this one that differ from it in one member.
pub fn mutations(body: &Value) -> Vec<Value> {
    let members = body.as_object().unwrap();
    let with = |name: &str, value: Value| {
        let mut changed: Map<String, Value> = members.clone();
        changed.insert(name.into(), value);
        Value::Object(changed)
    };
    let mut mutated: Vec<Value> = members.iter().map(|(name, value)| with(name, other(name, value))).collect();
    for optional in ["description", "stock"] {
        let mut changed = members.clone();
        if changed.remove(optional).is_some() {
            mutated.push(Value::Object(changed));
        }
    }
    mutated
}

fn other(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("type", Value::String(word)) => if word == "physical" { "account" } else { "physical" }.into(),
        ("currency", Value::String(code)) => if code == "USD" { "EUR" } else { "USD" }.into(),
        (_, Value::String(text)) => format!("{text}x").into(),
        (_, Value::Number(number)) => (number.as_i64().unwrap() + 1).into(),
        (_, other) => panic!("{name}: {other}"),
    }
}
