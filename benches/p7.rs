//! P7: an import of five thousand codes, against a COPY of as many rows.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use keyhouse::domain::ledger;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::cpu::Cpu;
use crate::house::{House, Stage};
use crate::load::{self, KEYS, Pace, Work};
use crate::measure::{self, Sample, median};
use crate::say;
use crate::seed::{self, Range};
use crate::table::{Goal, Row};

/// As long as ours: layout, nonce, tag, and a code of 24 bytes.
const SEALED_BYTES: usize = 69;

/// The rows that a COPY brings, each time new ones.
struct Copies {
    shop: Uuid,
    pool: Uuid,
    base_ms: u128,
    made: u128,
}

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p7").await?;
    let (product, pool) = prepare(house, &mut stage).await?;
    let mut copies =
        Copies { shop: stage.shop, pool: Uuid::from_u128(7), base_ms: now_ms(&mut stage.db).await?, made: 0 };
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    let warm_up = import(house, &stage, &product, 2).await?;
    copies.run(house, &mut stage.db, 2).await?;
    for round in 1..=house.scale.rounds {
        reference.push(copies.run(house, &mut stage.db, house.scale.imports).await?);
        ours.push(import(house, &stage, &product, house.scale.imports).await?);
        let (a, b) = (&ours[round - 1], &reference[round - 1]);
        say(&format!("  round {round}: an import {:.1} ms, a COPY {:.1} ms", a.p50_ms, b.p50_ms));
    }
    let sent = ours.iter().chain([&warm_up]).map(|sample| sample.answers).sum();
    check(house, &mut stage, pool, sent).await?;

    let of = |samples: &[Sample]| median(samples, |sample| sample.p50_ms);
    let what = format!("import of {KEYS} codes into a pool of {}", house.scale.many);
    let row = Row::new("P7", what, "ms", of(&ours), Some(of(&reference)), Goal::AtMost(2.0));
    let mut row =
        row.of(&ours, None).against(&reference).wrong(warm_up.wrong + ours.iter().map(|s| s.wrong).sum::<u64>());
    row.p50_ms = Some(of(&ours));
    row.p99_ms = Some(median(&ours, |sample| sample.p99_ms));
    row.note("one connection; percentiles of its imports");
    house.close(stage).await?;
    Ok(vec![row])
}

/// Two pools of the same size in one table, and the product of the first.
async fn prepare(house: &House, stage: &mut Stage) -> anyhow::Result<(String, Uuid)> {
    let body = r#"{"name":"Codes","type":"license_key","price_cents":100,"currency":"USD"}"#.to_owned();
    let product = load::post(stage.address, &stage.key, "/v1/products", body).await?;
    let product = product["id"].as_str().context("a product without an id")?.to_owned();
    let db = &mut stage.db;
    let pool: Uuid = sqlx::query_scalar("select pool_id from products").fetch_one(&mut *db).await?;
    let base_ms = seed::prepare(db).await?;
    let indexes = seed::drop_indexes(db, "serials").await?;
    let many = house.scale.many;
    let ours = Range { shop: stage.shop, base_ms, from: 1, until: many };
    seed::codes(db, ours, pool, false).await?;
    seed::codes(db, Range { from: many + 1, until: 2 * many, ..ours }, Uuid::from_u128(7), false).await?;
    seed::make_indexes(db, indexes).await?;
    seed::balance(db, stage.shop, pool).await?;
    seed::settle(db).await?;
    Ok((product, pool))
}

async fn import(house: &House, stage: &Stage, product: &str, requests: u64) -> anyhow::Result<Sample> {
    let work = Work::ImportKeys(format!("/v1/products/{product}/keys"));
    measure::ours(house, stage, 1, work, Pace::Count { requests }).await
}

/// Every code is there, and the books agree.
async fn check(house: &House, stage: &mut Stage, pool: Uuid, imports: u64) -> anyhow::Result<()> {
    let db = &mut stage.db;
    let found: i64 =
        sqlx::query_scalar("select count(*) from serials where pool_id = $1").bind(pool).fetch_one(&mut *db).await?;
    let expected = house.scale.many + i64::try_from(imports)? * i64::try_from(KEYS)?;
    ensure!(found == expected, "{expected} codes must be there, and {found} are");
    seed::balance(db, stage.shop, Uuid::from_u128(7)).await?;
    let wrong = ledger::broken_laws(db).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    ensure!(wrong.is_empty(), "the books are wrong: {}", wrong.join("; "));
    Ok(())
}

async fn now_ms(db: &mut PgConnection) -> anyhow::Result<u128> {
    let ms: i64 = sqlx::query_scalar("select (extract(epoch from now()) * 1000)::bigint").fetch_one(db).await?;
    Ok(u128::try_from(ms)?)
}

impl Copies {
    async fn run(&mut self, house: &House, db: &mut PgConnection, times: u64) -> anyhow::Result<Sample> {
        measure::undisturbed(house, async || self.attempt(house, db, times).await).await
    }

    /// One COPY after the other on an open connection, which is kinder to it than starting psql each time.
    async fn attempt(&mut self, house: &House, db: &mut PgConnection, times: u64) -> anyhow::Result<Sample> {
        let mut took = Vec::new();
        let before = Cpu::now(None, house.cluster.pid);
        for _ in 0..times {
            let rows = self.rows();
            let begun = Instant::now();
            let sql = "copy serials (shop_id, id, pool_id, code_hash, sealed, created_at) from stdin";
            let mut copy = db.copy_in_raw(sql).await?;
            copy.send(rows.as_bytes()).await?;
            ensure!(copy.finish().await? == KEYS as u64, "COPY lost rows");
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        let used = Cpu::now(None, house.cluster.pid).since(before, times);
        took.sort_by(f64::total_cmp);
        let p50_ms = took[took.len() / 2];
        let p99_ms = took[took.len() - 1];
        Ok(Sample { per_second: 1_000.0 / p50_ms, p50_ms, p99_ms, used, answers: times, wrong: 0 })
    }

    fn rows(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..KEYS {
            self.made += 1;
            let chance = Sha256::digest(self.made.to_be_bytes());
            let random = chance[..8].iter().fold(0_u128, |all, byte| all << 8 | u128::from(*byte)) >> 2;
            let id = Uuid::from_u128((self.base_ms + self.made) << 80 | 0x7 << 76 | 0b10 << 62 | random);
            let sealed = hex(&chance.repeat(3)[..SEALED_BYTES]);
            let (shop, pool, hash) = (self.shop, self.pool, hex(&chance[..16]));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{shop}\t{id}\t{pool}\t\\\\x{hash}\t\\\\x{sealed}\t2026-01-01T00:00:00Z");
        }
        text
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
