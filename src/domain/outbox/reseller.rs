//! What is told of resellers (contract 5.1).

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::event::{sample_id, sample_time};

#[derive(Clone, Debug, Serialize)]
pub struct ResellerInvitedFacts {
    pub shop_id: Uuid,
    /// Null: there is no relationship before the invitation is accepted.
    pub reseller_relationship_id: Option<Uuid>,
    pub reseller_email: String,
    pub invitation_id: Uuid,
    pub email: String,
    pub mode: &'static str,
    pub expires_at: DateTime<Utc>,
}

impl ResellerInvitedFacts {
    pub(super) fn sample() -> Self {
        Self {
            shop_id: sample_id(9),
            reseller_relationship_id: None,
            reseller_email: "rae@example.com".into(),
            invitation_id: sample_id(6),
            email: "rae@example.com".into(),
            mode: "STOCK",
            expires_at: sample_time(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct ResellerAcceptedFacts {
    pub shop_id: Uuid,
    pub reseller_relationship_id: Uuid,
    pub reseller_email: String,
    pub invitation_id: Uuid,
    pub mode: &'static str,
    pub accepted_at: DateTime<Utc>,
}

impl ResellerAcceptedFacts {
    pub(super) fn sample() -> Self {
        Self {
            shop_id: sample_id(9),
            reseller_relationship_id: sample_id(5),
            reseller_email: "rae@example.com".into(),
            invitation_id: sample_id(6),
            mode: "STOCK",
            accepted_at: sample_time(),
        }
    }
}
