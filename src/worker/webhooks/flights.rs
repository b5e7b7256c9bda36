//! The attempts under way, and whose they are.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::task::{Id, JoinSet};

use super::attempt;
use crate::app::App;
use crate::domain::outbox::deliveries::{self, Due, EndpointState};
use crate::domain::outbox::endpoints::EndpointId;
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::worker::log;

/// Attempts under way at once: each may last its deadline, and holds no connection meanwhile. With 64 KiB of an
/// answer each, 16 MiB at the very most.
const ATTEMPTS_MAX: usize = 256;
/// Of them, one shop's.
const ATTEMPTS_A_SHOP: usize = 64;
/// Of them, one endpoint's.
const ATTEMPTS_AN_ENDPOINT: usize = 16;
/// The same, while it fails: enough to notice that it is back, too few to keep anybody waiting.
const ATTEMPTS_A_FAILING_ENDPOINT: usize = 2;
/// Endpoints that one question for what is due answers with.
const ENDPOINTS_AT_ONCE: i64 = 64;

type Whose = (Tenant, EndpointId);

#[derive(Default)]
pub struct Flights {
    running: JoinSet<()>,
    whose: HashMap<Id, Whose>,
    of_endpoint: HashMap<Whose, usize>,
    of_shop: HashMap<Tenant, usize>,
    /// The endpoint that was looked at last: the next round begins after it.
    last: Option<Whose>,
    /// Something was due, and there was no room for it.
    held_back: bool,
}

impl Flights {
    /// Starts as many due attempts as there is room for, once round all endpoints; answers how many. Where there
    /// is no more room, the next round begins with who was left out.
    pub async fn start(&mut self, app: &Arc<App>) -> Result<usize> {
        while let Some(ended) = self.running.try_join_next_with_id() {
            self.note(ended);
        }
        self.held_back = false;
        let (before, begun) = (self.running.len(), self.last);
        let mut oldest = app.env.now();
        let mut complete = self.round(app, begun, None, &mut oldest).await?;
        if complete && begun.is_some() {
            complete = self.round(app, None, begun, &mut oldest).await?;
        }
        if complete {
            self.last = None;
        }
        let lag_ms = (app.env.now() - oldest).num_milliseconds();
        #[expect(clippy::cast_precision_loss, clippy::float_arithmetic, reason = "a figure for people")]
        metrics::gauge!("outbox_lag_seconds").set(lag_ms as f64 / 1_000.0);
        Ok(self.running.len() - before)
    }

    /// From after one endpoint up to another one; answers whether it came that far.
    async fn round(
        &mut self,
        app: &Arc<App>,
        mut after: Option<Whose>,
        until: Option<Whose>,
        oldest: &mut DateTime<Utc>,
    ) -> Result<bool> {
        let place = |(shop, endpoint): Whose| (shop.uuid(), endpoint.uuid());
        loop {
            let mut db = app.worker.acquire().await?;
            let mut due = deliveries::due(&mut db, app.env.now(), after, ENDPOINTS_AT_ONCE).await?;
            drop(db);
            let more = i64::try_from(due.len()).is_ok_and(|count| count == ENDPOINTS_AT_ONCE);
            due.retain(|due| until.is_none_or(|until| place((due.shop, due.endpoint)) <= place(until)));
            for of_shop in due.chunk_by(|one, next| one.shop == next.shop) {
                *oldest = of_shop.iter().map(|due| due.since).fold(*oldest, Ord::min);
                if self.running.len() >= ATTEMPTS_MAX {
                    self.held_back = true;
                    return Ok(false);
                }
                log("start attempts of a shop", self.take(app, of_shop).await);
                self.last = of_shop.last().map(|due| (due.shop, due.endpoint));
            }
            after = due.last().map(|due| (due.shop, due.endpoint));
            if !more || after.is_none() || after == until {
                return Ok(true);
            }
        }
    }

    /// Takes a few of each endpoint of one shop.
    async fn take(&mut self, app: &Arc<App>, due: &[Due]) -> Result<()> {
        let shop = due[0].shop;
        let closed: Vec<_> =
            due.iter().filter(|due| due.state == EndpointState::Closed).map(|due| due.endpoint).collect();
        let mut db = app.worker.acquire().await?;
        if !closed.is_empty() {
            deliveries::cancel_closed(&mut db, shop, app.env.now(), &closed).await?;
        }
        let room = self.room(due);
        if room.is_empty() {
            return Ok(());
        }
        let leased = deliveries::lease(&mut db, shop, app.env.now(), &room).await?;
        drop(db);
        for (endpoint, own) in room {
            let taken = leased.iter().filter(|delivery| delivery.endpoint == endpoint).count();
            self.held_back |= i32::try_from(taken).is_ok_and(|taken| taken == own);
        }
        for delivery in leased {
            let (whose, app) = ((shop, delivery.endpoint), app.clone());
            let task = self.running.spawn(async move { attempt::make(&app, &delivery).await });
            self.whose.insert(task.id(), whose);
            *self.of_endpoint.entry(whose).or_default() += 1;
            *self.of_shop.entry(shop).or_default() += 1;
        }
        Ok(())
    }

    /// How many of each endpoint of one shop may start now: what the shop has left is shared out evenly.
    fn room(&mut self, due: &[Due]) -> Vec<(EndpointId, i32)> {
        let shop = due[0].shop;
        let under_way = self.of_shop.get(&shop).copied().unwrap_or(0);
        let mut left = ATTEMPTS_A_SHOP.saturating_sub(under_way).min(ATTEMPTS_MAX - self.running.len());
        let mut room = Vec::new();
        for (n, one) in due.iter().enumerate() {
            let bound = match one.state {
                EndpointState::Good => ATTEMPTS_AN_ENDPOINT,
                EndpointState::Failing => ATTEMPTS_A_FAILING_ENDPOINT,
                EndpointState::Closed => continue,
            };
            let under_way = self.of_endpoint.get(&(shop, one.endpoint)).copied().unwrap_or(0);
            let own = bound.saturating_sub(under_way).min(left.div_ceil(due.len() - n));
            left -= own;
            if own == 0 {
                self.held_back = true;
            } else {
                room.push((one.endpoint, i32::try_from(own).unwrap_or(1)));
            }
        }
        room
    }

    /// Whether the end of an attempt makes room for another.
    pub fn held_back(&self) -> bool {
        self.held_back && !self.is_idle()
    }

    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits for an attempt to end, if there is one.
    pub async fn one_ends(&mut self) {
        if let Some(ended) = self.running.join_next_with_id().await {
            self.note(ended);
        }
    }

    /// Waits for all of them.
    pub async fn end(&mut self) {
        while !self.is_idle() {
            self.one_ends().await;
        }
    }

    fn note(&mut self, ended: std::result::Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(panicked) => {
                tracing::error!("an attempt panicked");
                panicked.id()
            }
        };
        let Some(whose) = self.whose.remove(&id) else { return };
        less(&mut self.of_endpoint, &whose);
        less(&mut self.of_shop, &whose.0);
    }
}

fn less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
