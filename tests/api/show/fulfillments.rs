//! LED-1, IDM-1 and KEY-3 for resellers: balances are drained to the cent and never below, and who is killed in the middle of a
//! fulfillment neither loses nor doubles it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::house::process::free_port;
use crate::house::reseller::{TestReseller, order};
use crate::house::socket::{Call, Client};
use crate::house::{TestApp, house};

use super::kill::{Killer, Victim, seed};
use super::{Tally, codes_that_are, insist, serve};

const CLIENTS: usize = 64;
const PRICE: i64 = 390;
/// Wishes for each code that a balance pays for.
const GREED: usize = 10;

#[test]
fn sixty_four_clients_drain_balances_to_the_cent() {
    house(async |app| drain(app, 8, 20).await);
}

#[test]
#[ignore = "full size: 100 balances of 100 codes, 100,000 wishes"]
fn sixty_four_clients_drain_a_hundred_balances_to_the_cent() {
    house(async |app| drain(app, 100, 100).await);
}

#[test]
fn no_fulfillment_is_lost_or_doubled_in_fifty_server_kills() {
    let size = Size { kills: 50, fulfillments: 5_000, stock: 40_000 };
    house(async |app| storm(app, Victim::Server, &size).await);
}

#[test]
fn no_fulfillment_is_lost_or_doubled_when_database_sessions_are_killed() {
    let size = Size { kills: 40, fulfillments: 500, stock: 20_000 };
    house(async |app| storm(app, Victim::Sessions, &size).await);
}

#[test]
#[ignore = "full size: 100,000 fulfillments, 500 kills"]
fn no_fulfillment_is_lost_or_doubled_in_five_hundred_server_kills() {
    let size = Size { kills: 500, fulfillments: 100_000, stock: 200_000 };
    house(async |app| storm(app, Victim::Server, &size).await);
}

/// A storm goes on until it has seen this much.
#[derive(Clone)]
struct Size {
    kills: usize,
    fulfillments: u64,
    stock: usize,
}

impl Size {
    /// Nobody waits for ever for clients that have given up.
    const PATIENCE: Duration = Duration::from_secs(3_600);

    fn is_reached(&self, kills: usize, fulfillments: u64) -> bool {
        kills >= self.kills && fulfillments >= self.fulfillments
    }
}

fn wish(reseller: &TestReseller, name: &str, product: &str) -> Call {
    Call::post("/reseller/v1/fulfillments", order(name, product, 1)).bearer(&reseller.token)
}

async fn stocked(app: &TestApp, reseller: &TestReseller, count: usize) -> String {
    let codes: Vec<String> = (0..count).map(|n| format!("CODE-{n:07}")).collect();
    app.sellable(&app.test_merchant(), reseller, &codes).await
}

/// Ten times what the balances pay for, in an order that mixes them, by all clients at once.
async fn drain(app: &TestApp, balances: usize, affordable: usize) {
    let mut resellers = Vec::new();
    for _ in 0..balances {
        let reseller = app.reseller().await;
        app.fund(&reseller, PRICE * affordable as i64 + 1).await;
        resellers.push(reseller);
    }
    let product = stocked(app, &resellers[0], balances * affordable * 2).await;
    for reseller in &resellers {
        app.allow(reseller, &product, PRICE).await;
    }
    let server = serve(app, &[]);
    let wishes: Vec<Call> = (0..balances * affordable * GREED)
        .map(|n| wish(&resellers[n % balances], &format!("wish-{n}"), &product))
        .collect();
    let (wishes, tally, begun) = (Arc::new(wishes), Arc::new(Tally::default()), Instant::now());
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        let (mut client, wishes, tally) = (Client::new(server.address), wishes.clone(), tally.clone());
        clients.spawn(async move {
            let mut served = 0;
            for call in wishes.iter().skip(n).step_by(CLIENTS) {
                let heard = insist(&mut client, call, &tally).await;
                assert!(matches!(heard.status, 201 | 402), "{}", heard.text());
                served += usize::from(heard.status == 201);
            }
            served
        });
    }
    let served: usize = clients.join_all().await.into_iter().sum();
    println!("drain: {} wishes, {served} served, {:.1} s", wishes.len(), begun.elapsed().as_secs_f32());
    assert_eq!(served, balances * affordable, "spent is funded");
    for reseller in &resellers {
        assert_eq!(app.left_of(reseller).await, 1, "not a cent less, not a code less");
    }
    assert_eq!(codes_that_are(&mut app.db().await, "sold").await, served);
}

/// What a client was told.
struct Given {
    call: Call,
    id: String,
    code: String,
}

