//! Group commit: while one transaction is in flight, the requests that arrive wait together and share
//! the next one. No timer: who comes alone, goes alone.
//!
//! A lane is the second and last place that begins and commits (the first is the write door). It owns one
//! connection, outside the pool of the requests. It knows no tables: a room implements [`Work`]. The
//! items belong to the lane, so a client that goes away cancels nothing.

mod crew;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

use self::crew::Crew;
use crate::error::{Error, Result};

/// Four gained nothing on two cores (performance.md).
pub const LANES: usize = 2;
/// Larger groups gained nothing clear (performance.md).
pub const GROUP_MAX: usize = 64;
/// Beyond these waiting in one lane, who comes is told to come back.
pub const QUEUE_MAX: usize = 1_024;

/// What a room does for a group. All items of a group are of one shop, and the shared locks of their
/// callers' keys and of the shop are held when [`Work::load`] begins.
pub trait Work: Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Answer: Send + 'static;
    /// What the group has read, and what it will have changed.
    type Loaded: Send;

    /// As metrics call it.
    const NAME: &'static str;

    fn shop(&self, item: &Self::Item) -> Uuid;

    /// Items that contend for the same row have the same number, and so are decided in the order in
    /// which they came.
    fn number(&self, item: &Self::Item) -> u64;

    /// The advisory lock that revoking the caller takes exclusively.
    fn lock(&self, item: &Self::Item) -> Option<i64>;

    /// The advisory lock that is taken exclusively by who ends this work for the whole shop.
    fn shop_lock(&self, _shop: Uuid) -> Option<i64> {
        None
    }

    /// Whether running it again finds the first answer: it has an idempotency key.
    fn is_named(&self, item: &Self::Item) -> bool;

    /// Reads, in this order: the callers (a later statement than their locks), the rows that are
    /// contended for, locked and sorted by id, and the idempotency rows, which lie under those locks.
    fn load(
        &self,
        db: &mut PgConnection,
        shop: Uuid,
        items: &[&Self::Item],
    ) -> impl Future<Output = Result<Self::Loaded>> + Send;

    /// The answer to one item, in the order of arrival. An error changes nothing in `loaded` but the
    /// trail that its room asks for.
    fn decide(&self, loaded: &mut Self::Loaded, item: &Self::Item) -> Result<Self::Answer>;

    /// Writes what was decided, one statement a table. Answers whether it left work for the worker.
    fn write(
        &self,
        db: &mut PgConnection,
        shop: Uuid,
        loaded: Self::Loaded,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// The lanes of one kind of work.
pub struct Lanes<W: Work> {
    work: Arc<W>,
    all: Vec<Arc<Lane<W>>>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

struct Lane<W: Work> {
    queue: Mutex<Queue<W>>,
    arrived: Notify,
}

struct Queue<W: Work> {
    waiting: VecDeque<Waiting<W>>,
    closed: bool,
}

/// An item and where its answer goes.
struct Waiting<W: Work> {
    item: W::Item,
    answer: oneshot::Sender<Result<W::Answer>>,
}

impl<W: Work> Lanes<W> {
    /// Opens the lanes. `bell` is rung after a commit that left work behind. Within a runtime.
    #[must_use]
    pub fn open(work: W, options: &Arc<PgConnectOptions>, bell: &Arc<Notify>) -> Self {
        let work = Arc::new(work);
        let all: Vec<_> = (0..LANES).map(|_| Arc::new(Lane::default())).collect();
        let run = |lane: &Arc<Lane<W>>| {
            let crew = Crew::new(work.clone(), options.clone(), bell.clone());
            tokio::spawn(serve(lane.clone(), crew))
        };
        let running = Mutex::new(all.iter().map(run).collect());
        Self { work, all, running }
    }

    /// Queues the item and waits for its answer, which comes after its group's commit.
    ///
    /// # Errors
    /// What [`Work::decide`] refuses; [`Error::Unavailable`] where too many wait.
    pub async fn submit(&self, item: W::Item) -> Result<W::Answer> {
        let of = usize::try_from(self.work.number(&item) % self.all.len() as u64).unwrap_or(0);
        let answered = self.all[of].enter(item)?;
        // The sender is dropped unused only where the group panicked.
        answered.await.unwrap_or_else(|_| Err(Error::Internal(format!("a group of {} panicked", W::NAME))))
    }

    /// Takes nothing new, and returns when everything that waited is answered.
    pub async fn drain(&self) {
        self.close();
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for lane in running {
            if let Err(e) = lane.await {
                tracing::error!(error = %e, work = W::NAME, "a lane did not end well");
            }
        }
    }

    fn close(&self) {
        for lane in &self.all {
            lane.queue().closed = true;
            lane.arrived.notify_one();
        }
    }
}

impl<W: Work> Drop for Lanes<W> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<W: Work> Default for Lane<W> {
    fn default() -> Self {
        let queue = Queue { waiting: VecDeque::new(), closed: false };
        Self { queue: Mutex::new(queue), arrived: Notify::new() }
    }
}

impl<W: Work> Lane<W> {
    fn queue(&self) -> MutexGuard<'_, Queue<W>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, item: W::Item) -> Result<oneshot::Receiver<Result<W::Answer>>> {
        let (answer, answered) = oneshot::channel();
        {
            let mut queue = self.queue();
            if queue.closed || queue.waiting.len() >= QUEUE_MAX {
                metrics::counter!("lane_refused_total", "work" => W::NAME).increment(1);
                return Err(Error::Unavailable { retry_after_s: 1 });
            }
            queue.waiting.push_back(Waiting { item, answer });
        }
        self.arrived.notify_one();
        Ok(answered)
    }

    /// Everything of one shop that has arrived, up to [`GROUP_MAX`]; `None` when the lane is closed
    /// and empty.
    async fn next(&self, work: &W) -> Option<Vec<Waiting<W>>> {
        loop {
            {
                let mut queue = self.queue();
                if let Some(group) = queue.take(work) {
                    return Some(group);
                }
                if queue.closed {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }
}

impl<W: Work> Queue<W> {
    /// Whoever came first says which shop it is; those of other shops keep their places.
    fn take(&mut self, work: &W) -> Option<Vec<Waiting<W>>> {
        let shop = work.shop(&self.waiting.front()?.item);
        let (mut group, mut others) = (Vec::new(), Vec::new());
        while group.len() < GROUP_MAX
            && let Some(next) = self.waiting.pop_front()
        {
            let into = if work.shop(&next.item) == shop { &mut group } else { &mut others };
            into.push(next);
        }
        others.into_iter().rev().for_each(|other| self.waiting.push_front(other));
        Some(group)
    }
}

/// One lane's life. A group runs in a task of its own, so that a panic takes that group and its
/// connection with it, and nothing else.
async fn serve<W: Work>(lane: Arc<Lane<W>>, mut crew: Crew<W>) {
    while let Some(group) = lane.next(crew.work()).await {
        metrics::counter!("lane_groups_total", "work" => W::NAME).increment(1);
        metrics::counter!("lane_items_total", "work" => W::NAME).increment(group.len() as u64);
        let next_crew = crew.relief();
        crew = tokio::spawn(crew.answer(group)).await.unwrap_or_else(|_| {
            metrics::counter!("lane_panics_total", "work" => W::NAME).increment(1);
            tracing::error!(work = W::NAME, "a group panicked; the lane goes on");
            next_crew
        });
    }
}
