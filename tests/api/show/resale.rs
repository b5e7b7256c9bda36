//! INV-1, INV-2 and INV-4 for resellers, and the program's switch: each code is handed out at most once, whoever is
//! killed and whatever is replaced; all of them are handed out, however many come at once; and nothing is once the
//! program is off.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::house::process::{Server, free_port};
use crate::house::reseller::{TestReseller, order};
use crate::house::socket::{Call, Client, Heard};
use crate::house::{TestApp, house, house_with};
use crate::laws::operations::NO_LIMITS;
use crate::laws::together;

use super::kill::{Killer, Victim, seed};
use super::{Tally, codes_that_are, insist, serve};

const CLIENTS: usize = 64;
const PRICE: i64 = 390;
/// Who finds no code asks once more after this long.
const PATIENCE: Duration = Duration::from_millis(50);

async fn stocked(app: &TestApp, reseller: &TestReseller, count: usize) -> String {
    let codes: Vec<String> = (0..count).map(|n| format!("CODE-{n:07}")).collect();
    app.sellable(&app.test_merchant(), reseller, &codes).await
}

fn wish(reseller: &TestReseller, name: &str, product: &str, quantity: i64) -> Call {
    Call::post("/reseller/v1/fulfillments", order(name, product, quantity)).bearer(&reseller.token)
}

fn texts(items: &Value, field: &str) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn no_code_is_handed_out_twice_when_the_server_is_killed_amid_replacements() {
    house(async |app| replaced(app, Duration::from_secs(4), 10_000).await);
}

#[test]
#[ignore = "full size: about 50 kills"]
fn no_code_is_handed_out_twice_in_a_minute_of_kills_amid_replacements() {
    house(async |app| replaced(app, Duration::from_secs(60), 200_000).await);
}

/// What a client was told: a fulfillment, and the bad code of it that was replaced.
struct Given {
    id: String,
    bad: Option<String>,
}

/// INV-1.
async fn replaced(app: &TestApp, length: Duration, stock: usize) {
    let reseller = app.reseller().await;
    let product = stocked(app, &reseller, stock).await;
    app.fund(&reseller, PRICE * stock as i64).await;
    let port = format!("127.0.0.1:{}", free_port());
    let server = serve(app, &[("KEYHOUSE_LISTEN", &port)]);
    let (address, tally, until) = (server.address, Arc::new(Tally::default()), Instant::now() + length);
    let killer = Killer::new(app, Victim::Server, port, tally.clone(), seed());
    let killing = std::thread::spawn(move || killer.run(server, |_| Instant::now() >= until));
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for n in 0..12 {
        let (client, tally, over) = (Client::new(address), tally.clone(), over.clone());
        let path = format!("/dev/v1/resellers/{}/fulfillments", reseller.id.uuid());
        let (shop, base) = (app.shop.developer_test.clone(), wish(&reseller, "", &product, 2));
        clients.spawn(buy_and_replace(n, client, base, (shop, path), tally, over));
    }
    let kills = tokio::task::spawn_blocking(|| killing.join().unwrap()).await.unwrap();
    over.store(true, Ordering::Relaxed);
    let given: Vec<Given> = clients.join_all().await.into_iter().flatten().collect();
    let bad: HashSet<&String> = given.iter().filter_map(|one| one.bad.as_ref()).collect();
    println!("replaced: {} fulfillments, {} bad codes, {} kills", given.len(), bad.len(), kills.number);

    let (mut client, mut good) = (Client::new(address), HashSet::new());
    for one in &given {
        let look = Call::get(format!("/reseller/v1/fulfillments/{}", one.id)).bearer(&reseller.token);
        let items = insist(&mut client, &look, &Tally::default()).await.json()["data"]["items"].clone();
        let codes = texts(&items, "serial");
        assert_eq!(codes.len(), 2, "{}", one.id);
        for code in codes {
            assert!(!bad.contains(&code), "{code} was burned");
            assert!(good.insert(code.clone()), "{code} was handed out twice");
        }
    }
    let mut db = app.db().await;
    assert_eq!(codes_that_are(&mut db, "sold").await, good.len());
    assert_eq!(codes_that_are(&mut db, "burned").await, bad.len());
    for some in bad.iter().collect::<Vec<_>>().chunks(1_000) {
        let again = app.test_merchant().post(&format!("/v1/products/{product}/keys"), json!({ "keys": some })).await;
        assert_eq!(again.is(201).json()["imported"], 0, "a burned code came back");
    }
    assert!(kills.hits > 0 && !bad.is_empty() && !kills.server.log().contains("panic"), "{}", kills.server.log());
}

