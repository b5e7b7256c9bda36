//! Asks merchants' addresses for the goods of what was paid: lease, call, record. A task of its own with
//! a bounded number of calls at once, few of them one shop's, so that whoever hangs delays nobody else.

mod call;
mod request;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio::time::MissedTickBehavior;

use super::{Stop, TICK, log};
use crate::app::App;
use crate::domain::dynamic;
use crate::domain::shops::Tenant;
use crate::error::Result;

/// Calls under way at once: each may last [`crate::outbound`]'s deadline, and holds no connection meanwhile.
const CALLS_MAX: usize = 16;
/// Of them, one shop's.
const CALLS_A_SHOP: usize = 2;

/// Works until told to stop, and then until the calls under way have ended: their deadline bounds that.
pub async fn run(app: Arc<App>, bell: Arc<Notify>, mut stop: Stop) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut calls = Calls::default();
    while !*stop.borrow() {
        tokio::select! {
            _ = tick.tick() => {}
            () = bell.notified() => {}
            () = calls.one_ends(), if !calls.is_idle() => {}
            _ = stop.changed() => continue,
        }
        log("start dynamic calls", calls.start(&app).await);
    }
    calls.end().await;
}

/// Makes every call that is due; answers how many.
pub async fn settle(app: &Arc<App>) -> Result<usize> {
    let (mut calls, mut made) = (Calls::default(), 0);
    loop {
        let started = calls.start(app).await?;
        if started == 0 && calls.is_idle() {
            return Ok(made);
        }
        made += started;
        calls.one_ends().await;
    }
}

/// The calls under way, and whose they are.
#[derive(Default)]
struct Calls {
    running: JoinSet<()>,
    shops: HashMap<Id, Tenant>,
    /// The shop that was served last: the next round begins after it.
    last: Option<Tenant>,
}

impl Calls {
    /// Starts as many due calls as there is room for; answers how many.
    async fn start(&mut self, app: &Arc<App>) -> Result<usize> {
        if self.room() == 0 {
            return Ok(0);
        }
        let before = self.running.len();
        let mut db = app.worker.acquire().await?;
        let mut shops = dynamic::shops_with_due(&mut db, app.env.now()).await?;
        let next = shops.partition_point(|shop| self.last.is_some_and(|last| shop.uuid() <= last.uuid()));
        shops.rotate_left(next);
        for shop in shops {
            let own = self.shops.values().filter(|whose| **whose == shop).count();
            let room = CALLS_A_SHOP.saturating_sub(own).min(self.room());
            if room == 0 {
                continue;
            }
            self.last = Some(shop);
            let limit = i64::try_from(room).unwrap_or(1);
            for leased in dynamic::lease(&mut db, shop, app.env.now(), limit).await? {
                let app = app.clone();
                let task = self.running.spawn(async move { call::make(&app, &leased).await });
                self.shops.insert(task.id(), shop);
            }
        }
        Ok(self.running.len() - before)
    }

    fn room(&self) -> usize {
        CALLS_MAX - self.running.len()
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits for a call to end, if there is one.
    async fn one_ends(&mut self) {
        match self.running.join_next_with_id().await {
            Some(Ok((id, ()))) => drop(self.shops.remove(&id)),
            Some(Err(panicked)) => {
                tracing::error!("a dynamic call panicked");
                self.shops.remove(&panicked.id());
            }
            None => {}
        }
    }

    async fn end(&mut self) {
        while !self.is_idle() {
            self.one_ends().await;
        }
    }
}
