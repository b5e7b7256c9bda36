//! What a merchant's address is sent (contract 5.3): published receivers read either spelling of a name.

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::domain::orders::{Details, Item, Order};
use crate::domain::products::Product;
use crate::domain::shops::Shop;
use crate::error::{Error, Result};
use crate::kit::signature;

const AGENT: &str = "Shoppex-Webhook/1.0";

/// What was sold, to whom, and by which shop.
pub struct Sold<'a> {
    pub shop: &'a Shop,
    pub product: &'a Product,
    pub order: &'a Order,
    pub details: &'a Details,
    pub item: &'a Item,
}

/// The bytes that are sent, and signed.
pub fn body(sold: &Sold) -> Vec<u8> {
    let Sold { shop, product, order, details, item } = sold;
    let (currency, delivery) = (order.currency, item.id.to_string());
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let custom: Vec<Value> =
        details.custom_fields.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let line = json!({
        "id": item.id.uuid(),
        "product_id": item.product.uuid(),
        "product_title": item.product_name,
        "quantity": item.quantity,
        "unit_price": currency.major(item.unit),
        "total": currency.major(item.subtotal),
    });
    let mut body = twins([
        ("customerEmail", "customer_email", json!(order.customer_email)),
        ("invoiceId", "invoice_id", json!(order.id.uuid())),
        ("invoiceDbId", "invoice_db_id", json!(order.id.to_string())),
        ("productId", "product_id", json!(item.product.uuid())),
        ("shopId", "shop_id", json!(shop.tenant.uuid())),
        ("deliveryId", "delivery_id", json!(delivery)),
        ("idempotencyKey", "idempotency_key", json!(delivery)),
        ("lineItem", "line_item", line),
    ]);
    body.insert(
        "invoice".into(),
        json!({
            "id": order.id.to_string(),
            "uniqid": order.id.uuid(),
            "status": "COMPLETED", // no other is called for
            "currency": currency.code(),
            "total": currency.major(order.total),
            "gateway": order.gateway.map(|gateway| gateway.word().to_uppercase()),
            "customer_email": order.customer_email,
            "custom_fields": custom,
            "created_at": instant(order.created_at()),
            "paid_at": order.paid_at.map(instant),
        }),
    );
    body.insert(
        "product".into(),
        json!({
            "id": product.id.to_string(),
            "uniqid": product.id.uuid(),
            "slug": product.slug,
            "title": product.name,
            "type": "DYNAMIC",
        }),
    );
    body.insert("shop".into(), json!({ "id": shop.tenant.uuid(), "name": shop.name, "slug": shop.slug }));
    Value::Object(body).to_string().into_bytes()
}

/// Each value under its `camelCase` and its `snake_case` name.
fn twins<const N: usize>(values: [(&str, &str, Value); N]) -> Map<String, Value> {
    let both =
        |(camel, snake, value): (&str, &str, Value)| [(camel.to_owned(), value.clone()), (snake.to_owned(), value)];
    values.into_iter().flat_map(both).collect()
}

/// Who sends it, under which stable key, and signed how.
pub fn headers(secret: &SecretString, delivery: &str, now: DateTime<Utc>, body: &[u8]) -> Result<HeaderMap> {
    let timestamp_s = now.timestamp();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in [
        ("x-shoppex-idempotency-key", delivery.to_owned()),
        ("x-shoppex-delivery-id", delivery.to_owned()),
        ("x-shoppex-timestamp", timestamp_s.to_string()),
        ("x-shoppex-signature-v2", signature::v2(secret, delivery, timestamp_s, body)),
        ("x-shoppex-signature-v2-algorithm", signature::V2_ALGORITHM.to_owned()),
        ("x-shoppex-signature", signature::legacy(secret, body)),
        ("x-shoppex-signature-algorithm", signature::LEGACY_ALGORITHM.to_owned()),
    ] {
        let value = HeaderValue::try_from(value).map_err(|e| Error::Internal(format!("header {name}: {e}")))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}
