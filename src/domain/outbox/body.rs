//! What an endpoint of `/v1` is sent of an event (contract 5.4): ids in the spelling of that surface, instants
//! to the second. It comes of the stored payload alone, so every attempt sends the same bytes.

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::EventId;
use crate::kit::id::prefixed;

/// Prefixes of ids by what they name; a test holds them against the rooms' own.
pub const PREFIXES: &[(&str, &str)] =
    &[("customer", "cus"), ("order", "ord"), ("payout", "po"), ("product", "prod"), ("refund", "rf")];

#[derive(Serialize)]
struct Body<'a> {
    id: String,
    r#type: &'a str,
    data: Value,
}

/// The bytes that are sent, and signed.
#[must_use]
pub fn body(id: EventId, topic: &str, payload: &Value) -> Vec<u8> {
    let body = Body { id: id.to_string(), r#type: topic, data: data(topic, payload) };
    serde_json::to_vec(&body).unwrap_or_default()
}

/// `data`: the object that the event is about, as `/v1` shows it; of an order its id under its older name too.
#[must_use]
pub fn data(topic: &str, payload: &Value) -> Value {
    let kind = topic.split('.').next().unwrap_or_default();
    let mut data = spelled(kind, payload.clone());
    if let (Value::Object(data), "order") = (&mut data, kind)
        && let Some(id) = data.get("id").cloned()
    {
        data.insert("order_uuid".into(), id);
    }
    data
}

/// An object of this kind: `id` is its own, `product_id` a product's, `refund` another object.
fn spelled(kind: &str, value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(members.into_iter().map(|member| respelled(kind, member)).collect()),
        Value::Array(items) => items.into_iter().map(|item| spelled(kind, item)).collect(),
        other => other,
    }
}

fn respelled(kind: &str, (name, value): (String, Value)) -> (String, Value) {
    let named = if name == "id" { Some(kind) } else { name.strip_suffix("_id") };
    let value = match value {
        Value::String(text) => {
            Value::String(named.and_then(|kind| id(kind, &text)).or_else(|| instant(&name, &text)).unwrap_or(text))
        }
        Value::Object(_) | Value::Array(_) => spelled(name.strip_suffix('s').unwrap_or(&name), value),
        other => other,
    };
    (name, value)
}

fn id(kind: &str, text: &str) -> Option<String> {
    let (_, prefix) = PREFIXES.iter().find(|(name, _)| *name == kind)?;
    Uuid::try_parse(text).ok().map(|uuid| prefixed(prefix, uuid))
}

fn instant(name: &str, text: &str) -> Option<String> {
    let instant = DateTime::parse_from_rfc3339(text).ok().filter(|_| name.ends_with("_at"))?;
    Some(instant.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// Whether endpoints of `/v1` hear of it; topics with a colon are those of `/dev/v1`.
#[must_use]
pub fn is_told_to_v1(topic: &str) -> bool {
    topic.contains('.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_and_instants_are_spelled_as_on_v1() {
        let uuid = "019e6326-1542-7000-8000-5a1e00000002";
        let id = |prefix: &str| prefixed(prefix, uuid.parse().unwrap());
        let payload = json!({
            "id": uuid, "product_id": uuid, "shop_id": uuid, "customer_email": "ada@example.com",
            "paid_at": "2026-05-26T07:18:03.250Z", "note": "2026-05-26T07:18:03.250Z", "total_cents": 4900,
            "refund": { "id": uuid, "order_id": uuid }, "refunds": [{ "id": uuid }], "txid": null,
        });
        assert_eq!(
            data("order.refunded", &payload),
            json!({
                "id": id("ord"), "order_uuid": id("ord"), "product_id": id("prod"), "shop_id": uuid,
                "customer_email": "ada@example.com", "paid_at": "2026-05-26T07:18:03Z",
                "note": "2026-05-26T07:18:03.250Z", "total_cents": 4900,
                "refund": { "id": id("rf"), "order_id": id("ord") }, "refunds": [{ "id": id("rf") }], "txid": null,
            })
        );
        assert!(data("product.created", &payload).as_object().is_some_and(|data: &serde_json::Map<_, _>| {
            data["id"] == id("prod") && !data.contains_key("order_uuid")
        }));
    }

    #[test]
    fn the_body_begins_with_its_id_and_type() {
        let event = EventId::parse("evt_01KSHJC5A2E0080002T7GG0001").unwrap();
        let text = String::from_utf8(body(event, "order.paid", &json!({ "b": 1, "a": 2 }))).unwrap();
        assert_eq!(text, r#"{"id":"evt_01KSHJC5A2E0080002T7GG0001","type":"order.paid","data":{"a":2,"b":1}}"#);
    }
}
