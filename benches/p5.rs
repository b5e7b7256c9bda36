//! P5: a sale, checkout to codes, against what it writes. Every sale has a new buyer, as most have.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use keyhouse::domain::ledger;
use keyhouse::domain::products::ProductId;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::house::{House, Stage};
use crate::load::{self, KEYS, Pace, Work};
use crate::measure::{self, Sample, open_loop, peak};
use crate::sale::{self, Ware};
use crate::say;
use crate::seed::{self, Range};
use crate::table::{Goal, Row};

pub const CONNECTIONS: usize = 32;
const GOAL: Goal = Goal::AtLeast(0.4);
/// Codes that are enough for the quick run too.
const CODES_MIN: i64 = 100_000;
/// How long the worker may take for what a run has left it.
const PATIENCE: Duration = Duration::from_mins(5);

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p5").await?;
    let product = stock_up(house, &mut stage).await?;
    let work = Work::Buy(product);
    let warm_up = Pace::Closed { seconds: house.scale.warm_up_seconds };
    let warmed_up = sell(house, &stage, &work, warm_up).await?;

    let ware = reference_ware(house, &mut stage).await?;
    let script = sale::script(&mut stage, &ware).await?;
    settle(&mut stage).await?;
    let clients = measure::best_clients(house, stage.database, &script).await?;

    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    let seconds = house.scale.seconds;
    for round in 1..=house.scale.rounds {
        settle(&mut stage).await?;
        reference.push(measure::reference(house, stage.database, &script, clients, seconds).await?);
        settle(&mut stage).await?;
        ours.push(sell(house, &stage, &work, Pace::Closed { seconds }).await?);
        let last = |samples: &[Sample]| samples.last().map_or(0.0, |sample| sample.per_second);
        say(&format!("  round {round}: {:.0} sales/s of {:.0}/s", last(&ours), last(&reference)));
    }
    settle(&mut stage).await?;
    let open = open_loop(house, &stage, CONNECTIONS, work, peak(&ours)).await?;
    settle(&mut stage).await?;
    let all = || ours.iter().chain([&open, &warmed_up]);
    let (answers, wrong) = (all().map(|sample| sample.answers).sum(), all().map(|sample| sample.wrong).sum());
    check(&mut stage, &ware, answers, wrong).await?;

    let what = format!("checkout, sandbox payment, delivered; {CONNECTIONS} connections");
    let row = Row::new("P5", what, "/s", peak(&ours), Some(peak(&reference)), GOAL);
    let mut row = row.of(&ours, Some(&open)).against(&reference);
    row.note(&format!("two requests a sale, a new buyer each; reference: one transaction, {clients} clients"));
    house.close(stage).await?;
    Ok(vec![row])
}

/// Sales, for as long as the pace says.
pub async fn sell(house: &House, stage: &Stage, work: &Work, pace: Pace) -> anyhow::Result<Sample> {
    measure::ours(house, stage, CONNECTIONS, work.clone(), pace).await
}

/// A sandbox product with real codes: the server opens them again.
pub async fn stock_up(house: &House, stage: &mut Stage) -> anyhow::Result<String> {
    let body = r#"{"name":"Bench","type":"license_key","price_cents":4900,"currency":"USD"}"#;
    let product = load::post(stage.address, &stage.test_key, "/v1/products", body.into()).await?;
    let product = product["id"].as_str().context("a product without id")?.to_owned();
    let imports = house.scale.many.max(CODES_MIN).unsigned_abs() / KEYS as u64;
    say(&format!("  importing {} codes", imports * KEYS as u64));
    let path = format!("/v1/products/{product}/keys");
    let plan =
        load::Plan::new(stage.address, &stage.test_key, 1, Work::ImportKeys(path), Pace::Count { requests: imports });
    ensure!(plan.run().await?.wrong == 0, "the codes were not imported");
    Ok(product)
}

/// A pool of the same size for the reference, which opens no code.
async fn reference_ware(house: &House, stage: &mut Stage) -> anyhow::Result<Ware> {
    let body = r#"{"name":"Reference","type":"license_key","price_cents":4900,"currency":"USD"}"#;
    let product = load::post(stage.address, &stage.test_key, "/v1/products", body.into()).await?;
    let product = product["id"].as_str().and_then(ProductId::parse).context("a product without id")?.uuid();
    let sql = "select shop_id, pool_id from products where id = $1";
    let (shop, pool): (Uuid, Uuid) = sqlx::query_as(sql).bind(product).fetch_one(&mut stage.db).await?;
    let base_ms = seed::prepare(&mut stage.db).await?;
    let range = Range { shop, base_ms, from: 1, until: house.scale.many.max(CODES_MIN) };
    seed::codes(&mut stage.db, range, pool, false).await?;
    seed::balance(&mut stage.db, shop, pool).await?;
    sqlx::raw_sql(sale::FUNCTION).execute(&mut stage.db).await?;
    seed::settle(&mut stage.db).await?;
    Ok(Ware { shop, product, pool })
}

/// Waits until the worker has done what the last run left behind, so that it is not measured with the next.
pub async fn settle(stage: &mut Stage) -> anyhow::Result<()> {
    let sql = "select (select count(*) from mails where state = 'queued' and due_at <= now() + interval '1 day'),
                      (select count(*) from stock_deltas), (select count(*) from ledger_open)";
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut first = true;
    loop {
        let (mails, deltas, entries): (i64, i64, i64) = sqlx::query_as(sql).fetch_one(&mut stage.db).await?;
        if mails + deltas + entries == 0 {
            return Ok(());
        }
        if std::mem::take(&mut first) {
            say(&format!("  the worker has {mails} mails, {deltas} stock deltas, {entries} entries to do"));
        }
        ensure!(tokio::time::Instant::now() < deadline, "the worker does not finish");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// One completed order, one code and one mail for each answer, whatever became of the wrong ones; and
/// every law of the books.
async fn check(stage: &mut Stage, ware: &Ware, answers: u64, wrong: u64) -> anyhow::Result<()> {
    let sql = "select (select count(*) from orders where status = 'completed' and id in (
                           select order_id from order_items where product_id <> $1)),
                      (select count(*) from serials where status = 'sold' and pool_id <> $2),
                      (select count(*) from mails where state = 'sent')";
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(ware.product).bind(ware.pool);
    let (orders, codes, mails): (i64, i64, i64) = query.fetch_one(&mut stage.db).await?;
    let completed = u64::try_from(orders)?;
    ensure!(
        (answers - wrong..=answers).contains(&completed) && codes == orders && mails == orders,
        "{answers} answers, {wrong} of them wrong: {orders} orders, {codes} codes, {mails} mails"
    );
    let broken = ledger::broken_laws(&mut stage.db).await?;
    ensure!(broken.is_empty(), "the books: {}", broken.join("; "));
    Ok(())
}
