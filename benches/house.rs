//! The server as its own process, on a database of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::load;
use crate::process::Running;

pub const MASTER_KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// How much of everything.
pub struct Scale {
    /// Rows of a list, and codes of a pool.
    pub many: i64,
    /// Codes sold before P8.
    pub sold: i64,
    /// Licenses of a large shop.
    pub licenses: i64,
    /// Rows of a week in a trail of a hundred million.
    pub weekly: i64,
    /// Offered to one license.
    pub hot: u64,
    /// Events that wait for an endpoint that never answers.
    pub hanging: u64,
    /// Of one run.
    pub seconds: f64,
    pub warm_up_seconds: f64,
    pub rounds: usize,
    /// Of one run, should others disturb it.
    pub attempts: usize,
    pub claims: usize,
    pub imports: u64,
    pub starts: usize,
    /// Seconds that an old snapshot stays open.
    pub held: f64,
}

impl Scale {
    pub const FULL: Self = Self {
        many: 1_000_000,
        sold: 10_000_000,
        licenses: 10_000_000,
        weekly: 1_750_000,
        hot: 50_000,
        hanging: 10_000,
        seconds: 8.0,
        warm_up_seconds: 3.0,
        rounds: 3,
        attempts: 4,
        claims: 4_000,
        imports: 8,
        starts: 15,
        held: 600.0,
    };
    pub const QUICK: Self = Self {
        many: 20_000,
        sold: 50_000,
        licenses: 100_000,
        weekly: 20_000,
        hot: 2_000,
        hanging: 500,
        seconds: 1.0,
        warm_up_seconds: 0.5,
        rounds: 1,
        attempts: 1,
        claims: 500,
        imports: 2,
        starts: 3,
        held: 20.0,
    };
}

pub struct House {
    pub cluster: Cluster,
    pub scale: Scale,
}

impl House {
    /// A command of the release binary on a database, untouched by settings of the caller's.
    pub fn keyhouse(&self, database: &str) -> anyhow::Result<Command> {
        let dir = self.files_of(database);
        std::fs::create_dir_all(&dir)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyhouse"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KEYHOUSE_")) {
            command.env_remove(name);
        }
        command
            .env("DATABASE_URL", self.cluster.url(database))
            .env("KEYHOUSE_RATE_LIMITS", "off")
            .env("KEYHOUSE_LISTEN", "127.0.0.1:0")
            .env("KEYHOUSE_DATA_DIR", &dir)
            .env("KEYHOUSE_MASTER_KEY", MASTER_KEY)
            .env("KEYHOUSE_LOG", "warn")
            .current_dir(dir);
        Ok(command)
    }

    fn files_of(&self, database: &str) -> PathBuf {
        self.cluster.dir().join(database)
    }

    /// A new database with every table and no row.
    pub async fn migrated(&self, database: &str) -> anyhow::Result<PgConnection> {
        self.cluster.create(database).await?;
        Running::spawn(self.keyhouse(database)?.arg("migrate"))?.output().await?;
        self.cluster.connect(database).await
    }

    /// A new database, a shop in it, and a server that is ready.
    pub async fn open(&self, database: &'static str) -> anyhow::Result<Stage> {
        self.open_with(database, &[]).await
    }

    /// The same with settings of the server's.
    pub async fn open_with(&self, database: &'static str, settings: &[(&str, &str)]) -> anyhow::Result<Stage> {
        let mut db = self.migrated(database).await?;
        let mut create = self.keyhouse(database)?;
        let made = Running::spawn(create.args(["shop", "create", "--name", "Bench", "--json"]))?.output().await?;
        let made: serde_json::Value = serde_json::from_str(&made).context("what `shop create` printed")?;
        let key = |mode: &str| made["keys"][mode].as_str().map(str::to_owned).context("the shop lacks a key");
        let (key, test_key, developer_key) = (key("live")?, key("test")?, key("developer")?);
        let shop = sqlx::query_scalar("select id from shops where mode = 'live'").fetch_one(&mut db).await?;
        let mut server = Running::spawn(self.keyhouse(database)?.arg("serve").envs(settings.iter().copied()))?;
        let address = listening_address(&mut server).await?;
        let (status, body) = load::ask(address, &key, "/readyz").await?;
        ensure!(status == 200, "the server is not ready: {status} {body}");
        Ok(Stage { database, db, shop, key, test_key, developer_key, address, server })
    }

    pub async fn close(&self, stage: Stage) -> anyhow::Result<()> {
        let database = stage.database;
        drop(stage);
        self.cluster.remove(database).await
    }
}

/// One shop with its server and its database.
pub struct Stage {
    pub database: &'static str,
    pub db: PgConnection,
    pub shop: Uuid,
    pub key: String,
    /// Of its sandbox.
    pub test_key: String,
    /// Of the live shop.
    pub developer_key: String,
    pub address: SocketAddr,
    pub server: Running,
}

impl Stage {
    /// What the server answers to a GET, which must be a 200.
    pub async fn get(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        let (status, body) = load::ask(self.address, &self.key, path).await?;
        ensure!(status == 200, "{path}: {status} {body}");
        Ok(serde_json::from_str(&body)?)
    }
}

/// The server prints where it listens; what it prints later is read and dropped, so that it never waits.
async fn listening_address(server: &mut Running) -> anyhow::Result<SocketAddr> {
    let stdout = server.stdout()?;
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut tell = Some(tell);
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let address = line.split_once("http://").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
            if let Some(address) = address
                && let Some(tell) = tell.take()
            {
                let _ = tell.send(address);
            }
        }
    });
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, told).await.context("the server did not start")?.context("the server ended")
}
