//! What a reseller's shop orders: the body, how it is read, and its way through the lane.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use crate::domain::fulfillments::{Answer, Named, Order, QUANTITY_MAX, Request};
use crate::domain::keys::reseller::Full;
use crate::domain::products::ProductId;
use crate::error::{Error, Result, Unauthenticated};
use crate::http::door::join::Joiner;
use crate::http::door::limit::count_in;
use crate::http::door::write::IdempotencyKey;
use crate::kit::id::Id;
use crate::kit::json::{Form, Json, Reading, Wire, text, whole, wrong};
use crate::kit::values::{email, major};

const ORDER_ID_CHARS_MAX: usize = 255;

/// An order, and its idempotency key where the body holds one.
pub struct Ordered {
    pub order: Order,
    pub key: Option<IdempotencyKey>,
}

impl Wire for Ordered {
    fn read(form: &mut Form) -> Option<Self> {
        let external_order_id = form.required("external_order_id", order_id);
        let product = form.required("product_id", product_id);
        let email = form.required("customer_email", email);
        let variant = form.optional("variant_id", no_variant);
        let quantity = form.optional("quantity", whole(1, QUANTITY_MAX));
        let key = form.optional("idempotency_key", idempotency_key);
        let max_unit_cost = form.optional("max_unit_cost", major);
        variant?;
        let quantity = i32::try_from(quantity?.unwrap_or(1)).unwrap_or(i32::MAX);
        let order = Order {
            external_order_id: external_order_id?,
            product: product?,
            quantity,
            email: email?,
            max_unit_cost: max_unit_cost?,
        };
        Some(Self { order, key: key? })
    }
}

fn order_id(value: Json) -> Reading<String> {
    let id = text(value)?;
    let fits = (1..=ORDER_ID_CHARS_MAX).contains(&id.chars().count());
    if !fits || id.trim().is_empty() || id.chars().any(char::is_control) {
        return Err(wrong(format!("must have 1 to {ORDER_ID_CHARS_MAX} characters, none of them a control character")));
    }
    Ok(id)
}

fn product_id(value: Json) -> Reading<ProductId> {
    ProductId::parse(&text(value)?).ok_or_else(|| wrong("must be a product's id"))
}

fn no_variant(_: Json) -> Reading<()> {
    Err(wrong("the product has no such variant"))
}

fn idempotency_key(value: Json) -> Reading<IdempotencyKey> {
    IdempotencyKey::parse(&text(value)?).ok_or_else(|| wrong(format!("must {}", IdempotencyKey::FORM)))
}

/// Answers, where the relationship's limit allows it, and tells of that limit (R2).
pub async fn counted<R: IntoResponse>(joiner: &Joiner<Full>, work: impl Future<Output = Result<R>>) -> Response {
    let app = &joiner.app;
    let relationship = match relationship(joiner) {
        Ok(relationship) => relationship,
        Err(refused) => return refused.into_response(),
    };
    let counted = count_in(app, "relationship", relationship.as_bytes(), app.config.limits.fulfillments);
    let mut response = match counted {
        Some(verdict) if !verdict.allowed => Error::RateLimited { retry_after_s: verdict.reset_s }.into_response(),
        _ => work.await.into_response(),
    };
    if let Some(verdict) = counted {
        response.extensions_mut().insert(verdict);
    }
    response
}

/// Within which its idempotency keys are unique (R1).
pub fn scope(joiner: &Joiner<Full>) -> Result<String> {
    Ok(format!("reseller:{}", relationship(joiner)?))
}

/// Through the lane.
pub async fn place(joiner: &Joiner<Full>, order: Order, named: Option<Named>) -> Result<Answer> {
    let reseller = Id::from(relationship(joiner)?);
    let request = Request { caller: joiner.caller.clone(), reseller, lock: joiner.lock(), order, named };
    let app = Arc::clone(&joiner.app);
    let answer = app.fulfillments.submit(request).await;
    if matches!(answer, Err(Error::Unauthenticated(_))) {
        joiner.forget_caller();
    }
    answer
}

fn relationship(joiner: &Joiner<Full>) -> Result<uuid::Uuid> {
    joiner.caller.reseller.ok_or(Error::Unauthenticated(Unauthenticated::Invalid))
}

/// A line of an order in the reseller's own shop.
#[derive(ToSchema)]
#[schema(as = FulfillmentOrder)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct OrderBody {
    /// Your order's own id: with the product it names this fulfillment for ever. Asked for again, it is answered
    /// again, and nothing is debited.
    #[schema(max_length = 255, example = "order-1001")]
    external_order_id: String,
    product_id: String,
    #[schema(format = "email", example = "ada@example.com")]
    customer_email: String,
    variant_id: Option<String>,
    /// 1 unless said.
    #[schema(minimum = 1, maximum = 1_000)]
    quantity: Option<i64>,
    /// The same as the header `Idempotency-Key`.
    #[schema(max_length = 255, example = "order-1001-line-1")]
    idempotency_key: Option<String>,
    /// Refuses a unit price above it with `PRICE_CHANGED`.
    #[schema(value_type = Option<f64>)]
    max_unit_cost: Option<f64>,
}
