//! What is told of money that goes out.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::event::{OrderFacts, sample_id, sample_order, sample_time};

/// The order after a refund of it, and the refund.
#[derive(Clone, Debug, Serialize)]
pub struct RefundedFacts {
    #[serde(flatten)]
    pub order: OrderFacts,
    pub refund: RefundFacts,
    pub fully_refunded: bool,
}

/// Never the shop's own note.
#[derive(Clone, Debug, Serialize)]
pub struct RefundFacts {
    pub id: Uuid,
    pub order_id: Uuid,
    pub status: &'static str,
    pub amount_cents: i64,
    pub reason: &'static str,
    pub destination_tx: Option<String>,
    pub created_at: DateTime<Utc>,
}

impl RefundedFacts {
    pub(super) fn sample() -> Self {
        let refund = RefundFacts {
            id: sample_id(7),
            order_id: sample_id(2),
            status: "completed",
            amount_cents: 4_900,
            reason: "requested_by_buyer",
            destination_tx: None,
            created_at: sample_time(),
        };
        Self { order: sample_order("refunded", true), refund, fully_refunded: true }
    }
}

/// A payout, as far as it is.
#[derive(Clone, Debug, Serialize)]
pub struct PayoutFacts {
    pub id: Uuid,
    pub status: &'static str,
    pub chain: &'static str,
    pub asset: String,
    pub amount_cents: i64,
    pub currency: &'static str,
    pub destination_address: String,
    /// Null until it is broadcast, as are the next four.
    pub tx_hash: Option<String>,
    pub asset_amount: Option<String>,
    pub rate: Option<String>,
    pub rate_source: Option<String>,
    pub rate_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub confirmed_at: Option<DateTime<Utc>>,
}

impl PayoutFacts {
    pub(super) fn sample(status: &'static str) -> Self {
        let sent = matches!(status, "broadcast" | "confirmed");
        let word = |word: &str| sent.then(|| word.to_owned());
        Self {
            id: sample_id(8),
            status,
            chain: "tron",
            asset: "USDT".into(),
            amount_cents: 4_900,
            currency: "USD",
            destination_address: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t".into(),
            tx_hash: word("2f1c8e0b5a7d4e3f9c6b1a0d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f"),
            asset_amount: word("48.99"),
            rate: word("1.0002"),
            rate_source: word("kraken"),
            rate_at: sent.then(sample_time),
            created_at: sample_time(),
            confirmed_at: (status == "confirmed").then(sample_time),
        }
    }
}
