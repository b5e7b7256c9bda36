//! P8: one claim at the end of a long history, against one from a fresh pool in an empty database.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::house::House;
use crate::seed::{self, Range};
use crate::table::{Goal, Row};
use crate::{say, source};

const SHOP: Uuid = Uuid::from_u128(8);
const POOL: Uuid = Uuid::from_u128(88);
const LEFT: i64 = 100;
const FRESH: i64 = 10_000;
/// The last share of the history is sold code by code, so that its dead rows are there: a fiftieth, twice
/// what autovacuum leaves standing. The rest is written down as sold.
const RECENTLY: i64 = 50;
/// Claims between two refills, so that there are always about a hundred left.
const REFILL: i64 = 10;
const GOAL: Goal = Goal::AtMost(1.5);
const GOAL_BUFFERS: f64 = 20.0;

/// One client that claims from one pool.
struct Claimer {
    db: PgConnection,
    sql: String,
    /// As the server's: the last position it took.
    cursor: i64,
    base_ms: i64,
    /// Codes seeded.
    codes: i64,
    claims: Histogram<u64>,
    statements: Histogram<u64>,
}

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let sold = house.scale.sold;
    let mut fresh = Claimer::new(house, "p8_fresh").await?;
    fresh.seed(1, FRESH, false).await?;
    seed::settle(&mut fresh.db).await?;
    let mut old = Claimer::new(house, "p8_old").await?;
    old.grow_old(sold).await?;
    let mut rows = Vec::new();

    rows.extend(old.buffers(&format!("{sold} sold, before vacuum")).await?);
    rows.extend(compare(house, &mut old, &mut fresh, &format!("{sold} sold, {LEFT} left, before vacuum")).await?);
    say("  vacuum, as autovacuum does it");
    sqlx::raw_sql("alter table serials reset (autovacuum_enabled)").execute(&mut old.db).await?;
    seed::settle(&mut old.db).await?;
    rows.extend(old.buffers(&format!("{sold} sold, after vacuum")).await?);
    rows.extend(compare(house, &mut old, &mut fresh, &format!("{sold} sold, {LEFT} left, after vacuum")).await?);
    rows.extend(fresh.buffers("fresh pool").await?.into_iter().map(|row| Row { goal: Goal::None, ..row }));

    drop((old, fresh));
    for database in ["p8_old", "p8_fresh"] {
        house.cluster.remove(database).await?;
    }
    Ok(rows)
}

/// One claim of each in turn, so that both meet the same disk.
async fn compare(house: &House, old: &mut Claimer, fresh: &mut Claimer, what: &str) -> anyhow::Result<Vec<Row>> {
    for claimer in [&mut *old, &mut *fresh] {
        for _ in 0..house.scale.claims / 10 {
            claimer.claim().await?;
        }
        claimer.claims.reset();
        claimer.statements.reset();
    }
    for _ in 0..house.scale.claims {
        old.claim().await?;
        fresh.claim().await?;
    }
    let ms = |histogram: &Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
    let row = |what: String, old: &Histogram<u64>, fresh: &Histogram<u64>, goal| {
        let mut row = Row::new("P8", what, "ms", ms(old, 0.99), Some(ms(fresh, 0.99)), goal);
        (row.p50_ms, row.p99_ms) = (Some(ms(old, 0.5)), Some(ms(old, 0.99)));
        row.note(&format!("p99 of {} claims; p50 of the fresh pool {:.2} ms", old.len(), ms(fresh, 0.5)));
        row
    };
    Ok(vec![
        row(format!("claim and commit, {what}"), &old.claims, &fresh.claims, GOAL),
        row("its statement alone".into(), &old.statements, &fresh.statements, GOAL),
    ])
}

impl Claimer {
    async fn new(house: &House, database: &str) -> anyhow::Result<Self> {
        let mut db = house.migrated(database).await?;
        let base_ms = seed::prepare(&mut db).await?;
        sqlx::raw_sql("alter table serials set (autovacuum_enabled = off)").execute(&mut db).await?;
        let sql = source::statement(source::SERIALS, "take")?;
        let histogram = || Histogram::new(3);
        Ok(Self { db, sql, cursor: 0, base_ms, codes: 0, claims: histogram()?, statements: histogram()? })
    }

