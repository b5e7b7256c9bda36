//! An order in this surface's words: decimals of major units, upper-case states, unix seconds. What this
//! house does not have (affiliates, taxes, subscriptions) is null or zero, as published clients expect.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::orders::{self, DeliveryState, Details, Goods, Item, Method, Status};
use crate::domain::payments::Gateway;
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::money::{Cents, Currency, Percent};

#[derive(Debug, Serialize, ToSchema)]
pub struct Order {
    id: String,
    uniqid: String,
    shop_id: String,
    customer_id: String,
    customer_email: String,
    /// Null, as the next two: this house has no affiliates.
    affiliate_link_id: Option<String>,
    affiliate_customer_id: Option<String>,
    affiliate_code: Option<String>,
    #[schema(value_type = f64, example = 0)]
    affiliate_discount_amount: Number,
    #[schema(example = "USD")]
    currency: &'static str,
    /// `PENDING`, `COMPLETED`, `VOIDED` or `REFUNDED`.
    #[schema(example = "COMPLETED")]
    status: &'static str,
    /// How far its delivery is, in words.
    status_details: String,
    /// The same as `status`.
    payment_status: &'static str,
    #[schema(example = "MANUAL")]
    gateway: Option<String>,
    blockchain: Option<String>,
    /// Null.
    apm_method: Option<String>,
    /// `CHECKOUT`, or `MANUAL_CONFIRMATION` where the shop confirms the payment itself.
    flow_type: &'static str,
    provider_reference: Option<String>,
    /// Null.
    provider_reference_type: Option<String>,
    /// Major units, as all amounts here.
    #[schema(value_type = f64, example = 49.0)]
    subtotal: Number,
    #[schema(value_type = f64)]
    discount: Number,
    #[schema(value_type = f64)]
    discount_display: Number,
    #[schema(value_type = f64)]
    tax: Number,
    #[schema(value_type = f64, example = 0)]
    tax_percentage: Number,
    #[schema(value_type = f64, example = 49.0)]
    total: Number,
    #[schema(value_type = f64, example = 49.0)]
    total_display: Number,
    #[schema(value_type = f64)]
    refunded: Number,
    exchange_rate: i64,
    /// Null.
    #[schema(value_type = Option<f64>)]
    crypto_exchange_rate: Option<Number>,
    /// Zero: customers have no balance here.
    #[schema(value_type = f64)]
    balance_paid_amount: Number,
    coupon_id: Option<String>,
    /// Null.
    subscription_id: Option<String>,
    custom_fields: BTreeMap<String, String>,
    is_developer_invoice: bool,
    /// Null.
    developer_title: Option<String>,
    checkout_url: String,
    items: Vec<OrderItem>,
    /// Unix seconds, as all instants here.
    created_at: i64,
    updated_at: i64,
    paid_at: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OrderItem {
    id: String,
    product_id: String,
    product_title: String,
    /// `SERIALS`, `SERVICE`, `DYNAMIC`, `FILE` or `SUBSCRIPTION`.
    #[schema(example = "SERIALS")]
    product_type: &'static str,
    variant_title: Option<String>,
    quantity: i32,
    #[schema(value_type = f64)]
    unit_price: Number,
    #[schema(value_type = f64)]
    total: Number,
    /// Null.
    delivery_instructions: Option<String>,
    /// Null.
    delivery_instructions_label: Option<String>,
    /// Null until delivered, and in lists. Serials are never in it.
    delivered_items: Option<DeliveredItems>,
}

/// What was handed over.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveredItems {
    service_text: Option<String>,
    dynamic_response: Option<String>,
    /// Keys of its licenses, but for those that are one of its serials.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    license_keys: Vec<String>,
}

impl Order {
    pub async fn load(
        db: &mut PgConnection,
        app: &App,
        shop: Tenant,
        order: &orders::Order,
        items: &[Item],
    ) -> Result<Self> {
        let goods = orders::goods(db, shop, &app.env, order, items).await?;
        let details = orders::details(db, shop, &[order.id]).await?.remove(&order.id);
        let details = details.ok_or(Error::NotFound("order"))?;
        let handed = items.iter().zip(goods).map(|(item, goods)| OrderItem::of(item, Some(goods), order.currency));
        Ok(Self::of(app, shop, order, details, handed.collect(), status_details(order, items)))
    }

    /// As lists show it: nothing of what was handed over.
    pub fn listed(app: &App, shop: Tenant, order: &orders::Order, items: &[Item], details: Details) -> Self {
        let shown = items.iter().map(|item| OrderItem::of(item, None, order.currency)).collect();
        Self::of(app, shop, order, details, shown, status_details(order, items))
    }

