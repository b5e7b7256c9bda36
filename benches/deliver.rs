//! The other end of webhooks: this program again, as a process of its own. It makes events through the API,
//! receives them, and tells how long each was on its way: from the answer, which follows the commit at once, to
//! the first byte that arrives. What arrives before the answer counts as no time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::load;
use crate::process::Running;

const CONNECTIONS: usize = 32;
/// After the last event was made.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    pub address: SocketAddr,
    pub key: String,
    /// Events that wait for an endpoint that never answers, before anything is measured.
    pub hanging: u64,
    /// Endpoints that answer at once: each hears of every event.
    pub healthy: usize,
    pub per_second: f64,
    pub seconds: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub events: u64,
    /// Events times endpoints.
    pub deliveries: u64,
    /// That never came.
    pub missing: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Plan {
    /// Runs it in another process.
    pub async fn run(&self) -> anyhow::Result<Outcome> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--deliver").arg(serde_json::to_string(self)?);
        let told = Running::spawn(&mut command)?.output().await.context("the receiver")?;
        Ok(serde_json::from_str(&told)?)
    }
}

/// When each product's event came to each endpoint, by product and path.
type Arrivals = Arc<Mutex<HashMap<(String, String), Instant>>>;

/// The other process: runs the plan and prints the outcome.
pub fn generate(plan: &str) -> anyhow::Result<()> {
    let plan: Plan = serde_json::from_str(plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(drive(&plan))?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

async fn drive(plan: &Plan) -> anyhow::Result<Outcome> {
    if plan.hanging > 0 {
        let tar_pit = TcpListener::bind("127.0.0.1:0").await?;
        register(plan, tar_pit.local_addr()?, "hanging").await?;
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = tar_pit.accept().await {
                held.push(stream);
            }
        });
        make(plan, Due::All(plan.hanging)).await?;
    }
    let (listener, arrivals) = (TcpListener::bind("127.0.0.1:0").await?, Arrivals::default());
    let own = listener.local_addr()?;
    tokio::spawn(receive(listener, arrivals.clone()));
    for n in 0..plan.healthy {
        register(plan, own, &n.to_string()).await?;
    }
    let answered = make(plan, Due::Paced).await?;
    let expected = answered.len() * plan.healthy;
    let patience = Instant::now() + PATIENCE;
    while arrived(&arrivals) < expected && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    measure(plan, &answered, &arrivals)
}

fn arrived(arrivals: &Arrivals) -> usize {
    arrivals.lock().map_or(0, |arrivals| arrivals.len())
}

fn measure(plan: &Plan, answered: &HashMap<String, Instant>, arrivals: &Arrivals) -> anyhow::Result<Outcome> {
    let arrivals = arrivals.lock().map_err(|_| anyhow::anyhow!("a receiver panicked"))?;
    let (mut micros, mut missing) = (Histogram::<u64>::new(3)?, 0);
    for (product, answered) in answered {
        for n in 0..plan.healthy {
            match arrivals.get(&(product.clone(), n.to_string())) {
                Some(at) => micros.record(u64::try_from(at.saturating_duration_since(*answered).as_micros())?)?,
                None => missing += 1,
            }
        }
    }
    let at = |quantile| micros.value_at_quantile(quantile) as f64 / 1_000.0;
    let (events, deliveries) = (answered.len() as u64, micros.len());
    Ok(Outcome { events, deliveries, missing, p50_ms: at(0.5), p99_ms: at(0.99) })
}

async fn register(plan: &Plan, at: SocketAddr, path: &str) -> anyhow::Result<()> {
    let body = serde_json::json!({ "url": format!("http://{at}/{path}"), "events": ["product.created"] });
    load::post(plan.address, &plan.key, "/v1/webhooks", body.to_string()).await.map(drop)
}

#[derive(Clone, Copy)]
enum Due {
    /// As fast as it goes.
    All(u64),
    /// At the plan's pace.
    Paced,
}

/// Makes products, each of them an event; answers when each was answered.
async fn make(plan: &Plan, due: Due) -> anyhow::Result<HashMap<String, Instant>> {
    let (tell, turns) = mpsc::unbounded_channel();
    match due {
        Due::All(count) => {
            (0..count).try_for_each(|_| tell.send(()))?;
            drop(tell); // the clients end when there is nothing left
        }
        Due::Paced => {
            let (begun, per_second, seconds) = (Instant::now(), plan.per_second, plan.seconds);
            // A thread, because the runtime's own timer counts in whole milliseconds.
            std::thread::spawn(move || {
                for n in 0..(per_second * seconds) as u64 {
                    let due = begun + Duration::from_secs_f64(n as f64 / per_second);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    if tell.send(()).is_err() {
                        return;
                    }
                }
            });
        }
    }
    let turns = Arc::new(tokio::sync::Mutex::new(turns));
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (turns, key) = (turns.clone(), plan.key.clone());
        let mut sender = load::connect(plan.address).await?;
        clients.spawn(async move {
            let mut answered = HashMap::new();
            while turns.lock().await.recv().await.is_some() {
                let (status, body) = load::send(&mut sender, load::new_product(&key, number())?).await?;
                let at = Instant::now();
                anyhow::ensure!(status.as_u16() == 201, "{status}");
                let product: serde_json::Value = serde_json::from_slice(&body)?;
                answered.insert(product["id"].as_str().context("a product without an id")?.to_owned(), at);
            }
            Ok(answered)
        });
    }
    let mut all = HashMap::new();
    while let Some(answered) = clients.join_next().await {
        all.extend(answered??);
    }
    Ok(all)
}

fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn receive(listener: TcpListener, arrivals: Arrivals) {
    while let Ok((stream, _)) = listener.accept().await {
        let arrivals = arrivals.clone();
        tokio::spawn(async move {
            // Half a request is none: it is sent again.
            let _ = hear(stream, &arrivals).await;
        });
    }
}

async fn hear(mut stream: TcpStream, arrivals: &Arrivals) -> anyhow::Result<()> {
    let (mut bytes, mut chunk, mut first) = (Vec::new(), [0; 4_096], None);
    loop {
        let read = stream.read(&mut chunk).await?;
        anyhow::ensure!(read > 0, "the request broke off");
        let at = *first.get_or_insert_with(Instant::now);
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&bytes[..end])?;
        let named = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().to_owned());
        let length: usize = head.lines().find_map(named).context("a request without a length")?.parse()?;
        if bytes.len() < end + 4 + length {
            continue;
        }
        let path = head.split(' ').nth(1).and_then(|path| path.strip_prefix('/')).context("no path")?.to_owned();
        let body: serde_json::Value = serde_json::from_slice(&bytes[end + 4..])?;
        let product = body["data"]["id"].as_str().context("an event without a product")?.to_owned();
        if let Ok(mut arrivals) = arrivals.lock() {
            arrivals.entry((product, path)).or_insert(at);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        return Ok(());
    }
}
