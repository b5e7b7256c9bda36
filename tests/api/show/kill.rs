//! IDM-1, IDM-2: whoever is killed in the middle of whatever, every acknowledged sale is there, none
//! is there twice, and every retry comes to an end.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::ChaCha20Rng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::house::process::{Server, free_port};
use crate::house::socket::{Call, Client};
use crate::house::{TestApp, house, unique};

use super::{Tally, checkout, codes_of, codes_that_are, insist, orders, payment, serve, stocked};

const CLIENTS: usize = 12;

#[derive(Clone, Copy)]
pub(super) enum Victim {
    /// The process, by `kill -9`; another one takes its place at once.
    Server,
    /// Three of its database sessions.
    Sessions,
}

#[test]
fn no_sale_is_lost_or_doubled_when_the_server_is_killed() {
    house(async |app| storm(app, Victim::Server, Duration::from_secs(4), 1_500).await);
}

#[test]
fn no_sale_is_lost_or_doubled_when_database_sessions_are_killed() {
    house(async |app| storm(app, Victim::Sessions, Duration::from_secs(3), 1_500).await);
}

#[test]
#[ignore = "full size: 30 s of kills"]
fn no_sale_is_lost_or_doubled_in_half_a_minute_of_server_kills() {
    house(async |app| storm(app, Victim::Server, Duration::from_secs(30), 15_000).await);
}

#[test]
#[ignore = "full size: 30 s of kills"]
fn no_sale_is_lost_or_doubled_in_half_a_minute_of_session_kills() {
    house(async |app| storm(app, Victim::Sessions, Duration::from_secs(30), 15_000).await);
}

/// What a client was told of one sale.
struct Sale {
    call: Call,
    opened: Vec<u8>,
    paid: Value,
}

async fn storm(app: &TestApp, victim: Victim, length: Duration, stock: usize) {
    let (product, codes) = stocked(app, stock).await;
    let port = format!("127.0.0.1:{}", free_port());
    let server = serve(app, &[("KEYHOUSE_LISTEN", &port)]);
    let address = server.address;
    let tally = Arc::new(Tally::default());
    let until = Instant::now() + length;
    let killer = Killer::new(app, victim, port, tally.clone(), seed());
    let killing = std::thread::spawn(move || killer.run(server, |_| Instant::now() >= until));

    let over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        let client = Client::new(address);
        clients.spawn(sell(n, client, app.cart(&product, 1), tally.clone(), over.clone()));
    }
    let kills = tokio::task::spawn_blocking(|| killing.join().unwrap()).await.unwrap();
    over.store(true, Ordering::Relaxed);
    let sales: Vec<Sale> = clients.join_all().await.into_iter().flatten().collect();
    println!(
        "storm: {} sales, {} kills, {} of them hit work in flight, {} open transactions; {:?}",
        sales.len(),
        kills.number,
        kills.hits,
        kills.transactions,
        tally.counts()
    );

    check_answers(address, &sales, &codes).await;
    let mut db = app.db().await;
    assert_eq!(orders(&mut db).await, sales.len(), "one order a key");
    assert_eq!(codes_that_are(&mut db, "sold").await, sales.len());
    assert_eq!(codes_that_are(&mut db, "reserved").await, 0);
    assert!(kills.hits > 0 && !kills.server.log().contains("panic"), "{}", kills.server.log());
}

/// A random one, printed; `KEYHOUSE_SEED` repeats a run.
pub(super) fn seed() -> u64 {
    let given = std::env::var("KEYHOUSE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from(std::process::id()) << 8 | u64::from(unique()));
    println!("seed {seed}");
    seed
}

async fn sell(n: usize, mut client: Client, cart: Value, tally: Arc<Tally>, over: Arc<AtomicBool>) -> Vec<Sale> {
    let mut sales = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let key = format!("storm-{n:010}-{:010}", sales.len());
        let call = checkout(&cart, &format!("buyer-{n}-{}", sales.len() % 50)).idempotent(key.as_str());
        let opened = insist(&mut client, &call, &tally).await;
        if opened.is_conflict("out_of_stock") {
            break; // a fast machine; the books say whether it is true
        }
        assert_eq!(opened.status, 201, "{}", opened.text());
        let pay = payment(&opened.json()).idempotent(format!("{key}-pay"));
        let paid = insist(&mut client, &pay, &tally).await;
        assert_eq!(paid.status, 200, "{}", paid.text());
        sales.push(Sale { call, opened: opened.bytes, paid: paid.json() });
    }
    sales
}

