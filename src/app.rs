//! What everything shares: one value, made once, handed to every handler and to the worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::SecretString;
use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore};

use crate::config::Config;
use crate::domain::accounts::Hashing;
use crate::domain::fulfillments::Fulfillments;
use crate::domain::keys::{Known, LastUsed};
use crate::domain::licenses::{Throttled, Validations};
use crate::domain::payments::Gateways;
use crate::domain::payouts::Broadcasters;
use crate::domain::serials::Cursors;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::file_store::{Bucket, FileStore};
use crate::kit::lane::Lanes;
use crate::kit::limiter::Limiter;
use crate::kit::places::Places;
use crate::kit::pool;
use crate::kit::twins::Twins;
use crate::kit::web_address::{Reach, WebAddress};
use crate::mailer::Mailer;
use crate::outbound::{GOODS_DEADLINE, Outbound, WEBHOOK_DEADLINE, Webhooks};

/// Below the data directory: mails that are files, where there is no mail server.
pub const MAIL_DIR: &str = "mail";

pub struct App {
    pub config: Config,
    /// Time, chance and the house's secrets.
    pub env: Arc<Env>,
    /// For requests: as many connections as `permits`.
    pub requests: PgPool,
    /// A request waits here, before it is spawned, so that a client that leaves, leaves the queue.
    pub permits: Arc<Semaphore>,
    /// For the worker and the health checks.
    pub worker: PgPool,
    pub limiter: Arc<Limiter>,
    pub files: FileStore,
    pub gateways: Gateways,
    /// Who sends payouts.
    pub broadcasters: Broadcasters,
    /// Asks merchants' addresses for goods.
    pub outbound: Outbound,
    /// Tells merchants' addresses of events.
    pub webhooks: Webhooks,
    pub mailer: Mailer,
    pub twins: Twins,
    /// Of people's passwords.
    pub passwords: Hashing,
    pub cursors: Arc<Cursors>,
    pub last_used: LastUsed,
    /// Who keys are, for the lanes.
    pub known: Known,
    /// Attempts on licenses that a limit refused.
    pub throttled: Arc<Throttled>,
    pub validations: Lanes<Validations>,
    pub fulfillments: Lanes<Fulfillments>,
    /// Rung after each commit that may have left work behind.
    pub work: Arc<Notify>,
    pub metrics: Option<PrometheusHandle>,
    /// Where clients reach us; without a trailing slash.
    pub public_url: String,
    /// What the reference fills in on a demo install.
    pub demo: Option<Demo>,
    draining: AtomicBool,
}

/// The demo shop's sandbox: its keys of test mode, never a live one, and its product.
#[derive(Clone, Debug)]
pub struct Demo {
    pub merchant: SecretString,
    pub developer: SecretString,
    pub product: String,
}

impl App {
    /// Within a runtime: the lanes run in tasks of their own.
    ///
    /// # Errors
    /// Where the outbound client cannot be set up, or the mail server's certificate cannot be read.
    pub fn new(
        config: Config,
        env: Env,
        requests: PgPool,
        worker: PgPool,
        files: FileStore,
        public_url: String,
        metrics: Option<PrometheusHandle>,
    ) -> Result<Self> {
        let (env, limiter, work) = (Arc::new(env), Arc::new(Limiter::default()), Arc::new(Notify::new()));
        let throttled = Arc::new(Throttled::default());
        let validations = Validations {
            env: env.clone(),
            limiter: limiter.clone(),
            throttled: throttled.clone(),
            failures_max: config.rate_limits.then_some(config.limits.validation_failures),
        };
        let cursors = Arc::new(Cursors::default());
        let fulfillments = Fulfillments { env: env.clone(), cursors: cursors.clone(), places: Places::default() };
        let options = Arc::new(pool::for_lanes(&requests.connect_options()));
        let validations = Lanes::open(validations, &options, &work);
        let fulfillments = Lanes::open(fulfillments, &options, &work);
        let gateways = Gateways::new(config.sandbox_secret.clone());
        let reach = if config.allow_private_webhooks { Reach::Loopback } else { Reach::Public };
        let mailer = Mailer::new(&config.mail, config.data_dir.join(MAIL_DIR))?;
        let permits = usize::try_from(requests.options().get_max_connections()).unwrap_or(8);
        Ok(Self {
            config,
            env,
            requests,
            permits: Arc::new(Semaphore::new(permits)),
            worker,
            limiter,
            files,
            gateways,
            broadcasters: Broadcasters::default(),
            outbound: Outbound::new(reach, GOODS_DEADLINE)?,
            webhooks: Webhooks::new(Outbound::new(reach, WEBHOOK_DEADLINE)?),
            mailer,
            twins: Twins::default(),
            passwords: Hashing::default(),
            cursors,
            last_used: LastUsed::default(),
            known: Known::default(),
            throttled,
            validations,
            fulfillments,
            work,
            metrics,
            public_url,
            demo: None,
            draining: AtomicBool::new(false),
        })
    }

    /// # Errors
    /// [`Error::Invalid`] on `field` for an address that is further out than this server calls.
    pub fn may_call(&self, field: &str, address: Option<&WebAddress>) -> Result<()> {
        match address.map(|address| WebAddress::parse(address.as_str(), self.reach())) {
            Some(Err(refused)) => Err(Error::invalid(field, refused)),
            _ => Ok(()),
        }
    }

    /// Answers whoever waits in a lane; new ones are told to come back.
    pub async fn drain_lanes(&self) {
        tokio::join!(self.validations.drain(), self.fulfillments.drain());
    }

    /// Where files are kept that products sell: the bucket that is set, or a directory of the data's.
    pub fn file_store(config: &Config) -> Result<FileStore> {
        match &config.files.bucket {
            None => FileStore::in_directory(&config.data_dir.join("files")),
            Some(bucket) => FileStore::in_bucket(&Bucket {
                name: &bucket.name,
                region: &bucket.region,
                endpoint: bucket.endpoint.as_deref(),
                access_key_id: &bucket.access_key_id,
                secret_access_key: &bucket.secret_access_key,
            }),
        }
    }

    #[must_use]
    pub fn with_demo(self, demo: Option<Demo>) -> Self {
        Self { demo, ..self }
    }

    /// How far calls to addresses that merchants gave may go.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.outbound.reach()
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
