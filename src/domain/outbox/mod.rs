//! What leaves the house after the commit: events and mails, written in the transaction of the thing
//! they tell of. A rolled-back sale leaves neither. Rows hold ids and figures, never a code.

mod balance;
mod event;
mod reseller;
mod sql;

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use balance::{BalanceLowFacts, TopUpFacts};
pub use event::{CustomerFacts, Event, FulfillmentFacts, LicenseFacts, OrderFacts, ProductFacts};
pub use reseller::{ResellerAcceptedFacts, ResellerInvitedFacts};

use super::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};

pub type EventId = Id<Event>;
pub type MailId = Id<Mail>;

/// A mail is given up after this many attempts.
pub const MAIL_ATTEMPTS_MAX: i32 = 8;
/// How long a sender may take before another one takes over.
const MAIL_LEASE: Duration = Duration::seconds(60);

/// Which template a mail is rendered from, at the moment of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    OrderDelivered,
    TopUpOpened,
    /// Its subject is the reset, from which its token is derived.
    PasswordReset,
    ResellerInvited,
}

impl Template {
    const fn word(self) -> &'static str {
        match self {
            Self::OrderDelivered => "order_delivered",
            Self::TopUpOpened => "top_up_opened",
            Self::PasswordReset => "password_reset",
            Self::ResellerInvited => "reseller_invited",
        }
    }

    fn of(word: &str) -> Result<Self> {
        match word {
            "order_delivered" => Ok(Self::OrderDelivered),
            "top_up_opened" => Ok(Self::TopUpOpened),
            "password_reset" => Ok(Self::PasswordReset),
            "reseller_invited" => Ok(Self::ResellerInvited),
            other => Err(Error::Internal(format!("unknown mail template {other:?}"))),
        }
    }
}

/// A mail under lease: to be rendered, sent, and recorded with the same attempt number.
#[derive(Clone, Debug)]
pub struct Mail {
    pub id: MailId,
    pub shop: Tenant,
    pub template: Template,
    pub subject_id: Uuid,
    pub recipient: String,
    pub attempt: i32,
}

impl Entity for Mail {
    const PREFIX: &'static str = "mail";
}

/// Writes events down, in order, in one statement.
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

/// Queues a mail; it is rendered only when it is sent.
pub async fn queue_mail(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    template: Template,
    subject_id: Uuid,
    recipient: &str,
) -> Result<MailId> {
    let id = env.id::<Mail>();
    sql::insert_mail(db, shop.uuid(), *id, template.word(), subject_id, recipient, env.now()).await?;
    Ok(id)
}

/// Shops with mail that is due, without a lock: the worker takes a few rows of each in turn, so that
/// one shop's backlog delays nobody else.
pub async fn shops_with_due_mail(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Tenant>> {
    Ok(sql::shops_with_due_mail(db, now).await?.into_iter().map(Tenant::new).collect())
}

/// Takes up to `limit` due mails of one shop for a minute: the lease of one sender.
pub async fn lease_mails(db: &mut PgConnection, shop: Tenant, now: DateTime<Utc>, limit: i64) -> Result<Vec<Mail>> {
    let rows = sql::lease_mails(db, shop.uuid(), now, now + MAIL_LEASE, limit).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Mail {
                id: Id::from(row.id),
                shop,
                template: Template::of(&row.template)?,
                subject_id: row.subject_id,
                recipient: row.recipient,
                attempt: row.attempt,
            })
        })
        .collect()
}

/// Records what became of an attempt, unless a later lease has taken the mail over.
///
/// A failure is tried again after 1, 2, 4 … minutes, [`MAIL_ATTEMPTS_MAX`] times in all.
pub async fn record_mail(
    db: &mut PgConnection,
    mail: &Mail,
    now: DateTime<Utc>,
    outcome: std::result::Result<(), &str>,
) -> Result<()> {
    let (state, error) = match outcome {
        Ok(()) => ("sent", None),
        Err(error) if mail.attempt < MAIL_ATTEMPTS_MAX => ("queued", Some(error)),
        Err(error) => ("failed", Some(error)),
    };
    let retry_at = now + Duration::minutes(1 << (mail.attempt - 1).clamp(0, 10));
    Ok(sql::record_mail(db, mail, state, error, now, retry_at).await?)
}

/// How many mails wait, and since when the oldest is due: for readiness and metrics.
pub async fn mail_backlog(db: &mut PgConnection) -> Result<(i64, Option<DateTime<Utc>>)> {
    Ok(sql::mail_backlog(db).await?)
}
