//! IDM-3: however many send one key at once, and to whichever process, it has one effect.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::house::process::Server;
use crate::house::socket::{Call, Client, Heard};
use crate::house::{TestApp, house};

use super::{checkout, codes_that_are, orders, serve, stocked};

const TWINS: usize = 64;
const PROCESSES: usize = 3;

#[test]
fn sixty_four_twins_of_one_key_through_three_processes_have_one_effect() {
    house(async |app| twins(app, 20).await);
}

#[test]
#[ignore = "full size: 10,000 keys"]
fn sixty_four_twins_of_each_of_ten_thousand_keys_have_one_effect() {
    house(async |app| twins(app, 10_000).await);
}

async fn twins(app: &TestApp, keys: usize) {
    let (product, _) = stocked(app, keys).await;
    let servers: Vec<Server> = (0..PROCESSES).map(|_| serve(app, &[])).collect();
    let cart = app.cart(&product, 1);
    let barrier = Arc::new(Barrier::new(TWINS));
    let mut twins = JoinSet::new();
    for n in 0..TWINS {
        let calls = (0..keys).map(|key| checkout(&cart, "ada").idempotent(format!("twins-of-one-key-{key:08}")));
        twins.spawn(send_together(Client::new(servers[n % PROCESSES].address), calls.collect(), barrier.clone()));
    }
    let begun = Instant::now();
    let heard = twins.join_all().await;

    let (mut sessions, mut replays, mut waiting, mut slowest) = (HashSet::new(), 0, 0, 0);
    for key in 0..keys {
        let answers: Vec<&(Heard, u128)> = heard.iter().map(|of_one| &of_one[key]).collect();
        let done: Vec<&Heard> = answers.iter().map(|(heard, _)| heard).filter(|heard| heard.status == 201).collect();
        assert!(!done.is_empty(), "key {key}: nobody got through");
        assert!(done.iter().all(|heard| heard.bytes == done[0].bytes), "key {key}: two answers");
        let first: Vec<_> = done.iter().filter(|heard| heard.header("idempotent-replayed").is_none()).collect();
        assert!(first.len() <= 1, "key {key}: {} effects", first.len());
        for (loser, _) in answers.iter().filter(|(heard, _)| heard.status != 201) {
            assert!(loser.is_conflict("idempotency_in_progress"), "key {key}: {} {}", loser.status, loser.text());
            assert!(loser.header("retry-after").is_some());
            waiting += 1;
        }
        replays += done.len() - first.len();
        slowest = slowest.max(answers.iter().map(|(_, ms)| *ms).max().unwrap());
        assert!(sessions.insert(done[0].json()["id"].to_string()), "key {key}: another key's session");
    }
    println!(
        "twins: {keys} keys, {TWINS} twins, {PROCESSES} processes, {:.1} s: {} effects, {replays} replays, \
        {waiting} still in progress, slowest answer {slowest} ms",
        begun.elapsed().as_secs_f32(),
        sessions.len()
    );

    let mut db = app.db().await;
    assert_eq!((orders(&mut db).await, codes_that_are(&mut db, "reserved").await), (keys, keys));
}

/// Sends each call at the same moment as all the others; answers with how many milliseconds each took.
async fn send_together(mut client: Client, calls: Vec<Call>, barrier: Arc<Barrier>) -> Vec<(Heard, u128)> {
    client.send(&Call::get("/livez")).await.unwrap(); // so that it is connected
    let mut heard = Vec::with_capacity(calls.len());
    for call in calls {
        barrier.wait().await;
        let begun = Instant::now();
        let answer = client.send(&call).await.unwrap();
        heard.push((answer, begun.elapsed().as_millis()));
    }
    heard
}