async fn storm(app: &TestApp, victim: Victim, size: &Size) {
    let reseller = app.reseller().await;
    let product = stocked(app, &reseller, size.stock).await;
    let funded = PRICE * size.stock as i64;
    app.fund(&reseller, funded).await;
    let port = format!("127.0.0.1:{}", free_port());
    let server = serve(app, &[("KEYHOUSE_LISTEN", &port)]);
    let (address, tally, until) = (server.address, Arc::new(Tally::default()), Instant::now() + Size::PATIENCE);
    let killer = Killer::new(app, victim, port, tally.clone(), seed()).restless();
    let (seen, wanted) = (tally.clone(), size.clone());
    let is_over = move |kills| Instant::now() >= until || wanted.is_reached(kills, seen.counts().resolved);
    let killing = std::thread::spawn(move || killer.run(server, is_over));
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for n in 0..12 {
        let (mut client, tally, over) = (Client::new(address), tally.clone(), over.clone());
        let base = wish(&reseller, "", &product);
        clients.spawn(async move {
            let mut given = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let mut call = base.clone();
                let name = format!("storm-{n}-{}", given.len());
                call.body.as_mut().unwrap()["external_order_id"] = name.clone().into();
                let call = if n % 2 == 0 { call.idempotent(name) } else { call };
                let heard = insist(&mut client, &call, &tally).await;
                if heard.status == 409 {
                    break; // a fast machine has emptied the pool
                }
                assert!(matches!(heard.status, 200 | 201), "{}", heard.text());
                let data = heard.json()["data"].clone();
                let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                given.push(Given { call, id: text(&data["id"]), code: text(&data["items"][0]["serial"]) });
            }
            given
        });
    }
    let kills = tokio::task::spawn_blocking(|| killing.join().unwrap()).await.unwrap();
    over.store(true, Ordering::Relaxed);
    let given: Vec<Given> = clients.join_all().await.into_iter().flatten().collect();
    println!("storm: {} fulfillments, {} kills, {} hits; {:?}", given.len(), kills.number, kills.hits, tally.counts());

    let (mut client, again) = (Client::new(address), Tally::default());
    let (mut ids, mut codes) = (HashSet::new(), HashSet::new());
    for one in &given {
        let heard = insist(&mut client, &one.call, &again).await;
        let data = &heard.json()["data"];
        assert_eq!((data["id"].as_str(), data["items"][0]["serial"].as_str()), (Some(&*one.id), Some(&*one.code)));
        assert!(ids.insert(&one.id) && codes.insert(&one.code), "{} was given twice", one.id);
    }
    let mut db = app.db().await;
    let made: i64 = sqlx::query_scalar("select count(*) from fulfillments").fetch_one(&mut db).await.unwrap();
    assert_eq!(usize::try_from(made).unwrap(), given.len(), "as many as were acknowledged");
    assert_eq!(codes_that_are(&mut db, "sold").await, given.len());
    assert_eq!(app.left_of(&reseller).await, funded - PRICE * made, "each debited once");
    assert!(size.is_reached(kills.number, tally.counts().resolved), "too few faults: a run that did not happen");
    assert!(kills.hits > 0 && !kills.server.log().contains("panic"), "{}", kills.server.log());
}

#[test]
fn nothing_of_a_thousand_revoked_keys_takes_effect_after_the_answer() {
    house(async |app| revoke(app, 1_000).await);
}

#[test]
#[ignore = "full size: 10,000 revocations"]
fn nothing_of_ten_thousand_revoked_keys_takes_effect_after_the_answer() {
    house(async |app| revoke(app, 10_000).await);
}

/// KEY-3: keys work as hard as they can while they are revoked, one after the other.
async fn revoke(app: &TestApp, count: usize) {
    let reseller = app.reseller().await;
    let product = stocked(app, &reseller, 50 * count).await;
    app.fund(&reseller, PRICE * 50 * count as i64).await;
    let server = serve(app, &[]);
    let (mut db, mut late, mut before) = (app.db().await, 0, 0);
    for n in 0..count {
        let token = app.reseller_key(app.shop.row.twin, reseller.id, &[]).await;
        let mut workers = JoinSet::new();
        for worker in 0..4 {
            let (token, product, address) = (token.clone(), product.clone(), server.address);
            workers.spawn(async move {
                let mut client = Client::new(address);
                for line in 0.. {
                    let name = format!("key-{n}-{worker}-{line}");
                    let call = Call::post("/reseller/v1/fulfillments", order(&name, &product, 1)).bearer(&token);
                    if client.send(&call).await.unwrap().status == 401 {
                        break;
                    }
                }
            });
        }
        let of_key = format!("select count(*) from fulfillments where external_order_id like 'key-{n}-%'");
        let done = async |db: &mut sqlx::PgConnection| -> i64 {
            sqlx::query_scalar(sqlx::AssertSqlSafe(of_key.clone())).fetch_one(db).await.unwrap()
        };
        while done(&mut db).await < 5 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        app.revoke_reseller_key(&reseller, &token).await;
        let at_the_answer = done(&mut db).await;
        workers.join_all().await;
        late += done(&mut db).await - at_the_answer;
        before += at_the_answer;
    }
    println!("revoked: {count} keys, {before} fulfillments before the answers, {late} after");
    assert_eq!(late, 0, "effects after the answer to the revocation");
}
