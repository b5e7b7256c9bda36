//! The reference of P3 and P4: what one fulfillment writes, in one transaction with row locks. It reads nothing, knows
//! beforehand what the server has to look up, and locks what all its clients contend for last.

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::house::{House, Stage};
use crate::measure::{self, Sample};
use crate::pgbench::{Param, Script};
use crate::resale::{FUNDS, PRICE, Trade, free};
use crate::sale::{self, array, as_is, id, is, run};
use crate::seed::{self, Range};
use crate::source::{self, statement};

/// Behind which the ids of pools and products begin, each at its own: those of relationships are 1, 2, 3 …
const POOLS: i64 = 1_000_000_000;
const PRODUCTS: i64 = 2_000_000_000;

/// What the reference's side of a comparison trades with: rows of the same tables, beside the server's.
pub struct Wholesale {
    shop: Uuid,
    base_ms: i64,
    relationships: i64,
    pools: Vec<Uuid>,
    /// Of one pool, full.
    codes: i64,
    seeded: i64,
}

impl Wholesale {
    pub async fn open(
        stage: &mut Stage,
        trade: &Trade,
        relationships: i64,
        pools: i64,
        codes: i64,
    ) -> anyhow::Result<Self> {
        sqlx::raw_sql(sale::FUNCTION).execute(&mut stage.db).await?;
        let sql = "select bench_id($1 + n, $2 + n) from generate_series(1, $3) n order by n";
        let query = sqlx::query_scalar(sql).bind(trade.base_ms).bind(POOLS).bind(pools);
        let pools = query.fetch_all(&mut stage.db).await?;
        let mut it = Self { shop: stage.shop, base_ms: trade.base_ms, relationships, pools, codes, seeded: 0 };
        it.fund(&mut stage.db).await?;
        it.stock_up(&mut stage.db).await?;
        seed::settle(&mut stage.db).await?;
        Ok(it)
    }