    fn of(
        app: &App,
        shop: Tenant,
        order: &orders::Order,
        details: Details,
        items: Vec<OrderItem>,
        status_details: String,
    ) -> Self {
        let amount = |cents: Cents| order.currency.major(cents);
        let status = Shown::of(order.status).word();
        Self {
            id: order.id.to_string(),
            uniqid: order.id.uuid().to_string(),
            shop_id: shop.uuid().to_string(),
            customer_id: order.customer.uuid().to_string(),
            customer_email: order.customer_email.clone(),
            affiliate_link_id: None,
            affiliate_customer_id: None,
            affiliate_code: None,
            affiliate_discount_amount: amount(Cents::ZERO),
            currency: order.currency.code(),
            status,
            status_details,
            payment_status: status,
            gateway: order.gateway.map(|gateway| gateway.word().to_uppercase()),
            blockchain: order.payment.as_ref().and_then(|payment| payment.chain.clone()),
            apm_method: None,
            flow_type: if order.gateway == Some(Gateway::Manual) { "MANUAL_CONFIRMATION" } else { "CHECKOUT" },
            provider_reference: order.payment.as_ref().and_then(|payment| payment.tx_hash.clone()),
            provider_reference_type: None,
            subtotal: amount(order.subtotal),
            discount: amount(order.discount),
            discount_display: amount(order.discount),
            tax: amount(Cents::ZERO),
            tax_percentage: Percent::default().number(),
            total: amount(order.total),
            total_display: amount(order.total),
            refunded: amount(order.refunded),
            exchange_rate: 1,
            crypto_exchange_rate: None,
            balance_paid_amount: amount(Cents::ZERO),
            coupon_id: None,
            subscription_id: None,
            custom_fields: details.custom_fields,
            is_developer_invoice: false,
            developer_title: None,
            checkout_url: format!("{}/checkout/{}", app.public_url, order.id.uuid()),
            items,
            created_at: order.created_at().timestamp(),
            updated_at: details.updated_at.timestamp(),
            paid_at: order.paid_at.map(|at| at.timestamp()),
        }
    }
}

impl OrderItem {
    fn of(item: &Item, goods: Option<Goods>, currency: Currency) -> Self {
        let handed = goods.filter(|_| item.delivery == DeliveryState::Delivered).map(|goods| {
            let dynamic = item.method == Method::Dynamic;
            let (dynamic_response, service_text) = if dynamic { (goods.text, None) } else { (None, goods.text) };
            let license_keys = goods.license_keys.iter().map(|key| key.as_str().to_owned()).collect();
            DeliveredItems { service_text, dynamic_response, license_keys }
        });
        Self {
            id: item.id.uuid().to_string(),
            product_id: item.product.uuid().to_string(),
            product_title: item.product_name.clone(),
            product_type: product_type(&item.kind),
            variant_title: None,
            quantity: item.quantity,
            unit_price: currency.major(item.unit),
            total: currency.major(item.subtotal),
            delivery_instructions: None,
            delivery_instructions_label: None,
            delivered_items: handed,
        }
    }
}

/// Contract 9.2: one record, two vocabularies. The last four are words of the published documents that no order
/// of this house is ever shown as; lists take them, and find none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Pending,
    Completed,
    Voided,
    Refunded,
    Partial,
    WaitingForConfirmations,
    CustomerDisputeOngoing,
    Reversed,
}

impl Shown {
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("PENDING", Self::Pending),
        ("COMPLETED", Self::Completed),
        ("VOIDED", Self::Voided),
        ("REFUNDED", Self::Refunded),
        ("PARTIAL", Self::Partial),
        ("WAITING_FOR_CONFIRMATIONS", Self::WaitingForConfirmations),
        ("CUSTOMER_DISPUTE_ONGOING", Self::CustomerDisputeOngoing),
        ("REVERSED", Self::Reversed),
    ];

    const fn of(status: Status) -> Self {
        match status {
            Status::Pending | Status::AwaitingPayment => Self::Pending,
            Status::Paid | Status::Delivering | Status::Completed => Self::Completed,
            Status::Failed => Self::Voided,
            Status::Refunded => Self::Refunded,
        }
    }

    /// All that are shown as one of these.
    pub fn statuses(shown: &[Self]) -> Vec<Status> {
        Status::WORDS.iter().map(|(_, status)| *status).filter(|status| shown.contains(&Self::of(*status))).collect()
    }

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, shown)| *shown == self).map_or("", |(word, _)| word)
    }
}

/// The same ruling, for what a `/v1` product type is called here.
fn product_type(kind: &str) -> &'static str {
    match kind {
        "file_download" => "FILE",
        "dynamic" => "DYNAMIC",
        "physical" => "SERVICE",
        "subscription" => "SUBSCRIPTION",
        _ => "SERIALS",
    }
}

fn status_details(order: &orders::Order, items: &[Item]) -> String {
    let words = match (order.status, orders::delivery_of(order, items).state) {
        (Status::Pending | Status::AwaitingPayment, _) => "Waiting for the payment",
        (Status::Failed, _) => "Not paid",
        (Status::Refunded, _) | (_, DeliveryState::Cancelled) => "Refunded",
        (_, DeliveryState::Delivered) if order.top_up.is_some() => "Credited to the balance",
        (_, DeliveryState::Delivered) => "Fulfilled",
        (_, DeliveryState::Pending) => "Paid, being delivered",
        (_, DeliveryState::AwaitingStock) => "Paid, waits for stock",
        (_, DeliveryState::Failed) => "Paid, the delivery failed",
    };
    match &order.note {
        Some(note) => format!("{words}: {note}"),
        None => words.to_owned(),
    }
}
