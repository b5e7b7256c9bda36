//! Mails go out: lease, put into words, send, record. A task of its own with a bounded number under way at
//! once, so that a slow mail server delays nothing but mails; no connection to the database is held while
//! one is sent, and its result counts only while its attempt number is still the newest. A mail that the
//! server took and whose record was lost goes out again, under the same Message-ID.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::{PAUSE, Stop, TICK, log, mail};
use crate::app::App;
use crate::domain::outbox::{self, Mail, Outcome};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::mailer::Unsent;

/// Mails under way get this long to leave once we are told to stop; one that does not is left to the next
/// worker, when its lease is over.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Works until told to stop, and then until the mails under way have left, within bounds.
pub async fn run(app: Arc<App>, bell: Arc<Notify>, mut stop: Stop) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sends = Sends::default();
    while !*stop.borrow() {
        tokio::select! {
            _ = tick.tick() => {}
            () = bell.notified() => tokio::time::sleep(PAUSE).await,
            () = sends.one_ends(), if !sends.is_idle() => {}
            _ = stop.changed() => continue,
        }
        log("send mails", sends.start(&app).await);
    }
    let finished = tokio::time::timeout(STOP_PATIENCE, async {
        while !sends.is_idle() {
            sends.one_ends().await;
        }
    });
    if finished.await.is_err() {
        tracing::warn!("mails were still on their way at the stop; they go out again");
    }
}

/// Sends every mail that is due; answers how many.
pub async fn settle(app: &Arc<App>) -> Result<usize> {
    let (mut sends, mut made) = (Sends::default(), 0);
    loop {
        let started = sends.start(app).await?;
        if started == 0 && sends.is_idle() {
            return Ok(made);
        }
        made += started;
        sends.one_ends().await;
    }
}

/// The mails under way.
#[derive(Default)]
struct Sends {
    running: JoinSet<()>,
    /// The shop that was served last: the next round begins after it.
    last: Option<Tenant>,
}

impl Sends {
    /// Starts as many due mails as there is room for, of each shop its share; answers how many.
    async fn start(&mut self, app: &Arc<App>) -> Result<usize> {
        let room = app.config.mail.concurrency.saturating_sub(self.running.len());
        if room == 0 {
            return Ok(0);
        }
        let mut leased = Vec::with_capacity(room);
        let mut db = app.worker.acquire().await?;
        let mut shops = outbox::shops_with_due_mail(&mut db, app.env.now()).await?;
        let next = shops.partition_point(|shop| self.last.is_some_and(|last| shop.uuid() <= last.uuid()));
        shops.rotate_left(next);
        let share = room.div_ceil(shops.len().max(1));
        for shop in shops {
            let limit = share.min(room - leased.len());
            if limit == 0 {
                break;
            }
            self.last = Some(shop);
            let limit = i64::try_from(limit).unwrap_or(1);
            leased.extend(outbox::lease_mails(&mut db, shop, app.env.now(), limit).await?);
        }
        drop(db);
        let started = leased.len();
        for mail in leased {
            let app = app.clone();
            self.running.spawn(async move { log("send a mail", send(&app, &mail).await) });
        }
        Ok(started)
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits for a mail to leave or not, if one is under way, and takes note of all that have.
    async fn one_ends(&mut self) {
        let mut ended = self.running.join_next().await;
        while let Some(one) = ended {
            if one.is_err() {
                tracing::error!("sending a mail panicked");
            }
            ended = self.running.try_join_next();
        }
    }
}

async fn send(app: &App, mail: &Mail) -> Result<()> {
    let sent = match mail::compose(app, mail).await {
        Ok(letter) => app.mailer.send(&letter).await,
        Err(e) => Err(Unsent::Passing(e.to_string())),
    };
    let reason = sent.as_ref().err().map(Unsent::reason).unwrap_or_default();
    let (outcome, word) = match &sent {
        Ok(()) => (Outcome::Sent, "sent"),
        Err(Unsent::Passing(_)) => (Outcome::Later(&reason), "later"),
        Err(Unsent::Refused(_)) => (Outcome::Refused(&reason), "refused"),
    };
    if sent.is_err() {
        tracing::warn!(mail = %mail.id, template = mail.template.word(), attempt = mail.attempt, reason, "a mail was not sent");
    }
    let labels = [("template", mail.template.word()), ("outcome", word)];
    metrics::counter!("mails_total", &labels).increment(1);
    let mut db = app.worker.acquire().await?;
    outbox::record_mail(&mut db, mail, app.env.now(), outcome).await
}