    /// Accounts with money, and the entries that it came by.
    async fn fund(&self, db: &mut PgConnection) -> anyhow::Result<()> {
        let sql = "with account as (
                 insert into ledger_accounts (shop_id, id, kind, owner, currency, held, balance, version)
                 select $1, bench_id($2 + n, 0 - n), 'prepaid', bench_id($2 + n, n)::text, 'USD', true, $3, 1
                 from generate_series(1, $4) n),
             transfer as (
                 insert into ledger_transfers (shop_id, id, kind, state, reference_id, currency, created_at, settled_at)
                 select $1, bench_id($2 + n, n), 'top_up', 'posted', bench_id($2 + n, n), 'USD', now(), now()
                 from generate_series(1, $4) n),
             clearing as materialized (
                 select id from ledger_accounts where shop_id = $1 and kind = 'clearing' and owner = 'manual'),
             folded as (
                 update ledger_accounts a set balance = a.balance - $3 * $4 from clearing
                 where a.shop_id = $1 and a.id = clearing.id)
             insert into ledger_entries (shop_id, id, transfer_id, account_id, amount, version, balance_after, created_at)
             select $1, bench_id($2 + n, n), bench_id($2 + n, n), bench_id($2 + n, 0 - n), $3, 1, $3, now()
             from generate_series(1, $4) n
             union all
             select $1, bench_id($2 + n, 0 - n), bench_id($2 + n, n), clearing.id, 0 - $3, null, null, now()
             from clearing, generate_series(1, $4) n";
        let query = sqlx::query(sql).bind(self.shop).bind(self.base_ms).bind(FUNDS).bind(self.relationships);
        query.execute(db).await?;
        Ok(())
    }

    /// Both sides claim through the partial index.
    pub async fn same_index(&self, db: &mut PgConnection, trade: &Trade) -> anyhow::Result<()> {
        let [ours, theirs] = [trade.pools.first(), self.pools.first()].map(|pool| pool.copied().context("no pool"));
        same_index(db, self.shop, [ours?, theirs?]).await
    }

    /// Fills every pool up to its size. Nobody opens these codes.
    async fn stock_up(&mut self, db: &mut PgConnection) -> anyhow::Result<()> {
        for pool in self.pools.clone() {
            let missing = self.codes - free(db, self.shop, pool).await?;
            if missing <= 0 {
                continue;
            }
            let (from, until) = (self.seeded + 1, self.seeded + missing);
            seed::codes(db, Range { shop: self.shop, base_ms: self.base_ms, from, until }, pool, false).await?;
            self.seeded = until;
            let sql = "insert into stock_levels as l (shop_id, pool_id, level) values ($1, $2, $3)
                       on conflict (shop_id, pool_id) do update set level = l.level + excluded.level";
            sqlx::query(sql).bind(self.shop).bind(pool).bind(missing).execute(&mut *db).await?;
        }
        Ok(())
    }

    /// One run, from full pools.
    pub async fn run(
        &mut self,
        house: &House,
        stage: &mut Stage,
        script: &Script,
        clients: usize,
    ) -> anyhow::Result<Sample> {
        self.stock_up(&mut stage.db).await?;
        crate::p5::settle(stage).await?;
        measure::reference(house, stage.database, script, clients, house.scale.seconds).await
    }

    /// The statements as they stand in `src`, with the values of the server's own answers; so at least one must
    /// have been given.
    pub async fn script(&self, db: &mut PgConnection, quantity: usize) -> anyhow::Result<Script> {
        let alone = self.relationships == 1 && self.pools.len() == 1;
        let base = self.base_ms;
        let relationship = format!("bench_id({base} + :r, :r)");
        let account = format!("bench_id({base} + :r, 0 - :r)");
        let product = format!("bench_id({base} + :p, {PRODUCTS} + :p)");
        let pool_id = format!("bench_id({base} + :p, {POOLS} + :p)");
        // A client's cursor, as the server keeps one; it has room for one pool.
        let cursor = if alone { as_is(":kept_pos") } else { is(0) };
        let (one, transfer, total) = (id(0), id(1), PRICE * i64::try_from(quantity)?);
        let script = Script::default().random("r", 1, self.relationships);
        let script = script.random("p", 1, i64::try_from(self.pools.len())?);
        let mut sale = Statements { script, shop: self.shop };

        sale.script =
            sale.script.statement(&claim()?, &[is(self.shop), as_is(&pool_id), cursor, is(quantity), as_is(&one)])?;
        sale.script = sale.script.keep("pos");
        let delta = [array(&pool_id), array(&id(2)), is(format!("{{-{quantity}}}"))];
        sale.add(source::SERIALS, "insert_deltas", &delta)?;
        let topic = is("{reseller:api_fulfillment_delivered}");
        let told = [array(&id(3)), topic, array(&one), payload(db).await?, as_is("now()")];
        sale.add(source::OUTBOX, "insert_events", &told)?;
        let by_hand = [Param::Null("text"), Param::Null("uuid")];
        let posted = [as_is(&transfer), is("fulfillment"), is("posted"), as_is(&one), is("USD"), as_is("now()")];
        let posted = [&posted[..], &by_hand].concat();
        sale.add(source::LEDGER, "open", &posted)?;
        let bought = [as_is("current_date"), array(&relationship), is(format!("{{{quantity}}}"))];
        sale.add(source::BOUGHT, "record", &bought)?;
        sale.add(source::LEDGER, "debit_held", &[as_is(&account), is(total)])?;
        sale.script = sale.script.keep("version").keep_too("balance");
        let income = income(db, self.shop).await?;
        sale.add(source::LEDGER, "enter", &entries(&transfer, &account, income, total))?;
        let (orders, list) = (array(&format!("'bench-' || {one}")), |value: i64| is(format!("{{{value}}}")));
        let what = [array(&one), array(&relationship), orders, array(&product), list(i64::try_from(quantity)?)];
        let how = [is("{buyer@example.com}"), list(PRICE), list(total), is("{USD}"), array(":kept_balance")];
        sale.add(source::FULFILLMENTS, "insert_all", &[&what[..], &how, &[as_is("now()")]].concat())?;
        Ok(sale.script.in_one_transaction())
    }
}

