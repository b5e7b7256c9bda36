//! Answers as snapshots show them: what differs from run to run is masked.

use serde_json::{Value, json};

use super::actor::Answer;

const MASKED: &[&str] = &[
    "accept_url",
    "checkout_url",
    "event_id",
    "id",
    "invitation_id",
    "key_id",
    "last4",
    "next_cursor",
    "order_id",
    "reference",
    "request_id",
    "reseller_code",
    "secret",
    "shop_id",
    "token",
    "trace_id",
    "uniqid",
];

impl Answer {
    /// The body, with ids and secrets masked; null stays null.
    pub fn masked(&self) -> Value {
        mask(self.json().clone())
    }
}

/// As [`Answer::masked`].
pub fn mask(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(mask).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let masked = MASKED.contains(&name.as_str()) && value.is_string();
                let value = if masked { json!(format!("[{name}]")) } else { mask(value) };
                (name, value)
            })
            .collect(),
        plain => plain,
    }
}