/// Buys codes by twos, and has a code of every third pair replaced.
async fn buy_and_replace(
    n: usize,
    mut client: Client,
    base: Call,
    (shop, path): (String, String),
    tally: Arc<Tally>,
    over: Arc<AtomicBool>,
) -> Vec<Given> {
    let mut given = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let (name, mut call) = (format!("pair-{n}-{}", given.len()), base.clone());
        call.body.as_mut().unwrap()["external_order_id"] = name.clone().into();
        let heard = insist(&mut client, &call, &tally).await;
        if heard.status == 409 {
            break; // a fast machine has emptied the pool
        }
        assert!(matches!(heard.status, 200 | 201), "{}", heard.text());
        let data = heard.json()["data"].clone();
        let id = data["id"].as_str().unwrap().to_owned();
        let mut bad = None;
        if given.len() % 3 == 0 {
            let body = json!({ "serial_ids": [data["items"][0]["id"]], "reason": "does not open" });
            let call = Call::post(format!("{path}/{id}/replace"), body).bearer(&shop).idempotent(name);
            let heard = until_done(&mut client, &call, &tally).await;
            assert_eq!(heard.status, 200, "{}", heard.text());
            bad = data["items"][0]["serial"].as_str().map(str::to_owned);
        }
        given.push(Given { id, bad });
    }
    given
}

