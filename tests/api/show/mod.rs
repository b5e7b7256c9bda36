//! What must hold under races, crashes and rudeness, shown on the real binary. Each show is one
//! function: the suite runs it at a size that takes seconds, by hand it runs at full size with
//! `cargo test --test api -- show --ignored --nocapture`.

mod canaries;
mod disconnects;
mod figures;
mod fulfillments;
mod kill;
mod licenses;
mod money;
mod race;
mod resale;
mod sales;
mod sessions;
mod slow;
mod stop;
mod twins;
mod webhooks;

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::house::TestApp;
use crate::house::process::Server;
use crate::house::socket::{Call, Client, Heard};

/// Starts a server on the test's database.
pub fn serve(app: &TestApp, settings: &[(&str, &str)]) -> Server {
    Server::start(app.database_url(), &app.app.config.data_dir, settings)
}

/// A sandbox product with this many codes, and the codes.
pub async fn stocked(app: &TestApp, count: usize) -> (String, HashSet<String>) {
    let product = app.stocked(&[]).await;
    let codes: Vec<String> = (0..count).map(|n| format!("CODE-{n:06}")).collect();
    for some in codes.chunks(5_000) {
        app.test_merchant().post(&format!("/v1/products/{product}/keys"), json!({ "keys": some })).await.is(201);
    }
    (product, codes.into_iter().collect())
}

/// A checkout by a buyer of this name.
pub fn checkout(cart: &Value, buyer: &str) -> Call {
    let mut cart = cart.clone();
    cart["email"] = json!(format!("{buyer}@example.com"));
    Call::post("/checkout/v1/sessions", cart)
}

/// The payment of an opened session.
pub fn payment(session: &Value) -> Call {
    let path = format!("/checkout/v1/sessions/{}/pay", session["id"].as_str().unwrap());
    Call::post(path, json!({})).bearer(session["token"].as_str().unwrap())
}

/// The delivered codes of a paid session.
pub fn codes_of(session: &Value) -> Vec<String> {
    let items = session["items"].as_array().into_iter().flatten();
    let codes = items.flat_map(|item| item["codes"].as_array().into_iter().flatten());
    codes.map(|code| code.as_str().unwrap().to_owned()).collect()
}

/// Sends a call again and again, as a client with an idempotency key may, while the server is away,
/// overloaded or still at it. What comes in the end is final.
pub async fn insist(client: &mut Client, call: &Call, tally: &Tally) -> Heard {
    for attempt in 0..600 {
        tally.sent(1);
        match client.send(call).await {
            Ok(heard) if heard.status == 503 => {
                assert!(heard.header("retry-after").is_some(), "a 503 without Retry-After: {}", heard.text());
                tally.busy();
            }
            Ok(heard) if heard.is_conflict("idempotency_in_progress") => {
                assert!(heard.header("retry-after").is_some(), "{}", heard.text());
                tally.busy();
            }
            Ok(heard) => {
                tally.resolved(attempt, heard.header("idempotent-replayed") == Some("true"));
                return heard;
            }
            Err(_) => tally.cut_off(),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a retry never came to an end: {} {}", call.method, call.path);
}

/// What was counted, to be printed.
#[derive(Default)]
pub struct Tally(std::sync::Mutex<Counts>);

#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub attempts: u64,
    pub in_flight: i64,
    /// Calls that came to an end.
    pub resolved: u64,
    /// 503, or a twin still at work.
    pub busy: u64,
    pub cut_off: u64,
    pub replays: u64,
    /// Retries of the request that needed most of them.
    pub most_retries: u32,
}

impl Tally {
    pub fn counts(&self) -> Counts {
        self.0.lock().unwrap().clone()
    }

    fn sent(&self, n: i64) {
        let mut counts = self.0.lock().unwrap();
        counts.attempts += 1;
        counts.in_flight += n;
    }

    fn busy(&self) {
        let mut counts = self.0.lock().unwrap();
        (counts.busy, counts.in_flight) = (counts.busy + 1, counts.in_flight - 1);
    }

    fn cut_off(&self) {
        let mut counts = self.0.lock().unwrap();
        (counts.cut_off, counts.in_flight) = (counts.cut_off + 1, counts.in_flight - 1);
    }

    fn resolved(&self, retries: u32, replayed: bool) {
        let mut counts = self.0.lock().unwrap();
        counts.in_flight -= 1;
        counts.resolved += 1;
        counts.replays += u64::from(replayed);
        counts.most_retries = counts.most_retries.max(retries);
    }
}

/// How many codes have this status.
pub async fn codes_that_are(db: &mut PgConnection, status: &str) -> usize {
    let count = sqlx::query_scalar::<_, i64>("select count(*) from serials where status = $1");
    usize::try_from(count.bind(status).fetch_one(db).await.unwrap()).unwrap()
}

pub async fn orders(db: &mut PgConnection) -> usize {
    let count = sqlx::query_scalar::<_, i64>("select count(*) from orders");
    usize::try_from(count.fetch_one(db).await.unwrap()).unwrap()
}
