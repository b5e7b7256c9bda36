//! The delivery mail, once more (R18).

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;

use super::{DeliveryState, Order, OrderId, delivery_of, sql};
use crate::domain::outbox::{self, Template};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;

/// Of one order (R18): whoever has the merchant's key cannot fill a buyer's mailbox.
pub const RESENDS_AN_HOUR: i64 = 5;

#[derive(Clone, Debug)]
pub struct Resent {
    pub sent_at: DateTime<Utc>,
    pub recipient: String,
    /// The first item's type.
    pub delivery_kind: String,
}

/// Queues the delivery mail again; it is rendered when it is sent, so it shows what is delivered by then. Also where
/// the shop had the buyer told nothing before: now it asks for it.
///
/// # Errors
/// [`Error::Invalid`] on `order` where nothing is delivered, nothing is paid, or all of it is refunded;
/// [`Error::RateLimited`] beyond [`RESENDS_AN_HOUR`].
pub async fn resend(db: &mut PgConnection, shop: Tenant, env: &Env, id: OrderId) -> Result<Resent> {
    let (order, items) = super::lock(db, shop, id).await?;
    if !order.status.is_paid() {
        return Err(nothing_to_send(&order));
    }
    if !items.iter().any(|item| item.delivery == DeliveryState::Delivered) {
        return Err(Error::invalid("order", "has nothing delivered yet"));
    }
    let now = env.now();
    let hour = Duration::hours(1);
    let before = sql::resent_since(db, shop.uuid(), *id, now - hour).await?;
    if before.len() >= usize::try_from(RESENDS_AN_HOUR).unwrap_or(usize::MAX) {
        let free_at = before.iter().min().map_or(now, |first| *first + hour);
        let retry_after_s = u64::try_from((free_at - now).num_seconds()).unwrap_or(0) + 1;
        return Err(Error::RateLimited { retry_after_s });
    }
    sql::record_resend(db, shop.uuid(), *id, now).await?;
    outbox::queue_mail(db, shop, env, Template::OrderDelivered, *id, &order.customer_email).await?;
    let delivery_kind = delivery_of(&order, &items).kind.to_owned();
    Ok(Resent { sent_at: now, recipient: order.customer_email, delivery_kind })
}

fn nothing_to_send(order: &Order) -> Error {
    Error::invalid("order", format!("is {}; only what is paid and not refunded is sent", order.status.word()))
}
