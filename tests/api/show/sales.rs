//! Every kind of sale at once, in every order of events, while the server is killed: the books balance,
//! no code goes out twice, and nobody who paid is left without goods or a place in the queue.

mod afterwards;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::ChaCha20Rng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::house::process::free_port;
use crate::house::socket::{Call, Client};
use crate::house::{TestApp, house};

use super::kill::{Killer, Victim, seed};
use super::{Tally, checkout, insist, payment, serve};

const CLIENTS: usize = 12;
/// Sales between two deliveries of the scarce product, and the codes that each brings: less than is asked for.
const RESTOCK_EVERY: usize = 50;
const RESTOCK_CODES: usize = 8;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn mixed_sales_with_kills_leave_balanced_books_and_no_buyer_without_goods() {
    house(async |app| fair(app, 500).await);
}

#[test]
#[ignore = "full size: 10,000 sales"]
fn ten_thousand_mixed_sales_with_kills_leave_balanced_books_and_no_buyer_without_goods() {
    house(async |app| fair(app, 10_000).await);
}

/// What one sale is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Plot {
    /// Up to three codes.
    Pooled,
    /// Counted goods, handed over by the shop.
    Counted,
    Free,
    /// Codes, counted goods and a text in one cart.
    Mixed,
    /// Of what is nearly always sold out.
    Scarce,
    Declined,
    /// Never paid: it expires.
    Expired,
    /// Expired, and paid then.
    Late,
}

impl Plot {
    /// In hundredths.
    const SHARES: [(u32, Self); 8] = [
        (25, Self::Pooled),
        (10, Self::Counted),
        (10, Self::Free),
        (15, Self::Mixed),
        (10, Self::Scarce),
        (5, Self::Declined),
        (10, Self::Expired),
        (15, Self::Late),
    ];

    fn draw(rng: &mut ChaCha20Rng) -> Self {
        let mut left = rng.random_range(0..100);
        for (share, plot) in Self::SHARES {
            match u32::checked_sub(left, share) {
                Some(rest) => left = rest,
                None => return plot,
            }
        }
        unreachable!("the shares are hundredths")
    }

    fn is_paid(self) -> bool {
        !matches!(self, Self::Declined | Self::Expired)
    }
}

/// One sale that was opened.
struct Sale {
    plot: Plot,
    session: Value,
}

/// What the clients share.
struct Fair {
    shelf: BTreeMap<&'static str, String>,
    shop: Value,
    merchant: String,
    codes: Mutex<HashSet<String>>,
    begun: AtomicUsize,
    sold_out: AtomicUsize,
    restocked: AtomicUsize,
    /// Goods in stock at the beginning.
    counted: i64,
    number: usize,
    over: AtomicBool,
    tally: Arc<Tally>,
}

async fn fair(app: &TestApp, number: usize) {
    let seed = seed();
    let fair = Arc::new(Fair::open(app, number).await);
    let port = format!("127.0.0.1:{}", free_port());
    let server = serve(app, &[("KEYHOUSE_LISTEN", &port)]);
    let address = server.address;
    let killer = Killer::new(app, Victim::Server, port, fair.tally.clone(), seed);
    let watched = fair.clone();
    let killing = std::thread::spawn(move || killer.run(server, |_| watched.over.load(Ordering::Relaxed)));

    let begun = Instant::now();
    let restocking = tokio::spawn(restock_now_and_then(fair.clone(), Client::new(address)));
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        let rng = ChaCha20Rng::seed_from_u64(seed.wrapping_add(n as u64));
        clients.spawn(sell(fair.clone(), n, Client::new(address), app.db().await, rng));
    }
    let sales: Vec<Sale> = clients.join_all().await.into_iter().flatten().collect();
    fair.over.store(true, Ordering::Relaxed);
    restocking.await.unwrap();
    let kills = tokio::task::spawn_blocking(|| killing.join().unwrap()).await.unwrap();

    let mut db = app.db().await;
    let (client, queue) = (Client::new(address), afterwards::queue(&mut db).await);
    let mut plots = BTreeMap::new();
    for sale in &sales {
        *plots.entry(sale.plot).or_insert(0) += 1;
    }
    println!(
        "fair: {} sales in {:.1} s: {plots:?}; {} refused as sold out, {} times restocked; {} kills, {} of them hit \
        work in flight, {} open transactions; {} codes still owed, to {} buyers in the queue; {:?}",
        sales.len(),
        begun.elapsed().as_secs_f32(),
        fair.sold_out.load(Ordering::Relaxed),
        fair.restocked.load(Ordering::Relaxed),
        kills.number,
        kills.hits,
        kills.transactions,
        queue.codes,
        queue.orders,
        fair.tally.counts(),
    );
    assert_eq!(plots.len(), Plot::SHARES.len(), "every kind of sale was met");
    // Whether anybody is left waiting at the end of a short run is a matter of when the last restock came.
    let queued = queue.orders > 0 || number < 10_000;
    assert!(kills.hits > 0 && fair.sold_out.load(Ordering::Relaxed) > 0 && queued, "it was too easy");
    assert_eq!(queue.nowhere, Vec::<Uuid>::new(), "paid, and neither delivered nor waiting");

    afterwards::end_well(app, &fair, client, &queue, &sales).await;
    afterwards::check_sessions(address, &fair, &sales).await;
    afterwards::check_books(app, &mut db, &fair, &sales).await;
    assert!(!kills.server.log().contains("panic"), "{}", kills.server.log());
}

