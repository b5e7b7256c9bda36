//! The load generator: this program once more, as a process of its own, on keep-alive connections.
//! It checks every answer, and tells what it saw as JSON.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

use crate::process::Running;
use crate::trail::{MACHINE, license_key};

/// Codes of one import.
pub const KEYS: usize = 5_000;
/// What each code of a fulfillment's answer begins with.
const CODE: &[u8] = br#""serial":""#;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    address: SocketAddr,
    key: String,
    connections: usize,
    work: Work,
    pace: Pace,
    /// Of this run: it keeps its names apart from those of all others.
    number: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Work {
    /// The path; all answers must be equal.
    Get(String),
    /// Whether to send an Idempotency-Key, each time a new one.
    CreateProduct { keyed: bool },
    /// The path.
    ImportKeys(String),
    /// A sale in the sandbox, checkout and payment, each to a new buyer: the product.
    Buy(String),
    /// A license at random.
    Validate { product: String, keys: i64, signed: bool },
    /// The same of these licenses, each time from an address at random; of a single one, more than its limit.
    Crowd { product: String, first: i64, last: i64 },
    /// An order of so many codes of one of these products, by one of these resellers' keys, at random.
    Fulfill { keys: Vec<String>, products: Vec<String>, quantity: usize },
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Pace {
    /// Each connection sends when it has its answer.
    Closed { seconds: f64 },
    /// The same, for so many requests.
    Count { requests: u64 },
    /// Requests are due at fixed instants, and their time counts from then: a stall is not hidden.
    Open { per_second: f64, seconds: f64 },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub answers: u64,
    /// Not the expected answer, or none.
    pub wrong: u64,
    pub wrong_sample: Option<String>,
    pub seconds: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Plan {
    pub fn new(address: SocketAddr, key: &str, connections: usize, work: Work, pace: Pace) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { address, key: key.to_owned(), connections, work, pace, number }
    }

    /// Runs it in another process.
    pub async fn run(&self) -> anyhow::Result<Outcome> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--load").arg(serde_json::to_string(self)?);
        let told = Running::spawn(&mut command)?.output().await.context("the load generator")?;
        let outcome: Outcome = serde_json::from_str(&told)?;
        if let Some(sample) = &outcome.wrong_sample {
            crate::say(&format!("  {} wrong answers, such as {sample}", outcome.wrong));
        }
        Ok(outcome)
    }
}