/// As [`insist`], where a twin that is still at work is told of in this surface's words.
async fn until_done(client: &mut Client, call: &Call, tally: &Tally) -> Heard {
    loop {
        let heard = insist(client, call, tally).await;
        if heard.status != 409 || heard.header("retry-after").is_none() {
            return heard;
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

#[test]
fn five_buyers_a_code_buy_every_code_once() {
    house(async |app| stampede(app, 100, 1).await);
}

#[test]
fn five_buyers_a_code_on_three_processes_buy_every_code_once() {
    house(async |app| stampede(app, 100, 3).await);
}

#[test]
#[ignore = "full size: 2,000 codes"]
fn ten_thousand_buyers_of_two_thousand_codes_buy_every_code_once() {
    house(async |app| stampede(app, 2_000, 1).await);
}

#[test]
#[ignore = "full size: 2,000 codes"]
fn ten_thousand_buyers_on_three_processes_buy_every_code_once() {
    house(async |app| stampede(app, 2_000, 3).await);
}

/// INV-2: five wishes for each code by 64 clients of four resellers.
async fn stampede(app: &TestApp, stock: usize, processes: usize) {
    let mut resellers = vec![app.reseller().await];
    let product = stocked(app, &resellers[0], stock).await;
    for _ in 1..4 {
        let reseller = app.reseller().await;
        app.allow(&reseller, &product, PRICE).await;
        resellers.push(reseller);
    }
    for reseller in &resellers {
        app.fund(reseller, PRICE * stock as i64).await;
    }
    let servers: Vec<Server> = (0..processes).map(|_| serve(app, &[])).collect();
    let calls: Vec<Call> = (0..stock * 5).map(|n| wish(&resellers[n % 4], &format!("wish-{n}"), &product, 1)).collect();
    let (calls, mut clients) = (Arc::new(calls), JoinSet::new());
    let db = Arc::new(Mutex::new(app.db().await));
    for n in 0..CLIENTS {
        let (client, calls) = (Client::new(servers[n % processes].address), calls.clone());
        clients.spawn(buy(n, client, calls, db.clone()));
    }
    let sold: Vec<String> = clients.join_all().await.into_iter().flatten().collect();
    assert_eq!(sold.len(), stock, "sold");
    assert_eq!(sold.into_iter().collect::<HashSet<_>>().len(), stock, "each to one");
    assert_eq!(codes_that_are(&mut app.db().await, "sold").await, stock);
}

/// Who is told twice that there is no code left was told the truth. Answers the codes it got.
async fn buy(n: usize, mut client: Client, calls: Arc<Vec<Call>>, db: Arc<Mutex<PgConnection>>) -> Vec<String> {
    let (mut sold, tally) = (Vec::new(), Tally::default());
    for call in calls.iter().skip(n).step_by(CLIENTS) {
        let mut heard = insist(&mut client, call, &tally).await;
        if heard.status == 409 {
            tokio::time::sleep(PATIENCE).await;
            heard = insist(&mut client, call, &tally).await;
        }
        if heard.status == 409 {
            assert_eq!(heard.json()["error"]["code"], "STOCK_UNAVAILABLE", "{}", heard.text());
            assert_eq!(codes_that_are(&mut *db.lock().await, "available").await, 0, "refused while there is a code");
            continue;
        }
        assert_eq!(heard.status, 201, "{}", heard.text());
        sold.extend(texts(&heard.json()["data"]["items"], "serial"));
    }
    sold
}

#[test]
fn an_old_snapshot_takes_nothing_from_anybody() {
    house_with(NO_LIMITS, async |app| under_an_old_snapshot(app, 300).await);
}

#[test]
#[ignore = "full size: 20,000 codes"]
fn an_old_snapshot_takes_nothing_from_twenty_thousand() {
    house_with(NO_LIMITS, async |app| under_an_old_snapshot(app, 20_000).await);
}

/// INV-4: what it costs is P9's to say. While a snapshot of before is open, every code is sold, and none twice.
async fn under_an_old_snapshot(app: &TestApp, stock: usize) {
    let reseller = app.reseller().await;
    let product = stocked(app, &reseller, stock).await;
    app.fund(&reseller, PRICE * stock as i64).await;
    let mut old = app.db().await;
    let mut snapshot = old.begin_with("begin isolation level repeatable read").await.unwrap();
    let free = async |db: &mut PgConnection| codes_that_are(db, "available").await;
    assert_eq!(free(&mut snapshot).await, stock);
    let (key, mut codes) = (app.bearer(reseller.token.clone()), HashSet::new());
    for from in (0..stock).step_by(32) {
        let buy = |n: usize| {
            let wish = order(&format!("wish-{n}"), &product, 1);
            let key = &key;
            async move { key.post("/reseller/v1/fulfillments", wish).await }
        };
        for made in together((from..stock.min(from + 32)).map(buy)).await {
            codes.extend(texts(&made.is(201).json()["data"]["items"], "serial"));
        }
        app.settle().await; // folds what the old snapshot still sees
    }
    assert_eq!(codes.len(), stock);
    key.post("/reseller/v1/fulfillments", order("late", &product, 1)).await.is(402);
    assert_eq!((free(&mut snapshot).await, free(&mut app.db().await).await), (stock, 0));
    snapshot.rollback().await.unwrap();
}

#[test]
fn nothing_is_fulfilled_once_the_program_is_off() {
    house_with(NO_LIMITS, async |app| switch(app, 10).await);
}

#[test]
#[ignore = "full size: 500 times"]
fn nothing_is_fulfilled_once_the_program_is_off_five_hundred_times() {
    house_with(NO_LIMITS, async |app| switch(app, 500).await);
}

/// R44: resellers work as hard as they can while their program is turned off, from another process, and on again.
async fn switch(app: &TestApp, times: usize) {
    let reseller = app.reseller().await;
    let product = stocked(app, &reseller, 50_000).await;
    app.fund(&reseller, PRICE * 50_000).await;
    let server = serve(app, &[]);
    let (over, mut workers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for n in 0..16 {
        let (mut client, over) = (Client::new(server.address), over.clone());
        let base = wish(&reseller, "", &product, 1);
        workers.spawn(async move {
            for line in 0.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let mut call = base.clone();
                call.body.as_mut().unwrap()["external_order_id"] = format!("{n}-{line}").into();
                let heard = client.send(&call).await.unwrap();
                assert!(matches!(heard.status, 201 | 401 | 409), "{}", heard.text());
            }
        });
    }
    let mut db = app.db().await;
    let made = "select count(*) from fulfillments";
    let (mut late, mut before) = (0, 0);
    for _ in 0..times {
        let busy: i64 = sqlx::query_scalar(made).fetch_one(&mut db).await.unwrap();
        while sqlx::query_scalar::<_, i64>(made).fetch_one(&mut db).await.unwrap() < busy + 5 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        app.opens_program(&app.test_developer(), json!({ "is_enabled": false })).await;
        let at_the_answer: i64 = sqlx::query_scalar(made).fetch_one(&mut db).await.unwrap();
        tokio::time::sleep(PATIENCE).await;
        late += sqlx::query_scalar::<_, i64>(made).fetch_one(&mut db).await.unwrap() - at_the_answer;
        before = at_the_answer;
        app.opens_program(&app.test_developer(), json!({})).await;
    }
    over.store(true, Ordering::Relaxed);
    workers.join_all().await;
    println!("switched off {times} times, {before} fulfillments, {late} after an answer");
    assert_eq!(late, 0, "fulfilled after the program was off");
}
