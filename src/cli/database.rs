//! The database a command works on: the one that is configured, or the embedded one; migrated, and
//! opened with its master key.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rand::rngs::ChaCha20Rng;
use secrecy::ExposeSecret as _;
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};

use super::arguments::DbCommand;
use crate::config::Config;
use crate::domain::data_keys::{self, Found};
use crate::kit::clock::Clock;
use crate::kit::env::Env;
use crate::kit::pool;
use crate::kit::postgres::{self, Cluster, Lifetime, Settings, Status};
use crate::kit::vault::MasterKey;

/// Every table, in the order in which they came.
pub static MIGRATIONS: Migrator = sqlx::migrate!();
/// A database that is just coming up gets this long before a command gives up.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);

/// An open database, and its cluster where it is the embedded one.
pub struct Database {
    pub url: String,
    pub cluster: Option<Cluster>,
}

impl Database {
    /// Finds or starts it.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        if let Some(url) = &config.database_url {
            return Ok(Self { url: url.expose_secret().to_owned(), cluster: None });
        }
        let settings = settings(config, Lifetime::Attached);
        let cluster = tokio::task::spawn_blocking(move || postgres::start(&settings)).await??;
        Ok(Self { url: cluster.url(postgres::NAME), cluster: Some(cluster) })
    }

    /// One connection, without the timeouts of requests: for migrations and commands.
    pub async fn connect(&self) -> anyhow::Result<PgConnection> {
        let options: sqlx::postgres::PgConnectOptions =
            self.url.parse().context("DATABASE_URL is not a Postgres address")?;
        let options = options.application_name("keyhouse");
        let deadline = tokio::time::Instant::now() + CONNECT_PATIENCE;
        loop {
            match PgConnection::connect_with(&options).await {
                Ok(connection) => return Ok(connection),
                Err(e @ (sqlx::Error::Io(_) | sqlx::Error::Database(_))) if tokio::time::Instant::now() >= deadline => {
                    return Err(e).context("the database does not answer; is DATABASE_URL right?");
                }
                Err(sqlx::Error::Io(_)) => tokio::time::sleep(Duration::from_millis(200)).await,
                Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("57P03") => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(e) => return Err(e).context("the database does not let us in; is DATABASE_URL right?"),
            }
        }
    }

    /// Lets go of the embedded cluster: stops it where we started it.
    pub async fn close(self) -> anyhow::Result<()> {
        if let Some(cluster) = self.cluster {
            tokio::task::spawn_blocking(move || cluster.stop()).await??;
        }
        Ok(())
    }
}

/// The embedded cluster's settings.
pub fn settings(config: &Config, lifetime: Lifetime) -> Settings {
    Settings { lifetime, on_progress: |line| eprintln!("  {line}"), ..Settings::durable(cluster_dir(config)) }
}

fn cluster_dir(config: &Config) -> PathBuf {
    config.data_dir.join("postgres")
}

/// Brings the schema up to date.
///
/// # Errors
/// Where the database is newer than this binary, or too old a Postgres.
pub async fn migrate(db: &mut PgConnection) -> anyhow::Result<()> {
    let version: i32 =
        sqlx::query_scalar("select current_setting('server_version_num')::int").fetch_one(&mut *db).await?;
    if version < 150_000 {
        bail!("the database is Postgres {}; Keyhouse needs 15 or newer", version / 10_000);
    }
    MIGRATIONS.run(db).await.context("migrations")
}

/// Time, chance and the secrets of this database. The data keys are made with an empty database, and
/// a start whose master key does not open them is refused.
pub async fn open_env(config: &Config, db: &mut PgConnection) -> anyhow::Result<Env> {
    let mut rng: ChaCha20Rng = rand::make_rng();
    let mut transaction = db.begin().await?;
    let file = config.data_dir.join("master.key");
    let given = given_master(config, &file)?;
    let master = match (data_keys::find(&mut transaction).await?, given) {
        (Found::SealedBy(id), Some(master)) if master.id() == id => master,
        (Found::SealedBy(id), Some(other)) => bail!(
            "this database needs the master key {id}; the one given is {}. Set KEYHOUSE_MASTER_KEY to the right one",
            other.id()
        ),
        (Found::SealedBy(id), None) => bail!(
            "this database needs the master key {id}, and none is here. \
             Set KEYHOUSE_MASTER_KEY, or put the key into {}",
            file.display()
        ),
        (Found::None, given) => {
            let master = match given {
                Some(master) => master,
                None => make_master(&file, &mut rng)?,
            };
            data_keys::create(&mut transaction, &master, &mut rng, Clock::System.now()).await?;
            master
        }
    };
    let (vault, signing) = data_keys::open(&mut transaction, &master, &mut rng, Clock::System.now()).await?;
    transaction.commit().await?;
    Ok(Env::new(Clock::System, rng, vault, Arc::new(signing)))
}

fn given_master(config: &Config, file: &Path) -> anyhow::Result<Option<MasterKey>> {
    let text = match &config.master_key {
        Some(key) => key.expose_secret().to_owned(),
        None if file.exists() => std::fs::read_to_string(file).with_context(|| file.display().to_string())?,
        None => return Ok(None),
    };
    let key = MasterKey::parse(&text).context("the master key must be 64 hexadecimal digits")?;
    Ok(Some(key))
}

fn make_master(file: &Path, rng: &mut ChaCha20Rng) -> anyhow::Result<MasterKey> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let key = MasterKey::generate(rng);
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    out.write_all(key.to_hex().as_bytes())?;
    out.sync_all()?;
    eprintln!("  made the master key {} ({}): keep a copy, nothing opens without it", key.id(), file.display());
    Ok(key)
}

/// `keyhouse migrate`.
pub async fn migrate_only(config: &Config) -> anyhow::Result<ExitCode> {
    let database = Database::open(config).await?;
    let mut db = database.connect().await?;
    migrate(&mut db).await?;
    println!("the database is at migration {}", MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0));
    db.close().await?;
    database.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// `keyhouse db …`.
pub fn command(config: &Config, command: DbCommand) -> anyhow::Result<ExitCode> {
    if config.database_url.is_some() {
        bail!("DATABASE_URL is set, so there is no embedded database to manage");
    }
    match command {
        DbCommand::Stop => {
            let stopped = postgres::stop(&cluster_dir(config))?;
            println!("{}", if stopped { "stopped" } else { "it was not running" });
        }
        DbCommand::Url | DbCommand::Start => {
            let url = match postgres::status(&cluster_dir(config)) {
                Status::Running { url, .. } => url,
                Status::Absent | Status::Stopped => {
                    postgres::start(&settings(config, Lifetime::Detached))?.url(postgres::NAME)
                }
            };
            println!("{url}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything a command needs to act on shops.
pub struct Session {
    pub database: Database,
    pub db: PgConnection,
    pub env: Env,
}

impl Session {
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let database = Database::open(config).await?;
        let mut db = database.connect().await?;
        migrate(&mut db).await?;
        let env = open_env(config, &mut db).await?;
        Ok(Self { database, db, env })
    }

    pub async fn close(self) -> anyhow::Result<()> {
        self.db.close().await?;
        self.database.close().await
    }
}

/// The two pools of a server.
pub fn pools(config: &Config, url: &str) -> anyhow::Result<(sqlx::PgPool, sqlx::PgPool)> {
    let options = pool::options(url).context("DATABASE_URL is not a Postgres address")?;
    let requests = pool::open(options.clone(), config.request_connections());
    Ok((requests, pool::open(options, config.pools.worker)))
}
