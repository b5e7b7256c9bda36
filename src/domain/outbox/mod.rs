//! What leaves the house after the commit: events and mails, written in the transaction of the thing
//! they tell of. A rolled-back sale leaves neither. Rows hold ids and figures, never a code. [`endpoints`] is
//! where events go, [`deliveries`] how far they got.

mod balance;
pub mod body;
pub mod deliveries;
pub mod endpoints;
mod event;
mod mail;
mod money;
mod reseller;
mod sql;

use sqlx::PgConnection;

pub use balance::{BalanceLowFacts, TopUpFacts};
pub use event::{CustomerFacts, Event, FulfillmentFacts, LicenseFacts, OrderFacts, ProductFacts};
pub use mail::{
    MAIL_ATTEMPTS_MAX, Mail, MailId, NewMail, Outcome, Template, lease_mails, mail_backlog, queue_mail, queue_mails,
    record_mail, shops_with_due_mail, stock_is_low,
};
pub use money::{PayoutFacts, RefundFacts, RefundedFacts};
pub use reseller::{ResellerAcceptedFacts, ResellerInvitedFacts};

use super::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::Id;

pub type EventId = Id<Event>;

/// Writes events down, in order, and a delivery for each endpoint that asks for one, in one statement.
pub async fn emit(db: &mut PgConnection, shop: Tenant, env: &Env, events: &[Event]) -> Result<()> {
    let mut rows = sql::Rows::default();
    for event in events {
        rows.ids.push(*env.id::<Event>());
        rows.topics.push(event.topic().to_owned());
        rows.subjects.push(event.subject());
        rows.payloads.push(serde_json::to_value(event).map_err(|e| Error::Internal(format!("event: {e}")))?);
    }
    Ok(sql::insert_events(db, shop.uuid(), &rows, env.now()).await?)
}