/// Every answer once given is given again, word for word; every session shows the codes it showed.
async fn check_answers(address: std::net::SocketAddr, sales: &[Sale], codes: &HashSet<String>) {
    let (mut client, tally) = (Client::new(address), Tally::default());
    let (mut sessions, mut sold) = (HashSet::new(), HashSet::new());
    for sale in sales {
        let again = insist(&mut client, &sale.call, &tally).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
        assert_eq!(again.bytes, sale.opened);
        let opened = again.json();
        let (id, token) = (opened["id"].as_str().unwrap(), opened["token"].as_str().unwrap());
        let look = Call::get(format!("/checkout/v1/sessions/{id}")).bearer(token);
        let session = insist(&mut client, &look, &tally).await.json();
        assert_eq!(session, sale.paid);
        assert_eq!(session["status"], "completed");
        assert!(sessions.insert(id.to_owned()), "two keys, one session: {id}");
        for code in codes_of(&session) {
            assert!(codes.contains(&code), "{code} was never imported");
            assert!(sold.insert(code.clone()), "{code} was sold twice");
        }
    }
    assert_eq!(sold.len(), sales.len());
}

pub(super) struct Killer {
    victim: Victim,
    database_url: String,
    data_dir: std::path::PathBuf,
    port: String,
    tally: Arc<Tally>,
    rng: ChaCha20Rng,
    /// Milliseconds between two kills, drawn at random.
    pauses: Range<u64>,
}

pub(super) struct Kills {
    /// The one that stands in the end.
    pub server: Server,
    pub number: usize,
    /// Those that met a request on its way, or a session at work.
    pub hits: usize,
    pub transactions: i64,
}

impl Killer {
    /// One for the server that listens at this port.
    pub fn new(app: &TestApp, victim: Victim, port: String, tally: Arc<Tally>, seed: u64) -> Self {
        Self {
            victim,
            database_url: app.database_url().to_owned(),
            data_dir: app.app.config.data_dir.clone(),
            port,
            tally,
            rng: ChaCha20Rng::seed_from_u64(seed),
            pauses: match victim {
                Victim::Server => 400..1_600,
                Victim::Sessions => 20..300,
            },
        }
    }

    /// One that hardly lets go (IDM-1).
    pub fn restless(self) -> Self {
        Self { pauses: 50..500, ..self }
    }

    /// On a thread of its own, so that clients feel every moment without a server. `is_over` is asked
    /// with the number of kills so far.
    pub fn run(mut self, server: Server, is_over: impl Fn(usize) -> bool) -> Kills {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut db = PgConnection::connect(&self.database_url).await.unwrap();
            let mut kills = Kills { server, number: 0, hits: 0, transactions: 0 };
            while !is_over(kills.number) {
                let pause = self.rng.random_range(self.pauses.clone());
                std::thread::sleep(Duration::from_millis(pause));
                match self.victim {
                    Victim::Server => kills = self.kill_server(&mut db, kills).await,
                    Victim::Sessions => kill_sessions(&mut db, &mut kills).await,
                }
            }
            kills
        })
    }

    async fn kill_server(&self, db: &mut PgConnection, kills: Kills) -> Kills {
        let open = "select count(*) from pg_stat_activity where datname = current_database()
                    and application_name = 'keyhouse' and xact_start is not null";
        let open: i64 = sqlx::query_scalar(open).fetch_one(db).await.unwrap();
        let in_flight = self.tally.counts().in_flight;
        let log = kills.server.kill();
        assert!(!log.contains("panic") && !log.contains("status=500"), "{log}");
        let server = Server::start(&self.database_url, &self.data_dir, &[("KEYHOUSE_LISTEN", &self.port)]);
        Kills {
            server,
            number: kills.number + 1,
            hits: kills.hits + usize::from(in_flight > 0),
            transactions: kills.transactions + open,
        }
    }
}

async fn kill_sessions(db: &mut PgConnection, kills: &mut Kills) {
    let victims = "with victims as materialized (
                       select pid, xact_start is not null as at_work from pg_stat_activity
                       where datname = current_database() and application_name = 'keyhouse'
                       order by xact_start is null, random() limit 3)
                   select at_work from victims where pg_terminate_backend(pid)";
    let killed: Vec<bool> = sqlx::query_scalar(victims).fetch_all(db).await.unwrap();
    let at_work = killed.iter().filter(|at_work| **at_work).count();
    kills.number += killed.len();
    kills.hits += at_work;
    kills.transactions += i64::try_from(at_work).unwrap();
}
