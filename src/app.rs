//! What everything shares: one value, made once, handed to every handler and to the worker.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore};

use crate::config::Config;
use crate::domain::keys::LastUsed;
use crate::domain::serials::Cursors;
use crate::kit::env::Env;
use crate::kit::limiter::Limiter;
use crate::kit::twins::Twins;

pub struct App {
    pub config: Config,
    /// Time, chance and the house's secrets.
    pub env: Env,
    /// For requests: as many connections as `permits`.
    pub requests: PgPool,
    /// A request waits here, before it is spawned, so that a client that leaves, leaves the queue.
    pub permits: Arc<Semaphore>,
    /// For the worker and the health checks.
    pub worker: PgPool,
    pub limiter: Limiter,
    pub twins: Twins,
    pub cursors: Cursors,
    pub last_used: LastUsed,
    /// Rung after each commit that may have left work behind.
    pub work: Notify,
    pub metrics: Option<PrometheusHandle>,
    /// Where clients reach us; without a trailing slash.
    pub public_url: String,
    draining: AtomicBool,
}

impl App {
    #[must_use]
    pub fn new(
        config: Config,
        env: Env,
        requests: PgPool,
        worker: PgPool,
        public_url: String,
        metrics: Option<PrometheusHandle>,
    ) -> Self {
        let permits = usize::try_from(requests.options().get_max_connections()).unwrap_or(8);
        Self {
            config,
            env,
            requests,
            permits: Arc::new(Semaphore::new(permits)),
            worker,
            limiter: Limiter::default(),
            twins: Twins::default(),
            cursors: Cursors::default(),
            last_used: LastUsed::default(),
            work: Notify::new(),
            metrics,
            public_url,
            draining: AtomicBool::new(false),
        }
    }

    /// Where mails go that no server is configured for.
    #[must_use]
    pub fn mail_dir(&self) -> PathBuf {
        self.config.data_dir.join("mail")
    }

    /// From now on `/readyz` is red, so that no balancer sends anything new.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
