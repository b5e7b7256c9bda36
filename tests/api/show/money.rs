//! LED-2 and IDM-8 for money that goes out: sales, refunds and payouts at once, with `kill -9` of the server in the middle. The
//! books balance, nothing that was promised is lost or doubled, and everything on its way comes to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::task::JoinSet;

use crate::house::money::{order_of, payout_body};
use crate::house::process::free_port;
use crate::house::socket::{Call, Client, Heard};
use crate::house::{TestApp, house};

use super::kill::{Killer, Victim, seed};
use super::{Tally, checkout, insist, payment, serve, stocked};

const CLIENTS: usize = 12;
const PRICE: i64 = 4_900;
/// What the first sale is refunded in at once: two of these are more than it.
const HALF_AND_MORE: i64 = 2_500;
/// Only so that a hang ends: that everything ends within the minute of IDM-8 is shown by the clock of the tests in
/// worker/money.rs, and printed here.
const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn the_books_balance_after_sales_refunds_and_payouts_under_kills() {
    house(async |app| storm(app, 150).await);
}

#[test]
#[ignore = "full size: 10,000 movements of money"]
fn the_books_balance_after_ten_thousand_movements_under_kills() {
    house(async |app| storm(app, 10_000).await);
}

/// What a client was told.
#[derive(Default)]
struct Told {
    sales: i64,
    /// Granted, with their answers, to be asked for again.
    refunds: Vec<(Call, Heard)>,
    payouts: Vec<(Call, Heard)>,
}

async fn storm(app: &TestApp, movements: usize) {
    let (product, _) = stocked(app, movements).await;
    let port = format!("127.0.0.1:{}", free_port());
    let server = serve(app, &[("KEYHOUSE_LISTEN", &port)]);
    let (address, tally, moved) = (server.address, Arc::new(Tally::default()), Arc::new(AtomicUsize::new(0)));
    let killer = Killer::new(app, Victim::Server, port, tally.clone(), seed());
    let done = moved.clone();
    let killing = std::thread::spawn(move || killer.run(server, |_| done.load(Ordering::Relaxed) >= movements));
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        let mut pair = [Client::new(address), Client::new(address)];
        let (cart, key) = (app.cart(&product, 1), app.shop.test.clone());
        let (tally, moved) = (tally.clone(), moved.clone());
        clients.spawn(async move {
            let mut told = Told::default();
            while moved.load(Ordering::Relaxed) < movements {
                let before = told.sales + i64::try_from(told.refunds.len() + told.payouts.len()).unwrap();
                trade(n, &mut pair, &cart, &key, &tally, &mut told).await;
                let after = told.sales + i64::try_from(told.refunds.len() + told.payouts.len()).unwrap();
                moved.fetch_add(usize::try_from(after - before).unwrap(), Ordering::Relaxed);
            }
            told
        });
    }
    let told: Vec<Told> = clients.join_all().await;
    let kills = tokio::task::spawn_blocking(|| killing.join().unwrap()).await.unwrap();
    let (sales, refunds, payouts) = told.iter().fold((0, 0, 0), |(sales, refunds, payouts), told| {
        (sales + told.sales, refunds + told.refunds.len(), payouts + told.payouts.len())
    });
    println!("{sales} sales, {refunds} refunds, {payouts} payouts, {} kills, {} hits", kills.number, kills.hits);

    everything_ends(&mut app.db().await).await;
    let mut client = Client::new(address);
    for (call, first) in told.iter().flat_map(|told| told.refunds.iter().chain(&told.payouts)) {
        let again = insist(&mut client, call, &Tally::default()).await;
        assert_eq!((again.status, &again.bytes), (first.status, &first.bytes), "the answer once given is given again");
    }
    drop(client);
    let log = kills.server.kill();
    assert!(kills.hits > 0 && !log.contains("panic"), "{log}");
    adds_up(app, sales, refunds, payouts).await;
}

/// A sale, two refunds of it at once that are more than it together, and a payout of what is left of it.
async fn trade(n: usize, pair: &mut [Client; 2], cart: &Value, key: &str, tally: &Tally, told: &mut Told) {
    let name = format!("trade-{n:012}-{:012}", told.sales);
    let [one, other] = pair;
    let opened = insist(one, &checkout(cart, &format!("buyer-{n}")).idempotent(name.as_str()), tally).await;
    if opened.is_conflict("out_of_stock") {
        return;
    }
    let session = opened.json();
    let paid = insist(one, &payment(&session).idempotent(format!("{name}-pay")), tally).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    told.sales += 1;

    let refund = |which: &str| {
        let body = json!({ "amount_cents": HALF_AND_MORE, "note": if n.is_multiple_of(4) { "fail" } else { "ok" } });
        let path = format!("/v1/orders/{}/refund", order_of(&session));
        Call::post(path, body).bearer(key).idempotent(format!("{name}-refund-{which}"))
    };
    let (first, second) = (refund("first"), refund("second"));
    let (heard, heard_too) = tokio::join!(insist(one, &first, tally), insist(other, &second, tally));
    let granted = [(first, heard), (second, heard_too)].into_iter().filter(|(_, heard)| {
        assert!(matches!(heard.status, 200 | 422), "{}", heard.text());
        heard.status == 200
    });
    // One that failed meanwhile has made room for the other.
    let granted: Vec<_> = granted.collect();
    assert!(granted.len() == 1 || n.is_multiple_of(4), "two refunds of more than half");
    told.refunds.extend(granted);

    let body = payout_body(PRICE - HALF_AND_MORE);
    let call = Call::post("/v1/payouts", body).bearer(key).idempotent(format!("{name}-payout"));
    let heard = insist(one, &call, tally).await;
    assert!(matches!(heard.status, 201 | 422), "{}", heard.text());
    if heard.status == 201 {
        told.payouts.push((call, heard));
    }
}

/// Waits until nothing is on its way any more.
async fn everything_ends(db: &mut PgConnection) {
    let open = "select (select count(*) from refunds where status = 'processing')
                     + (select count(*) from payouts where status in ('queued', 'broadcast'))";
    let begun = Instant::now();
    loop {
        let open: i64 = sqlx::query_scalar(open).fetch_one(&mut *db).await.unwrap();
        if open == 0 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{open} are still on their way");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("everything ended {:.1} s after the last of them", begun.elapsed().as_secs_f32());
}

/// The database has what clients were told, and the books the difference. The laws of the books are held against it when the
/// test ends.
async fn adds_up(app: &TestApp, sales: i64, refunds: usize, payouts: usize) {
    let mut db = app.db().await;
    let figures = "select (select count(*) from orders where paid_at is not null), (select count(*) from refunds),
                          (select count(*) from payouts),
                          (select coalesce(sum(refunded_cents), 0)::bigint from orders),
                          (select coalesce(sum(amount_cents), 0)::bigint from payouts where status = 'confirmed'),
                          (select count(*) from orders where refunded_cents + refunding_cents > total_cents)";
    let (paid, refunds_made, payouts_made, back, out, beyond): (i64, i64, i64, i64, i64, i64) =
        sqlx::query_as(figures).fetch_one(&mut db).await.unwrap();
    assert_eq!((paid, refunds_made, payouts_made), (sales, refunds as i64, payouts as i64), "as acknowledged");
    assert_eq!(beyond, 0);
    assert_eq!(app.payable(app.shop.row.twin).await, sales * PRICE - back - out);
}