impl Work {
    fn request(&self, key: &str, number: u64, n: u64) -> anyhow::Result<Request<Full<Bytes>>> {
        let (method, path) = match self {
            Self::Get(path) => (Method::GET, path.as_str()),
            Self::CreateProduct { .. } => (Method::POST, "/v1/products"),
            Self::ImportKeys(path) => (Method::POST, path.as_str()),
            Self::Buy(_) => (Method::POST, "/checkout/v1/sessions"),
            Self::Validate { .. } | Self::Crowd { .. } => (Method::POST, "/dev/v1/licenses/validate"),
            Self::Fulfill { .. } => (Method::POST, "/reseller/v1/fulfillments"),
        };
        let key = if let Self::Fulfill { keys, .. } = self { one_of(keys, scatter(number, n)) } else { key };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        // The public surface takes no keys.
        if !path.starts_with("/checkout/") {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let body = match self {
            Self::Get(_) => return Ok(request.body(Full::default())?),
            Self::CreateProduct { keyed } => {
                if *keyed {
                    request = request.header("idempotency-key", format!("bench-{number}-{n}"));
                }
                format!(r#"{{"name":"Bench {number} {n}","type":"physical","price_cents":100,"currency":"USD"}}"#)
            }
            Self::ImportKeys(_) => {
                let codes: Vec<String> = (0..KEYS).map(|i| format!("{number:04}-{n:04}-{i:05}-7Q4X9ZKM")).collect();
                serde_json::json!({ "keys": codes }).to_string()
            }
            Self::Buy(product) => serde_json::json!({
                "shop": "bench", "mode": "test", "email": format!("buyer-{number}-{n}@example.com"),
                "items": [{ "product_id": product, "quantity": 1 }],
            })
            .to_string(),
            Self::Validate { product, keys, signed } => {
                let (license, machine) =
                    (license_key(1 + (scatter(number, n) % keys.unsigned_abs()).cast_signed()), MACHINE);
                let nonce = if *signed { format!(r#","nonce":"bench-{number:06}-{n:012}""#) } else { String::new() };
                format!(r#"{{"key":"{license}","product_id":"{product}","hardware_id":"{machine}"{nonce}}}"#)
            }
            Self::Fulfill { products, quantity, .. } => {
                let product = one_of(products, scatter(number, n) >> 24);
                format!(
                    r#"{{"external_order_id":"bench-{number}-{n}","product_id":"{product}","quantity":{quantity},"customer_email":"buyer@example.com"}}"#
                )
            }
            Self::Crowd { product, first, last } => {
                let at = scatter(number, n);
                let [.., high, low] = at.to_be_bytes();
                request = request.header("x-forwarded-for", format!("198.18.{high}.{low}"));
                let license = license_key(first + ((at >> 16) % (last - first + 1).unsigned_abs()).cast_signed());
                format!(r#"{{"key":"{license}","product_id":"{product}","hardware_id":"{MACHINE}"}}"#)
            }
        };
        Ok(request.header(header::CONTENT_TYPE, "application/json").body(Full::from(body))?)
    }

    fn is_right(&self, status: StatusCode, body: &Bytes, first: &mut Option<Bytes>) -> bool {
        let says = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
        match self {
            Self::Get(_) => status == StatusCode::OK && first.get_or_insert_with(|| body.clone()) == body,
            Self::CreateProduct { .. } => status == StatusCode::CREATED,
            Self::ImportKeys(_) => status == StatusCode::CREATED && says(&format!(r#""imported":{KEYS},"#)),
            Self::Validate { signed, .. } => status == StatusCode::OK && *signed == says(r#""signed":"ey"#),
            Self::Crowd { first, last, .. } => {
                status == StatusCode::OK || status == StatusCode::TOO_MANY_REQUESTS && first == last
            }
            Self::Fulfill { quantity, .. } => {
                let codes = body.windows(CODE.len()).filter(|part| *part == CODE).count();
                status == StatusCode::CREATED && codes == *quantity
            }
            Self::Buy(_) => status == StatusCode::OK && says(r#""status":"completed""#) && says(r#""codes":[""#),
        }
    }
}

fn one_of(all: &[String], at: u64) -> &str {
    let len = all.len().max(1) as u64;
    all.get((at % len) as usize).map_or("", String::as_str)
}

/// Splitmix64: the same numbers in each run, in no order.
fn scatter(number: u64, n: u64) -> u64 {
    let mut z = (number << 40 | n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One GET, for set-up and checks.
pub async fn ask(address: SocketAddr, key: &str, path: &str) -> anyhow::Result<(u16, String)> {
    let mut sender = connect(address).await?;
    let request = Work::Get(path.into()).request(key, 0, 0)?;
    let (status, body) = send(&mut sender, request).await?;
    Ok((status.as_u16(), String::from_utf8_lossy(&body).into_owned()))
}

/// One POST, for set-up.
pub async fn post(address: SocketAddr, key: &str, path: &str, body: String) -> anyhow::Result<serde_json::Value> {
    let mut sender = connect(address).await?;
    let request = Request::post(path)
        .header(header::HOST, "localhost")
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body))?;
    let (status, body) = send(&mut sender, request).await?;
    anyhow::ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

pub async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

pub async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

/// The request that makes a product, whose name no other process gives.
pub fn new_product(key: &str, n: u64) -> anyhow::Result<Request<Full<Bytes>>> {
    Work::CreateProduct { keyed: false }.request(key, std::process::id().into(), n)
}

/// The other process: runs the plan and prints the outcome.
pub fn generate(plan: &str) -> anyhow::Result<()> {
    let plan: Plan = serde_json::from_str(plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(drive(Arc::new(plan)))?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

async fn drive(plan: Arc<Plan>) -> anyhow::Result<Outcome> {
    let mut senders = Vec::new();
    for _ in 0..plan.connections {
        senders.push(connect(plan.address).await?);
    }
    let begun = Instant::now();
    let turns = Arc::new(Turns::new(plan.pace, begun));
    let tasks: Vec<_> =
        senders.into_iter().map(|sender| tokio::spawn(client(plan.clone(), turns.clone(), sender))).collect();
    let mut all = Tally::new()?;
    for task in tasks {
        all.add(task.await??)?;
    }
    let at = |quantile| all.micros.value_at_quantile(quantile) as f64 / 1_000.0;
    Ok(Outcome {
        answers: all.micros.len(),
        wrong: all.wrong,
        wrong_sample: all.wrong_sample.clone(),
        seconds: begun.elapsed().as_secs_f64(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
    })
}

async fn client(plan: Arc<Plan>, turns: Arc<Turns>, mut sender: SendRequest<Full<Bytes>>) -> anyhow::Result<Tally> {
    let mut tally = Tally::new()?;
    loop {
        let n = turns.next.fetch_add(1, Ordering::Relaxed);
        let request = plan.work.request(&plan.key, plan.number, n)?;
        let Some(due) = turns.turn(n).await else { return Ok(tally) };
        let answer = carry_out(&plan.work, &mut sender, request).await;
        tally.micros.record(u64::try_from(due.elapsed().as_micros())?)?;
        match answer {
            Ok((status, body)) if plan.work.is_right(status, &body, &mut tally.first) => {}
            Ok((status, body)) => tally.note_wrong(format!("{status} {}", String::from_utf8_lossy(&body))),
            Err(error) => {
                tally.note_wrong(format!("{error:#}"));
                sender = connect(plan.address).await?;
            }
        }
    }
}

/// The request, and what follows from its answer; the last answer.
async fn carry_out(
    work: &Work,
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let (status, body) = send(sender, request).await?;
    if !matches!(work, Work::Buy(_)) || status != StatusCode::CREATED {
        return Ok((status, body));
    }
    let session: serde_json::Value = serde_json::from_slice(&body)?;
    let text = |name: &str| session[name].as_str().with_context(|| format!("a session without {name}"));
    let payment = Request::post(format!("/checkout/v1/sessions/{}/pay", text("id")?))
        .header(header::HOST, "localhost")
        .header(header::AUTHORIZATION, format!("Bearer {}", text("token")?))
        .body(Full::default())?;
    send(sender, payment).await
}

/// When the next request is due.
struct Turns {
    next: AtomicU64,
    pace: Pace,
    begun: Instant,
    due: Mutex<mpsc::UnboundedReceiver<Instant>>,
}

impl Turns {
    fn new(pace: Pace, begun: Instant) -> Self {
        let (tell, due) = mpsc::unbounded_channel();
        if let Pace::Open { per_second, seconds } = pace {
            // A thread, because the runtime's own timer counts in whole milliseconds.
            std::thread::spawn(move || {
                for n in 0..(per_second * seconds) as u64 {
                    let due = begun + Duration::from_secs_f64(n as f64 / per_second);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    if tell.send(due).is_err() {
                        return;
                    }
                }
            });
        }
        Self { next: AtomicU64::new(0), pace, begun, due: Mutex::new(due) }
    }

    /// Waits for it; `None` when there is no more to do.
    async fn turn(&self, n: u64) -> Option<Instant> {
        let now = Instant::now();
        match self.pace {
            Pace::Closed { seconds } => (now.duration_since(self.begun).as_secs_f64() < seconds).then_some(now),
            Pace::Count { requests } => (n < requests).then_some(now),
            Pace::Open { .. } => self.due.lock().await.recv().await,
        }
    }
}

struct Tally {
    micros: Histogram<u64>,
    first: Option<Bytes>,
    wrong: u64,
    wrong_sample: Option<String>,
}

impl Tally {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { micros: Histogram::new(3)?, first: None, wrong: 0, wrong_sample: None })
    }

    fn note_wrong(&mut self, sample: String) {
        self.wrong += 1;
        self.wrong_sample.get_or_insert(sample);
    }

    fn add(&mut self, other: Self) -> anyhow::Result<()> {
        self.micros.add(&other.micros)?;
        self.wrong += other.wrong;
        if let (Some(mine), Some(others)) = (&self.first, &other.first)
            && mine != others
        {
            self.note_wrong("two connections got different pages".into());
        }
        self.first = self.first.take().or(other.first);
        self.wrong_sample = self.wrong_sample.take().or(other.wrong_sample);
        Ok(())
    }
}
