//! A durable, throw-away Postgres.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use keyhouse::kit::postgres::{self, Settings};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::say;

/// Measured runs are shorter than a checkpoint's interval, so none falls into one round of two.
const SETTINGS: [(&str, &str); 2] = [("max_wal_size", "4GB"), ("checkpoint_timeout", "30min")];
const SHARED_BUFFERS_MB: u32 = 512;

pub struct Cluster {
    /// `None` once it is stopped.
    postgres: Option<postgres::Cluster>,
    pub pid: u32,
    dir: PathBuf,
}

impl Cluster {
    pub async fn start() -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("keyhouse-bench-{}", std::process::id()));
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let settings = Settings {
            shared_buffers_mb: SHARED_BUFFERS_MB,
            on_progress: say,
            ..Settings::durable(dir.join("postgres"))
        };
        let started = tokio::task::spawn_blocking(move || postgres::start(&settings)).await?;
        let postgres = started.inspect_err(|_| drop(std::fs::remove_dir_all(&dir)))?;
        let cluster = Self { pid: postgres.pid(), postgres: Some(postgres), dir };
        let mut db = cluster.connect("postgres").await?;
        for (name, value) in SETTINGS {
            sqlx::raw_sql(AssertSqlSafe(format!("alter system set {name} = '{value}'"))).execute(&mut db).await?;
        }
        sqlx::raw_sql("select pg_reload_conf()").execute(&mut db).await?;
        Ok(cluster)
    }

    /// For the files of servers.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn url(&self, database: &str) -> String {
        self.postgres.as_ref().map_or_else(String::new, |postgres| postgres.url(database))
    }

    pub async fn connect(&self, database: &str) -> anyhow::Result<PgConnection> {
        PgConnection::connect(&self.url(database)).await.with_context(|| format!("connecting to {database}"))
    }

    pub async fn create(&self, database: &str) -> anyhow::Result<()> {
        let mut db = self.connect("postgres").await?;
        sqlx::raw_sql(AssertSqlSafe(format!("create database {database}"))).execute(&mut db).await?;
        Ok(())
    }

    /// Seeds are large, so each goes before the next comes.
    pub async fn remove(&self, database: &str) -> anyhow::Result<()> {
        let mut db = self.connect("postgres").await?;
        sqlx::raw_sql(AssertSqlSafe(format!("drop database {database} with (force)"))).execute(&mut db).await?;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(postgres) = self.postgres.take()
            && let Err(error) = postgres.stop()
        {
            say(&format!("{error}"));
        }
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            say(&format!("{} stays: {error}", self.dir.display()));
        }
    }
}