struct Statements {
    script: Script,
    shop: Uuid,
}

impl Statements {
    /// The first statement of a function, with the shop for its first parameter.
    fn add(&mut self, source: &str, function: &str, params: &[Param]) -> anyhow::Result<()> {
        let params = [&[is(self.shop)], params].concat();
        self.script = run(std::mem::take(&mut self.script), source, function, &params)?;
        Ok(())
    }
}

/// The server's lock on free codes, and its sale of them, in one statement. $1 shop, $2 pool, $3 from, $4 quantity,
/// $5 the fulfillment.
fn claim() -> anyhow::Result<String> {
    let lock = statement(source::LOT, "lock")?.replace("\"pos!\"", "pos");
    Ok(format!(
        "with picked as materialized ({lock}),
         sold as (
             update serials s set status = 'sold', sold_at = now(), fulfillment_id = $5
             from picked where s.shop_id = $1 and s.id = picked.id and s.status = 'available' returning s.pos)
         select max(pos) as pos from sold"
    ))
}

/// That of an answer of the server's, in Postgres's spelling of an array.
async fn payload(db: &mut PgConnection) -> anyhow::Result<Param> {
    let sql = "select payload::text from events where topic = 'reseller:api_fulfillment_delivered' limit 1";
    let payload: String = sqlx::query_scalar(sql).fetch_one(db).await.context("nothing was fulfilled yet")?;
    Ok(is(format!("{{\"{}\"}}", payload.replace('"', "\\\""))))
}

/// Where the server books what it takes.
async fn income(db: &mut PgConnection, shop: Uuid) -> anyhow::Result<Uuid> {
    let sql = "select id from ledger_accounts where shop_id = $1 and kind = 'wholesale'";
    sqlx::query_scalar(sql).bind(shop).fetch_one(db).await.context("nothing was booked yet")
}

/// Out of the prepaid balance and into the shop's wholesale income.
fn entries(transfer: &str, account: &str, income: Uuid, total: i64) -> Vec<Param> {
    vec![
        as_is(transfer),
        is("USD"),
        as_is(&format!("array[{}, {}]", id(4), id(5))),
        as_is(&format!("array[{account}, '{income}'::uuid]")),
        is(format!("{{-{total},{total}}}")),
        as_is("array[:kept_version, null]"),
        as_is("array[:kept_balance, null]"),
        is(format!("{{{income}}}")),
        is("{wholesale}"),
        is("{\"\"}"),
        as_is("now()"),
    ]
}

/// Both sides find and lock their codes through the partial index. The plan for these values is the one that both get:
/// a plan for any quantity would be far dearer, and Postgres does not take it then.
async fn same_index(db: &mut PgConnection, shop: Uuid, pools: [Uuid; 2]) -> anyhow::Result<()> {
    let lock = statement(source::LOT, "lock")?.replace("\"pos!\"", "pos");
    for (types, sql, pool, rest) in [
        ("uuid, uuid, bigint, bigint", lock, pools[0], "0, 20".to_owned()),
        ("uuid, uuid, bigint, bigint, uuid", claim()?, pools[1], format!("0, 20, '{}'", Uuid::from_u128(1))),
    ] {
        sqlx::raw_sql(AssertSqlSafe(format!("prepare locking ({types}) as {sql}"))).execute(&mut *db).await?;
        let explain = AssertSqlSafe(format!("explain execute locking ('{shop}', '{pool}', {rest})"));
        let plan: Vec<String> = sqlx::query_scalar(explain).persistent(false).fetch_all(&mut *db).await?;
        sqlx::raw_sql("deallocate locking").execute(&mut *db).await?;
        let plan = plan.join("\n");
        let good = plan.contains("using serials_claim") && !plan.contains("Seq Scan on serials");
        ensure!(good, "a claim has another plan:\n{plan}");
    }
    Ok(())
}
