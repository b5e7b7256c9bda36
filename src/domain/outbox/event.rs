//! One enum, one variant a topic: subscriptions, samples and documentation come from here.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::kit::id::Entity;

/// Something that happened, as told to others. Payloads are what was true at that moment.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Event {
    CustomerCreated(CustomerFacts),
    OrderCreated(OrderFacts),
    OrderDelivered(OrderFacts),
    OrderFailed(OrderFacts),
    OrderPaid(OrderFacts),
    ProductArchived(ProductFacts),
    ProductCreated(ProductFacts),
    ProductUpdated(ProductFacts),
}

impl Entity for Event {
    const PREFIX: &'static str = "evt";
}

#[derive(Clone, Debug, Serialize)]
pub struct CustomerFacts {
    pub id: Uuid,
    pub email: String,
    pub first_seen_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Serialize)]
pub struct OrderFacts {
    pub id: Uuid,
    pub status: &'static str,
    pub total_cents: i64,
    pub currency: &'static str,
    pub customer_email: String,
    pub paid_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ProductFacts {
    pub id: Uuid,
    pub name: String,
    pub r#type: &'static str,
    pub price_cents: i64,
    pub currency: &'static str,
    pub status: &'static str,
}

impl Event {
    #[must_use]
    pub const fn topic(&self) -> &'static str {
        match self {
            Self::CustomerCreated(_) => "customer.created",
            Self::OrderCreated(_) => "order.created",
            Self::OrderDelivered(_) => "order.delivered",
            Self::OrderFailed(_) => "order.failed",
            Self::OrderPaid(_) => "order.paid",
            Self::ProductArchived(_) => "product.archived",
            Self::ProductCreated(_) => "product.created",
            Self::ProductUpdated(_) => "product.updated",
        }
    }

    #[must_use]
    pub const fn subject(&self) -> Uuid {
        match self {
            Self::CustomerCreated(facts) => facts.id,
            Self::OrderCreated(facts)
            | Self::OrderDelivered(facts)
            | Self::OrderFailed(facts)
            | Self::OrderPaid(facts) => facts.id,
            Self::ProductArchived(facts) | Self::ProductCreated(facts) | Self::ProductUpdated(facts) => facts.id,
        }
    }
}
