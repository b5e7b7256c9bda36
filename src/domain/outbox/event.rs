//! One enum, one variant a topic: subscriptions, samples and documentation come from here.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::balance::{BalanceLowFacts, TopUpFacts};
use super::money::{PayoutFacts, RefundedFacts};
use super::reseller::{ResellerAcceptedFacts, ResellerInvitedFacts};
use crate::kit::id::Entity;

/// Something that happened, as told to others. Payloads are what was true at that moment.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Event {
    CustomerCreated(CustomerFacts),
    LicenseActivated(LicenseFacts),
    LicenseCreated(LicenseFacts),
    LicenseExpired(LicenseFacts),
    LicenseHwidReset(LicenseFacts),
    LicenseLimitExceeded(LicenseFacts),
    LicenseStatusChanged(LicenseFacts),
    OrderCreated(OrderFacts),
    OrderDelivered(OrderFacts),
    OrderFailed(OrderFacts),
    OrderPaid(OrderFacts),
    OrderRefunded(RefundedFacts),
    PayoutBroadcast(PayoutFacts),
    PayoutConfirmed(PayoutFacts),
    PayoutFailed(PayoutFacts),
    PayoutQueued(PayoutFacts),
    ProductArchived(ProductFacts),
    ProductCreated(ProductFacts),
    ProductUpdated(ProductFacts),
    ResellerBalanceLow(BalanceLowFacts),
    ResellerTopUpPaid(TopUpFacts),
    ResellerAccepted(ResellerAcceptedFacts),
    ResellerFulfillmentDelivered(FulfillmentFacts),
    ResellerInvited(ResellerInvitedFacts),
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

/// Never a code.
#[derive(Clone, Debug, Serialize)]
pub struct FulfillmentFacts {
    pub id: Uuid,
    pub reseller_relationship_id: Uuid,
    pub reseller_email: String,
    pub external_order_id: String,
    pub product_id: Uuid,
    pub quantity: i32,
    pub customer_email: String,
    pub total_cents: i64,
    pub currency: &'static str,
}

/// Never the key.
#[derive(Clone, Debug, Serialize)]
pub struct LicenseFacts {
    pub id: Uuid,
    pub product_id: Uuid,
    pub invoice_id: Option<Uuid>,
    pub status: &'static str,
    pub hardware_id: Option<String>,
    pub uses: i64,
    pub max_uses: Option<i64>,
    pub expires_at: Option<DateTime<Utc>>,
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
    pub slug: String,
    pub r#type: &'static str,
    pub price_cents: i64,
    pub currency: &'static str,
    pub status: &'static str,
    pub created_at: DateTime<Utc>,
}

/// One row a variant: its topic, what it means, and the facts of a sample. The matches have no wildcard,
/// so a variant without its row does not compile.
macro_rules! topics {
    ($($topic:literal: $variant:ident($facts:expr), $meaning:literal;)*) => {
        impl Event {
            #[must_use]
            pub const fn topic(&self) -> &'static str {
                match self { $(Self::$variant(_) => $topic),* }
            }

            /// For its documentation.
            #[must_use]
            pub const fn meaning(&self) -> &'static str {
                match self { $(Self::$variant(_) => $meaning),* }
            }

            /// One of each, by topic: for documentation, and for trying an endpoint.
            #[must_use]
            pub fn samples() -> Vec<Self> {
                vec![$(Self::$variant($facts)),*]
            }
        }
    };
}

topics! {
    "customer.created": CustomerCreated(sample_customer()), "Somebody bought here for the first time: a new address.";
    "license:activated": LicenseActivated(sample_license("ACTIVE")), "A license was bound to its machine.";
    "license:created": LicenseCreated(sample_license("ACTIVE")), "There is a new license: by hand, or for a unit that was sold.";
    "license:expired": LicenseExpired(sample_license("EXPIRED")), "Its date passed, and somebody tried to use it.";
    "license:hwid_reset": LicenseHwidReset(sample_license("ACTIVE")), "It is bound to no machine any more; the next one binds it.";
    "license:limit_exceeded": LicenseLimitExceeded(sample_license("ACTIVE")), "It was used as often as it may be. Told once, until the limit changes.";
    "license:status_changed": LicenseStatusChanged(sample_license("SUSPENDED")), "Somebody changed its status.";
    "order.created": OrderCreated(sample_order("awaiting_payment", false)), "A checkout was opened, and its stock set aside.";
    "order.delivered": OrderDelivered(sample_order("completed", true)), "Everything that was bought is in the buyer's hands.";
    "order.failed": OrderFailed(sample_order("failed", false)), "It was not paid in time, or the payment was declined; its stock is free again.";
    "order.paid": OrderPaid(sample_order("paid", true)), "The money is there. A late payment can make it follow `order.failed`.";
    "order.refunded": OrderRefunded(RefundedFacts::sample()), "Money went back to the buyer: `refund` says how much, `fully_refunded` whether all of it.";
    "payout.broadcast": PayoutBroadcast(PayoutFacts::sample("broadcast")), "The payout is on its way: its transaction is sent, at this rate.";
    "payout.confirmed": PayoutConfirmed(PayoutFacts::sample("confirmed")), "The payout has arrived.";
    "payout.failed": PayoutFailed(PayoutFacts::sample("failed")), "The payout failed; its amount can be paid out again.";
    "payout.queued": PayoutQueued(PayoutFacts::sample("queued")), "A payout was asked for, and its amount is held.";
    "product.archived": ProductArchived(sample_product("archived")), "It is sold no more; its past orders stay.";
    "product.created": ProductCreated(sample_product("active")), "There is a new product.";
    "product.updated": ProductUpdated(sample_product("active")), "Its name, price, description or status changed.";
    "reseller:accepted": ResellerAccepted(ResellerAcceptedFacts::sample()), "Somebody accepted an invitation: there is a new reseller.";
    "reseller:api_fulfillment_delivered": ResellerFulfillmentDelivered(sample_fulfillment()), "A reseller's own shop sold codes, and has them.";
    "reseller:balance_low": ResellerBalanceLow(BalanceLowFacts::sample()), "A reseller's prepaid balance fell below one of its thresholds. Told once each time.";
    "reseller:invited": ResellerInvited(ResellerInvitedFacts::sample()), "Somebody was invited to the reseller program, or once more.";
    "reseller:top_up_paid": ResellerTopUpPaid(TopUpFacts::sample()), "A reseller has paid in; the amount is in its prepaid balance.";
}

