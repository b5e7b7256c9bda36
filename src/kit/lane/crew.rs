//! Who carries a group through its transaction, and what becomes of it where that fails: rolled back and
//! run one by one, so that only the guilty item fails; repeated after a deadlock or a lost connection;
//! and where the answer to COMMIT was lost, found out or honestly not known.

use std::fmt::Write as _;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Waiting, Work};
use crate::error::{Error, Result};

pub(super) struct Crew<W: Work> {
    work: Arc<W>,
    options: Arc<PgConnectOptions>,
    bell: Arc<Notify>,
    /// The lane's own; made when it is first needed, and given up when its state is in doubt.
    db: Option<PgConnection>,
}

/// Why a group has no answers.
enum Failed {
    /// The database does not let us in.
    Away,
    /// Nothing of it has happened.
    Undone(Error),
    /// The answer to COMMIT was lost.
    Unknown,
}

type Answers<W> = Vec<Result<<W as Work>::Answer>>;

impl<W: Work> Crew<W> {
    pub fn new(work: Arc<W>, options: Arc<PgConnectOptions>, bell: Arc<Notify>) -> Self {
        Self { work, options, bell, db: None }
    }

    pub fn work(&self) -> &W {
        &self.work
    }

    /// The same without a connection, should this one be lost with its group.
    pub fn relief(&self) -> Self {
        Self::new(self.work.clone(), self.options.clone(), self.bell.clone())
    }

    pub async fn answer(mut self, group: Vec<Waiting<W>>) -> Self {
        let items: Vec<&W::Item> = group.iter().map(|waiting| &waiting.item).collect();
        let answers = self.together(&items).await;
        for (waiting, answer) in group.into_iter().zip(answers) {
            let _ = waiting.answer.send(answer); // a client that left is not waiting any more
        }
        self
    }

    async fn together(&mut self, items: &[&W::Item]) -> Answers<W> {
        let away = || Err(Error::Unavailable { retry_after_s: 1 });
        let failed = match self.twice(items).await {
            Ok(answers) => return answers,
            Err(Failed::Away) => return items.iter().map(|_| away()).collect(),
            Err(Failed::Undone(error)) if items.len() == 1 => return vec![Err(error)],
            Err(failed) => failed,
        };
        metrics::counter!("lane_fallbacks_total", "work" => W::NAME).increment(1);
        if let Failed::Undone(error) = &failed {
            tracing::warn!(error = %error, items = items.len(), work = W::NAME, "a group runs one by one");
        }
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            let knowable = matches!(failed, Failed::Undone(_)) || self.work.is_named(item);
            answers.push(if knowable { self.alone(item).await } else { Err(Error::Unknown) });
        }
        answers
    }

    /// A transaction of its own for one item.
    async fn alone(&mut self, item: &W::Item) -> Result<W::Answer> {
        let mut done = self.twice(&[item]).await;
        if matches!(done, Err(Failed::Unknown)) && self.work.is_named(item) {
            done = self.twice(&[item]).await; // meets the row that the first one left, or works afresh
        }
        match done {
            Ok(mut one) => one.pop().unwrap_or_else(|| Err(Error::Internal("a group of one has no answer".into()))),
            Err(Failed::Away) => Err(Error::Unavailable { retry_after_s: 1 }),
            Err(Failed::Undone(error)) => Err(error),
            Err(Failed::Unknown) => Err(Error::Unknown),
        }
    }

    /// Once more after a deadlock or a connection that broke before COMMIT was sent.
    async fn twice(&mut self, items: &[&W::Item]) -> Result<Answers<W>, Failed> {
        match self.attempt(items).await {
            Err(Failed::Undone(error)) if error.is_retryable() => {
                tracing::info!(error = %error, work = W::NAME, "a group runs again");
                metrics::counter!("lane_retries_total", "work" => W::NAME).increment(1);
                self.attempt(items).await
            }
            done => done,
        }
    }

    async fn attempt(&mut self, items: &[&W::Item]) -> Result<Answers<W>, Failed> {
        let Some(first) = items.first() else { return Ok(Vec::new()) };
        let shop = self.work.shop(first);
        // Out of its place until it is known to be sound again.
        let mut db = self.connection().await?;
        let begin = sqlx::AssertSqlSafe(self.begin_sql(shop, items));
        let mut transaction = db.begin_with(begin).await.map_err(|e| Failed::Undone(e.into()))?;
        let worked = async {
            let mut loaded = self.work.load(&mut transaction, shop, items).await?;
            let answers: Answers<W> = items.iter().map(|item| self.work.decide(&mut loaded, item)).collect();
            let rings = self.work.write(&mut transaction, shop, loaded).await?;
            Ok((answers, rings))
        }
        .await;
        let done = match worked {
            Ok((answers, rings)) => match transaction.commit().await.map_err(Error::from) {
                Ok(()) => Ok((answers, rings)),
                Err(error) if error.is_connection_loss() => return Err(Failed::Unknown),
                Err(error) => Err(Failed::Undone(error)),
            },
            // What went wrong matters more than a rollback that fails on a connection already lost.
            Err(error) => match transaction.rollback().await {
                Ok(()) => Err(Failed::Undone(error)),
                Err(_) => return Err(Failed::Undone(error)),
            },
        };
        self.db = Some(db);
        let (answers, rings) = done?;
        if rings {
            self.bell.notify_one();
        }
        Ok(answers)
    }

    async fn connection(&mut self) -> Result<PgConnection, Failed> {
        if let Some(db) = self.db.take() {
            return Ok(db);
        }
        PgConnection::connect_with(&*self.options).await.map_err(|error| {
            tracing::error!(error = %error, work = W::NAME, "the database does not let a lane in");
            Failed::Away
        })
    }

    /// One round trip: begin, and the locks of the callers' keys and of the shop, sorted, so that two groups
    /// cannot deadlock in them. A later statement reads what they guard.
    fn begin_sql(&self, shop: Uuid, items: &[&W::Item]) -> String {
        let mut locks: Vec<i64> = items.iter().filter_map(|item| self.work.lock(item)).collect();
        locks.extend(self.work.shop_lock(shop));
        locks.sort_unstable();
        locks.dedup();
        let mut sql = String::from("begin");
        for (i, lock) in locks.iter().enumerate() {
            let _ = write!(sql, "{} pg_advisory_xact_lock_shared({lock})", if i == 0 { "; select" } else { "," });
        }
        sql
    }
}