impl Fair {
    async fn open(app: &TestApp, number: usize) -> Self {
        let merchant = app.test_merchant();
        let counted = i64::try_from(number * 4).unwrap();
        let mut shelf = BTreeMap::new();
        for (name, members) in [
            ("pooled", json!({ "type": "license_key", "price_cents": 4_900 })),
            ("scarce", json!({ "type": "license_key", "price_cents": 9_900 })),
            ("free", json!({ "type": "license_key", "price_cents": 0 })),
            ("counted", json!({ "type": "physical", "price_cents": 1_500, "stock": counted })),
            ("text", json!({ "type": "subscription", "price_cents": 700, "service_text": "Welcome aboard." })),
        ] {
            let mut body = members;
            (body["name"], body["currency"]) = (json!(name), json!("USD"));
            let made = merchant.post("/v1/products", body).await;
            shelf.insert(name, made.is(201).json()["id"].as_str().unwrap().to_owned());
        }
        let fair = Self {
            shelf,
            shop: json!(app.shop.row.slug),
            merchant: app.shop.test.clone(),
            codes: Mutex::default(),
            begun: AtomicUsize::new(0),
            sold_out: AtomicUsize::new(0),
            restocked: AtomicUsize::new(0),
            counted,
            number,
            over: AtomicBool::new(false),
            tally: Arc::default(),
        };
        for (name, count) in [("pooled", number * 3), ("free", number), ("scarce", RESTOCK_CODES)] {
            for some in fair.new_codes(name, count).chunks(5_000) {
                merchant.post(&fair.keys_of(name), json!({ "keys": some })).await.is(201);
            }
        }
        fair
    }

    fn keys_of(&self, name: &str) -> String {
        format!("/v1/products/{}/keys", self.shelf[name])
    }

    fn new_codes(&self, name: &str, count: usize) -> Vec<String> {
        let mut codes = self.codes.lock().unwrap();
        let first = codes.len();
        let new: Vec<String> = (first..first + count).map(|n| format!("{name}-{n:06}")).collect();
        codes.extend(new.iter().cloned());
        new
    }

    fn cart(&self, plot: Plot, rng: &mut ChaCha20Rng) -> Value {
        let lines: &[&str] = match plot {
            Plot::Pooled | Plot::Declined => &["pooled"],
            Plot::Counted => &["counted"],
            Plot::Free => &["free"],
            Plot::Mixed => &["text", "pooled", "counted"],
            Plot::Expired => &["counted", "scarce"],
            Plot::Scarce | Plot::Late => &["scarce"],
        };
        let quantity = if lines.contains(&"scarce") { 1 } else { rng.random_range(1..=3) };
        let lines = lines.iter().map(|name| json!({ "product_id": self.shelf[name], "quantity": quantity }));
        json!({ "shop": self.shop, "mode": "test", "items": lines.collect::<Vec<_>>() })
    }
}