fn sample_fulfillment() -> FulfillmentFacts {
    FulfillmentFacts {
        id: sample_id(6),
        reseller_relationship_id: sample_id(5),
        reseller_email: "grace@example.com".into(),
        external_order_id: "order-1001".into(),
        product_id: sample_id(3),
        quantity: 1,
        customer_email: "ada@example.com".into(),
        total_cents: 3_900,
        currency: "USD",
    }
}

fn sample_customer() -> CustomerFacts {
    CustomerFacts { id: sample_id(1), email: "ada@example.com".into(), first_seen_at: sample_time() }
}

fn sample_license(status: &'static str) -> LicenseFacts {
    LicenseFacts {
        id: sample_id(4),
        product_id: sample_id(3),
        invoice_id: Some(sample_id(2)),
        status,
        hardware_id: (status == "ACTIVE").then(|| "7C4A-91D0-WS12".into()),
        uses: 3,
        max_uses: Some(3),
        expires_at: Some(sample_time()),
    }
}

pub(super) fn sample_order(status: &'static str, paid: bool) -> OrderFacts {
    OrderFacts {
        id: sample_id(2),
        status,
        total_cents: 4_900,
        currency: "USD",
        customer_email: "ada@example.com".into(),
        paid_at: paid.then(sample_time),
    }
}

fn sample_product(status: &'static str) -> ProductFacts {
    ProductFacts {
        id: sample_id(3),
        name: "Studio Pro, one seat".into(),
        slug: "studio-pro-one-seat".into(),
        r#type: "license_key",
        price_cents: 4_900,
        currency: "USD",
        status,
        created_at: sample_time(),
    }
}

pub(super) const fn sample_id(number: u128) -> Uuid {
    Uuid::from_u128(0x019e_6326_1542_7000_8000_5a1e_0000_0000 + number)
}

pub(super) fn sample_time() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_779_779_883)
}

impl Event {
    /// The sample of a topic; `None` for what is no topic.
    #[must_use]
    pub fn sample(topic: &str) -> Option<Self> {
        Self::samples().into_iter().find(|event| event.topic() == topic)
    }

    #[must_use]
    pub const fn subject(&self) -> Uuid {
        match self {
            Self::CustomerCreated(facts) => facts.id,
            Self::LicenseActivated(facts)
            | Self::LicenseCreated(facts)
            | Self::LicenseExpired(facts)
            | Self::LicenseHwidReset(facts)
            | Self::LicenseLimitExceeded(facts)
            | Self::LicenseStatusChanged(facts) => facts.id,
            Self::OrderCreated(facts)
            | Self::OrderDelivered(facts)
            | Self::OrderFailed(facts)
            | Self::OrderPaid(facts) => facts.id,
            Self::OrderRefunded(facts) => facts.order.id,
            Self::PayoutBroadcast(facts)
            | Self::PayoutConfirmed(facts)
            | Self::PayoutFailed(facts)
            | Self::PayoutQueued(facts) => facts.id,
            Self::ResellerFulfillmentDelivered(facts) => facts.id,
            Self::ProductArchived(facts) | Self::ProductCreated(facts) | Self::ProductUpdated(facts) => facts.id,
            Self::ResellerBalanceLow(facts) => facts.reseller_relationship_id,
            Self::ResellerTopUpPaid(facts) => facts.invoice_id,
            Self::ResellerAccepted(facts) => facts.reseller_relationship_id,
            Self::ResellerInvited(facts) => facts.invitation_id,
        }
    }
}
