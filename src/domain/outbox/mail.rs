//! Mails: queued with ids alone, put into words only when they are sent ([`crate::worker`]).

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::sql;
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};

pub type MailId = Id<Mail>;

/// A mail is given up after this many attempts.
pub const MAIL_ATTEMPTS_MAX: i32 = 8;
/// How long a sender may take before another one takes over.
const MAIL_LEASE: Duration = Duration::seconds(60);
/// Stock that goes up and down around the threshold is told of this often.
const STOCK_TOLD: Duration = Duration::days(1);

/// What a mail says, and what its subject is: the words are the worker's, in one file a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// To the shop's owner. Its subject is the endpoint.
    EndpointDisabled,
    /// To who buys from a reseller, in that reseller's name (R42). Its subject is the fulfillment.
    FulfillmentDelivered,
    /// The same of codes that were given for bad ones.
    FulfillmentReplaced,
    OrderDelivered,
    /// The order is paid, and something of it is still to come.
    OrderPaid,
    /// Its subject is the refund.
    OrderRefunded,
    /// Its subject is the reset, from which its token is derived.
    PasswordReset,
    /// To the shop's owner. Its subject is the payout.
    PayoutFailed,
    ResellerInvited,
    /// To the shop's owner. Its subject is the product.
    StockLow,
    TopUpOpened,
}

impl Template {
    pub const ALL: [Self; 11] = [
        Self::EndpointDisabled,
        Self::FulfillmentDelivered,
        Self::FulfillmentReplaced,
        Self::OrderDelivered,
        Self::OrderPaid,
        Self::OrderRefunded,
        Self::PasswordReset,
        Self::PayoutFailed,
        Self::ResellerInvited,
        Self::StockLow,
        Self::TopUpOpened,
    ];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::EndpointDisabled => "endpoint_disabled",
            Self::FulfillmentDelivered => "fulfillment_delivered",
            Self::FulfillmentReplaced => "fulfillment_replaced",
            Self::OrderDelivered => "order_delivered",
            Self::OrderPaid => "order_paid",
            Self::OrderRefunded => "order_refunded",
            Self::PasswordReset => "password_reset",
            Self::PayoutFailed => "payout_failed",
            Self::ResellerInvited => "reseller_invited",
            Self::StockLow => "stock_low",
            Self::TopUpOpened => "top_up_opened",
        }
    }

    fn of(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|template| template.word() == word);
        found.ok_or_else(|| Error::Internal(format!("unknown mail template {word:?}")))
    }
}

/// A mail to be queued.
#[derive(Clone, Debug)]
pub struct NewMail {
    pub template: Template,
    pub subject_id: Uuid,
    pub recipient: String,
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

/// What became of an attempt, with the reason, which never quotes the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    Sent,
    /// To be tried again, while attempts are left.
    Later(&'a str),
    /// The recipient will never take it.
    Refused(&'a str),
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
    let queued =
        queue_mails(db, shop, env, &[NewMail { template, subject_id, recipient: recipient.to_owned() }]).await?;
    queued.first().copied().ok_or_else(|| Error::Internal("a mail was not queued".into()))
}

/// Queues mails, in one statement.
pub async fn queue_mails(db: &mut PgConnection, shop: Tenant, env: &Env, mails: &[NewMail]) -> Result<Vec<MailId>> {
    if mails.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<MailId> = mails.iter().map(|_| env.id()).collect();
    let mut rows = sql::MailRows { ids: ids.iter().map(|id| id.uuid()).collect(), ..sql::MailRows::default() };
    for mail in mails {
        rows.templates.push(mail.template.word().to_owned());
        rows.subjects.push(mail.subject_id);
        rows.recipients.push(mail.recipient.clone());
    }
    sql::insert_mails(db, shop.uuid(), &rows, env.now()).await?;
    Ok(ids)
}

/// Tells `owner` that little is left of a product, unless that was told within a day.
pub async fn stock_is_low(db: &mut PgConnection, shop: Tenant, env: &Env, product: Uuid, owner: &str) -> Result<()> {
    if !sql::told_of_stock(db, shop.uuid(), product, env.now() - STOCK_TOLD).await? {
        queue_mail(db, shop, env, Template::StockLow, product, owner).await?;
    }
    Ok(())
}

/// Shops with mail that is due, in the order of their ids and without a lock: the worker takes a few rows of
/// each in turn, so that one shop's backlog delays nobody else.
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
/// What may go later is tried again after 1, 2, 4 … minutes, [`MAIL_ATTEMPTS_MAX`] times in all.
pub async fn record_mail(db: &mut PgConnection, mail: &Mail, now: DateTime<Utc>, outcome: Outcome<'_>) -> Result<()> {
    let (state, error) = match outcome {
        Outcome::Sent => ("sent", None),
        Outcome::Later(why) if mail.attempt < MAIL_ATTEMPTS_MAX => ("queued", Some(why)),
        Outcome::Later(why) | Outcome::Refused(why) => ("failed", Some(why)),
    };
    let retry_at = now + Duration::minutes(1 << (mail.attempt - 1).clamp(0, 10));
    Ok(sql::record_mail(db, mail, state, error, now, retry_at).await?)
}

/// How many mails wait, and since when the oldest does, tried or not: for metrics.
pub async fn mail_backlog(db: &mut PgConnection) -> Result<(i64, Option<DateTime<Utc>>)> {
    Ok(sql::mail_backlog(db).await?)
}