/// One client's sales, one after the other. Those that are to be late wait in between.
async fn sell(fair: Arc<Fair>, n: usize, mut client: Client, mut db: PgConnection, mut rng: ChaCha20Rng) -> Vec<Sale> {
    let (mut sales, mut late) = (Vec::new(), Vec::new());
    for number in 0.. {
        if fair.begun.fetch_add(1, Ordering::Relaxed) >= fair.number {
            break;
        }
        let plot = Plot::draw(&mut rng);
        let buyer = format!("buyer-{n}-{}", rng.random_range(0..200));
        let key = format!("one-sale-of-the-fair-{n:02}-{number:08}");
        let call = checkout(&fair.cart(plot, &mut rng), &buyer).idempotent(key.as_str());
        let opened = insist(&mut client, &call, &fair.tally).await;
        if opened.is_conflict("out_of_stock") {
            fair.sold_out.fetch_add(1, Ordering::Relaxed);
            fair.begun.fetch_sub(1, Ordering::Relaxed); // another one takes its place
            continue;
        }
        assert_eq!(opened.status, 201, "{}", opened.text());
        let session = opened.json();
        match plot {
            Plot::Free => assert_eq!(session["status"], "completed"),
            Plot::Expired | Plot::Late => run_out(&mut db, &session).await,
            _ => pay(&fair, &mut client, plot, &session).await,
        }
        if plot == Plot::Late {
            late.push(session.clone());
        }
        if late.len() > 10 {
            pay_late(&fair, &mut client, &mut db, &late.remove(0)).await;
        }
        sales.push(Sale { plot, session });
    }
    for session in late {
        pay_late(&fair, &mut client, &mut db, &session).await;
    }
    sales
}

async fn pay(fair: &Fair, client: &mut Client, plot: Plot, session: &Value) {
    let mut call = payment(session).idempotent(format!("pay-{}", session["id"].as_str().unwrap()));
    if plot == Plot::Declined {
        call.body = Some(json!({ "outcome": "fail" }));
    }
    let paid = insist(client, &call, &fair.tally).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    assert_eq!(paid.json()["status"] == "failed", plot == Plot::Declined, "{}", paid.text());
}

fn id_of(session: &Value) -> Uuid {
    session["id"].as_str().unwrap().parse().unwrap()
}

/// A process's clock cannot be put forward, so the checkout's end is put back.
async fn run_out(db: &mut PgConnection, session: &Value) {
    let sql = "update orders set expires_at = now() - interval '1 s' where id = $1 and status = 'awaiting_payment'";
    sqlx::query(sql).bind(id_of(session)).execute(db).await.unwrap();
}

/// Waits until the server has let the checkout go, then pays it.
async fn pay_late(fair: &Fair, client: &mut Client, db: &mut PgConnection, session: &Value) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status: String = sqlx::query_scalar("select status from orders where id = $1")
            .bind(id_of(session))
            .fetch_one(&mut *db)
            .await
            .unwrap();
        if status == "failed" {
            return pay(fair, client, Plot::Late, session).await;
        }
        assert!(Instant::now() < deadline, "an expired checkout is still {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Brings some codes whenever so many sales have begun.
async fn restock_now_and_then(fair: Arc<Fair>, mut client: Client) {
    while !fair.over.load(Ordering::Relaxed) {
        let times = fair.restocked.load(Ordering::Relaxed);
        if fair.begun.load(Ordering::Relaxed) < (times + 1) * RESTOCK_EVERY {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        restock(&fair, &mut client, RESTOCK_CODES).await;
        fair.restocked.fetch_add(1, Ordering::Relaxed);
    }
}

async fn restock(fair: &Fair, client: &mut Client, count: usize) {
    if count == 0 {
        return;
    }
    let codes = fair.new_codes("scarce", count);
    let key = format!("restock-{}", codes[0]);
    let call = Call::post(fair.keys_of("scarce"), json!({ "keys": codes }));
    let heard = insist(client, &call.bearer(fair.merchant.as_str()).idempotent(key), &fair.tally).await;
    assert_eq!((heard.status, &heard.json()["imported"]), (201, &json!(count)), "{}", heard.text());
}