    async fn seed(&mut self, from: i64, until: i64, sold: bool) -> anyhow::Result<()> {
        self.codes = until;
        seed::codes(&mut self.db, Range { shop: SHOP, base_ms: self.base_ms, from, until }, POOL, sold).await
    }

    async fn grow_old(&mut self, sold: i64) -> anyhow::Result<()> {
        let recently = sold / RECENTLY;
        let indexes = seed::drop_indexes(&mut self.db, "serials").await?;
        self.seed(1, sold - recently, true).await?;
        seed::make_indexes(&mut self.db, indexes).await?;
        self.seed(sold - recently + 1, sold + LEFT, false).await?;
        seed::settle(&mut self.db).await?;
        say(&format!("  selling {recently} of them"));
        let sql = "update serials set status = 'sold', sold_at = now(), order_item_id = id
                   where shop_id = $1 and status = 'available' and pos <= $2";
        sqlx::query(sql).bind(SHOP).bind(sold).execute(&mut self.db).await?;
        self.cursor = sold;
        sqlx::raw_sql("checkpoint").execute(&mut self.db).await?;
        Ok(())
    }

    /// One claim, timed with its transaction and without; then, beside the clock, what fills the pool up.
    async fn claim(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut transaction = self.db.begin().await?;
        let asked = Instant::now();
        let query = sqlx::query_scalar::<_, i64>(AssertSqlSafe(self.sql.clone()));
        let query = query.bind(SHOP).bind(POOL).bind(self.cursor).bind(1_i64).bind("sold");
        let now = chrono::DateTime::from_timestamp_millis(self.base_ms);
        let taken = query
            .bind(now)
            .bind(Uuid::from_u128(self.cursor.unsigned_abs().into()))
            .fetch_all(&mut *transaction)
            .await?;
        let statement = asked.elapsed();
        transaction.commit().await?;
        self.claims.record(u64::try_from(begun.elapsed().as_micros())?)?;
        self.statements.record(u64::try_from(statement.as_micros())?)?;
        ensure!(taken.len() == 1 && taken[0] > self.cursor, "a claim took {taken:?} behind {}", self.cursor);
        self.cursor = taken[0];
        let free = self.codes - self.cursor;
        if free <= LEFT - REFILL {
            self.seed(self.codes + 1, self.codes + REFILL, false).await?;
        }
        Ok(())
    }

    /// What EXPLAIN counts for one claim: with the cursor of a server at work, and from the beginning, as
    /// the first claim of a process that has just started, and its second.
    async fn buffers(&mut self, what: &str) -> anyhow::Result<Vec<Row>> {
        let arguments = "(uuid, uuid, bigint, bigint, text, timestamptz, uuid)";
        let sql = format!("prepare claim {arguments} as {}", self.sql);
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.db).await?;
        let mut rows = Vec::new();
        let cursor = self.cursor;
        let starts = [("with its cursor", cursor), ("from the start, first", 0), ("from the start, again", 0)];
        for (how, from) in starts {
            let (all, search) = self.explain(from).await?;
            let goal = if from > 0 { Goal::Within(GOAL_BUFFERS) } else { Goal::None };
            let mut row = Row::new("P8", format!("claim {how}: {what}"), "buffers", all, None, goal);
            row.note(&format!("{search} of them to find and lock the code"));
            rows.push(row);
        }
        sqlx::raw_sql("deallocate claim").execute(&mut self.db).await?;
        Ok(rows)
    }

    /// Buffers of the whole statement, and of its search.
    async fn explain(&mut self, from: i64) -> anyhow::Result<(f64, f64)> {
        let execute = format!("execute claim ('{SHOP}', '{POOL}', {from}, 1, 'sold', now(), '{POOL}')");
        let mut transaction = self.db.begin().await?;
        let sql = format!("explain (analyze, buffers, format json) {execute}");
        let plan: serde_json::Value =
            sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut *transaction).await?;
        transaction.rollback().await?;
        let top = &plan[0]["Plan"];
        let of = |node: &serde_json::Value| {
            let count = |name: &str| node[name].as_f64();
            Some(count("Shared Hit Blocks")? + count("Shared Read Blocks")?)
        };
        let search = top["Plans"].as_array().into_iter().flatten().find(|node| node["Subplan Name"] == "CTE picked");
        let found = of(top).zip(search.and_then(of));
        found.with_context(|| format!("a plan of another shape: {plan}"))
    }
}
