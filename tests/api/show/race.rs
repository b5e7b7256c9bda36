//! INV-2: a stampede sells each code once, and not one code more or fewer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::house::process::Server;
use crate::house::socket::Client;
use crate::house::{TestApp, house};

use super::{Tally, checkout, codes_of, codes_that_are, insist, orders, payment, serve, stocked};

const BUYERS: usize = 64;

#[test]
fn a_stampede_on_one_process_sells_each_code_exactly_once() {
    house(async |app| stampede(app, 200, 1).await);
}

#[test]
fn a_stampede_on_three_processes_sells_each_code_exactly_once() {
    house(async |app| stampede(app, 200, 3).await);
}

#[test]
#[ignore = "full size: 1,000 codes"]
fn a_full_stampede_on_one_process_sells_each_code_exactly_once() {
    house(async |app| stampede(app, 1_000, 1).await);
}

#[test]
#[ignore = "full size: 1,000 codes"]
fn a_full_stampede_on_three_processes_sells_each_code_exactly_once() {
    house(async |app| stampede(app, 1_000, 3).await);
}

/// Five attempts for each code, by 64 buyers at once.
async fn stampede(app: &TestApp, stock: usize, processes: usize) {
    let (product, codes) = stocked(app, stock).await;
    let servers: Vec<Server> = (0..processes).map(|_| serve(app, &[])).collect();
    let tally = Arc::new(Tally::default());
    let begun = Instant::now();
    let mut buyers = JoinSet::new();
    for n in 0..BUYERS {
        let client = Client::new(servers[n % processes].address);
        let cart = app.cart(&product, 1);
        buyers.spawn(buy(n, client, cart, (stock * 5).div_ceil(BUYERS), tally.clone()));
    }
    let outcomes = buyers.join_all().await;
    let sold: Vec<String> = outcomes.iter().flat_map(|(sold, _)| sold.clone()).collect();
    let refused: usize = outcomes.iter().map(|(_, refused)| refused).sum();
    println!(
        "stampede: {BUYERS} buyers, {stock} codes, {processes} processes, {:.1} s: sold {}, refused {refused}, {:?}",
        begun.elapsed().as_secs_f32(),
        sold.len(),
        tally.counts()
    );

    assert_eq!(sold.len(), stock, "sold");
    assert_eq!(sold.into_iter().collect::<HashSet<_>>(), codes, "every code went out");
    let mut db = app.db().await;
    assert_eq!((codes_that_are(&mut db, "sold").await, orders(&mut db).await), (stock, stock));
}

/// Attempts to buy one code, again and again; answers the codes it got, and how often there was none.
async fn buy(n: usize, mut client: Client, cart: Value, attempts: usize, tally: Arc<Tally>) -> (Vec<String>, usize) {
    let (mut sold, mut refused) = (Vec::new(), 0);
    for attempt in 0..attempts {
        let call = checkout(&cart, &format!("buyer-{n}")).idempotent(format!("stampede-{n:08}-{attempt:08}"));
        let opened = insist(&mut client, &call, &tally).await;
        if opened.status == 409 {
            assert!(opened.is_conflict("out_of_stock"), "{}", opened.text());
            refused += 1;
            continue;
        }
        assert_eq!(opened.status, 201, "{}", opened.text());
        let paid = insist(&mut client, &payment(&opened.json()), &tally).await;
        assert_eq!(paid.status, 200, "{}", paid.text());
        sold.extend(codes_of(&paid.json()));
    }
    (sold, refused)
}
