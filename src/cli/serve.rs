//! `keyhouse serve` and `keyhouse worker`: start, say what is happening, run, and stop in order.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::Connection as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::database::{self, Database};
use super::demo;
use crate::app::App;
use crate::config::Config;
use crate::http;
use crate::kit::postgres::{self, Cluster, Lifetime};
use crate::telemetry;
use crate::worker;

/// How often the embedded cluster is looked after.
const CLUSTER_WATCH: Duration = Duration::from_millis(500);

/// Migrates, serves every surface and runs the worker until told to stop.
pub async fn serve(config: Config, demo: bool) -> anyhow::Result<ExitCode> {
    let listener = bind(config.listen, "KEYHOUSE_LISTEN").await?;
    let address = listener.local_addr()?;
    let (app, database, introduction) = start(config, address, demo).await?;

    let interrupted = interrupted();
    say(&format!("Keyhouse {} is ready at {}", env!("CARGO_PKG_VERSION"), app.public_url));
    say(&app.mailer.describe());
    if let Some(introduction) = introduction {
        say(&introduction);
    }

    let (stop, stopping) = watch::channel(false);
    let worker = tokio::spawn(worker::run(app.clone(), stopping.clone()));
    let cluster = database.cluster.map(|cluster| tokio::spawn(keep_running(cluster, app.config.clone(), stopping)));
    let signalled = {
        let app = app.clone();
        async move {
            interrupted.await;
            app.start_draining();
        }
    };
    http::serve(app.clone(), listener, http::router(&app), signalled).await;
    eprintln!("keyhouse: stopping");
    finish(&app, &stop, worker, cluster).await
}

/// The worker alone; it tells how it is where it is asked to.
pub async fn work(config: Config) -> anyhow::Result<ExitCode> {
    let address = config.listen;
    let listener = match config.worker_listen {
        Some(address) => Some(bind(address, "KEYHOUSE_WORKER_LISTEN").await?),
        None => None,
    };
    let (app, database, _) = start(config, address, false).await?;
    let interrupted = interrupted();
    say(concat!("Keyhouse ", env!("CARGO_PKG_VERSION"), ": the worker is at work"));
    let (stop, stopping) = watch::channel(false);
    let worker = tokio::spawn(worker::run(app.clone(), stopping.clone()));
    let cluster = database.cluster.map(|cluster| tokio::spawn(keep_running(cluster, app.config.clone(), stopping)));
    match listener {
        Some(listener) => {
            say(&format!("Its health is ready at http://{}", listener.local_addr()?));
            http::serve(app.clone(), listener, http::watch_router(&app), interrupted).await;
        }
        None => interrupted.await,
    }
    finish(&app, &stop, worker, cluster).await
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen at {address}; set {setting} to another address"))
}

/// The database, its schema and secrets, the shared handles, and on a new database the demo shop.
async fn start(
    config: Config,
    address: SocketAddr,
    demo: bool,
) -> anyhow::Result<(Arc<App>, Database, Option<String>)> {
    telemetry::start_logs(&config.log, config.log_format)?;
    let metrics = telemetry::start_metrics()?;
    let database = Database::open(&config).await?;
    let mut db = database.connect().await?;
    database::migrate(&mut db).await?;
    let env = database::open_env(&config, &mut db).await?;
    let url = config.public_url(address);
    let wants_demo = demo || config.database_url.is_none();
    let introduction = if wants_demo { demo::create(&mut db, &env, &config.data_dir, &url).await? } else { None };
    db.close().await?;
    let (requests, worker) = database::pools(&config, &database.url)?;
    let files = App::file_store(&config)?;
    let demo = demo::recall(&env, &config.data_dir);
    let app = App::new(config, env, requests, worker, files, url, Some(metrics))?.with_demo(demo);
    Ok((Arc::new(app), database, introduction))
}

/// Tells whoever started us; a server does not fall over because nobody listens any more.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

async fn finish(
    app: &App,
    stop: &watch::Sender<bool>,
    worker: JoinHandle<()>,
    cluster: Option<JoinHandle<anyhow::Result<Cluster>>>,
) -> anyhow::Result<ExitCode> {
    let _ = stop.send(true);
    worker.await.context("the worker did not end well")?;
    app.drain_lanes().await;
    app.requests.close().await;
    app.worker.close().await;
    if let Some(cluster) = cluster {
        let cluster = cluster.await.context("the cluster's keeper did not end well")??;
        tokio::task::spawn_blocking(move || cluster.stop()).await??;
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the embedded cluster again where it went away: killed, or stopped by the process that owned it.
async fn keep_running(
    mut cluster: Cluster,
    config: Config,
    mut stopping: watch::Receiver<bool>,
) -> anyhow::Result<Cluster> {
    while !*stopping.borrow() {
        let settings = database::settings(&config, Lifetime::Attached);
        cluster = tokio::task::spawn_blocking(move || {
            if cluster.running() {
                return cluster;
            }
            tracing::warn!("the embedded Postgres went away; starting it again");
            match postgres::start(&settings) {
                Ok(started) => started,
                Err(e) => {
                    tracing::error!(error = %e, "the embedded Postgres did not start");
                    cluster
                }
            }
        })
        .await?;
        tokio::select! {
            () = tokio::time::sleep(CLUSTER_WATCH) => {}
            _ = stopping.changed() => {}
        }
    }
    Ok(cluster)
}

/// Until Ctrl-C or SIGTERM. A second one ends the process at once. They are listened for from the call
/// on, so that nobody who is told that we are ready stops us too early.
fn interrupted() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else { return std::future::pending().await };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(130);
        });
    }
}
