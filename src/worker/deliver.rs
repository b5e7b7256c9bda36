//! Lease, send, record: a mail is rendered and sent with no connection held, and its result counts
//! only while its attempt number is still the newest.

use crate::app::App;
use crate::domain::outbox::{self, Mail};
use crate::error::Result;

use super::mail;

/// Taken at once from one shop, before the next shop's turn.
const MAILS_A_LEASE: i64 = 20;

/// Sends a few of each shop's due mails; answers how many were tried. There may be more: the bell is
/// rung for them, so that the worker gets to its other duties in between, however many there are.
pub async fn mails(app: &App) -> Result<usize> {
    let mut leased = Vec::new();
    {
        let mut db = app.worker.acquire().await?;
        for shop in outbox::shops_with_due_mail(&mut db, app.env.now()).await? {
            leased.extend(outbox::lease_mails(&mut db, shop, app.env.now(), MAILS_A_LEASE).await?);
        }
    }
    for mail in &leased {
        send(app, mail).await?;
    }
    if !leased.is_empty() {
        app.work.notify_one();
    }
    Ok(leased.len())
}

async fn send(app: &App, mail: &Mail) -> Result<()> {
    let sent = match mail::render(app, mail).await {
        Ok(message) => mail::write_file(&app.mail_dir(), mail.id, message).await,
        Err(e) => Err(e),
    };
    if let Err(e) = &sent {
        tracing::warn!(mail = %mail.id, attempt = mail.attempt, error = %e, "a mail was not sent");
    }
    metrics::counter!("mails_total", "outcome" => if sent.is_ok() { "sent" } else { "failed" }).increment(1);
    let text = sent.as_ref().err().map(ToString::to_string);
    let mut db = app.worker.acquire().await?;
    outbox::record_mail(&mut db, mail, app.env.now(), text.as_deref().map_or(Ok(()), Err)).await
}
