//! What is told of prepaid balances (contract R34).

use serde::Serialize;
use uuid::Uuid;

use super::event::sample_id;

#[derive(Clone, Debug, Serialize)]
pub struct BalanceLowFacts {
    pub shop_id: Uuid,
    pub reseller_relationship_id: Uuid,
    pub reseller_email: String,
    pub threshold_cents: i64,
    pub balance_cents: i64,
    pub currency: &'static str,
}

impl BalanceLowFacts {
    pub(super) fn sample() -> Self {
        Self {
            shop_id: sample_id(9),
            reseller_relationship_id: sample_id(5),
            reseller_email: "rae@example.com".into(),
            threshold_cents: 5_000,
            balance_cents: 4_100,
            currency: "USD",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct TopUpFacts {
    pub shop_id: Uuid,
    pub reseller_relationship_id: Uuid,
    pub reseller_email: String,
    pub invoice_id: Uuid,
    pub amount_cents: i64,
    pub currency: &'static str,
    /// Whether the invoice was opened by itself.
    pub auto_top_up: bool,
}

impl TopUpFacts {
    pub(super) fn sample() -> Self {
        Self {
            shop_id: sample_id(9),
            reseller_relationship_id: sample_id(5),
            reseller_email: "rae@example.com".into(),
            invoice_id: sample_id(2),
            amount_cents: 20_000,
            currency: "USD",
            auto_top_up: false,
        }
    }
}
