//! Resellers with keys and money, and products with real codes; and what must be true of them after a run.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use keyhouse::domain::data_keys;
use keyhouse::domain::keys::{self, NewResellerKey};
use keyhouse::domain::ledger::{self, Account, Kind, Purpose, Transfer, prepaid};
use keyhouse::domain::products::ProductId;
use keyhouse::domain::resellers::{self, ProgramPatch, Reseller};
use keyhouse::domain::shops::Tenant;
use keyhouse::kit::clock::Clock;
use keyhouse::kit::env::Env;
use keyhouse::kit::money::{Cents, Currency};
use keyhouse::kit::secret::{self, reveal};
use keyhouse::kit::vault::MasterKey;
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::house::{House, MASTER_KEY, Stage};
use crate::load::{self, KEYS, Pace, Plan, Work};
use crate::measure::{self, CONNECTIONS, Sample};
use crate::{p5, say, seed};

/// Of one code, in cents.
pub const PRICE: i64 = 390;
/// More than any run spends.
pub const FUNDS: i64 = 1_000_000_000_000;
/// Of all pools together: enough for the quick run too.
const CODES_MIN: i64 = 100_000;

/// What the server's side of a comparison trades with.
pub struct Trade {
    tenant: Tenant,
    relationships: Vec<Uuid>,
    tokens: Vec<String>,
    products: Vec<String>,
    pub pools: Vec<Uuid>,
    /// Of one pool, full.
    codes: i64,
    /// When the oldest seed was made.
    pub base_ms: i64,
    /// Answers, wrong ones and codes since the beginning.
    answers: u64,
    wrong: u64,
    ordered: u64,
}

impl Trade {
    /// So many relationships, each with a key, money, and access to so many products; the codes are split among
    /// the pools evenly.
    pub async fn open(house: &House, stage: &mut Stage, relationships: usize, products: usize) -> anyhow::Result<Self> {
        let env = env(&mut stage.db).await?;
        let known = keys::authenticate(&mut stage.db, &secret::hash(&stage.key)).await?;
        let tenant = known.context("the shop's key opens nothing")?.shop;
        let on = ProgramPatch { enabled: Some(true), ..ProgramPatch::default() };
        resellers::update_program(&mut stage.db, tenant, &env, on).await?;
        let each = house.scale.many.max(CODES_MIN) / i64::try_from(products)?;
        let mut trade = Self {
            tenant,
            relationships: Vec::new(),
            tokens: Vec::new(),
            products: Vec::new(),
            pools: Vec::new(),
            codes: each.max(i64::try_from(KEYS)?),
            base_ms: seed::prepare(&mut stage.db).await?,
            answers: 0,
            wrong: 0,
            ordered: 0,
        };
        for n in 1..=products {
            trade.add_product(stage, n).await?;
        }
        let mut transaction = stage.db.begin().await?;
        for n in 1..=relationships {
            trade.add_relationship(&mut transaction, &env, n).await?;
        }
        transaction.commit().await?;
        trade.stock_up(stage).await?;
        Ok(trade)
    }

    async fn add_product(&mut self, stage: &mut Stage, n: usize) -> anyhow::Result<()> {
        let body = format!(r#"{{"name":"Bench {n}","type":"license_key","price_cents":490,"currency":"USD"}}"#);
        let product = load::post(stage.address, &stage.key, "/v1/products", body).await?;
        let product = product["id"].as_str().context("a product without id")?.to_owned();
        let id = ProductId::parse(&product).context("a product without a good id")?.uuid();
        let sql = "select pool_id from products where id = $1";
        self.pools.push(sqlx::query_scalar(sql).bind(id).fetch_one(&mut stage.db).await?);
        self.products.push(product);
        Ok(())
    }

    async fn add_relationship(&mut self, db: &mut PgConnection, env: &Env, n: usize) -> anyhow::Result<()> {
        let (id, shop) = (env.id::<Reseller>(), self.tenant.uuid());
        let sql =
            "insert into resellers (shop_id, id, account_id, email, code, mode, access_listed, created_at, updated_at)
                   values ($1, $2, $2, $3, $4, 'STOCK', true, now(), now())";
        let row = sqlx::query(sql).bind(shop).bind(*id).bind(format!("reseller{n}@example.com"));
        row.bind(format!("R{n:07}")).execute(&mut *db).await?;
        let sql = "insert into reseller_access (shop_id, reseller_id, product_id, wholesale_cents)
                   select shop_id, $2, id, $3 from products where shop_id = $1 and pool_id = any($4)";
        let access = sqlx::query(sql).bind(shop).bind(*id).bind(PRICE).bind(&self.pools);
        access.execute(&mut *db).await?;
        let new = NewResellerKey { name: "bench".into(), allowed_ips: Vec::new() };
        let minted = keys::mint_for(db, self.tenant, env, *id, new).await?;
        let (from, to) = (Account::recording(Kind::Clearing, "manual"), prepaid(*id));
        let funds = Cents::new(FUNDS).context("funds beyond all bounds")?;
        let paid = Transfer::between(Purpose::TopUp, *env.id::<Transfer>(), usd()?, from, to, funds);
        ledger::post(db, self.tenant, env, &paid).await?;
        self.relationships.push(*id);
        self.tokens.push(reveal(&minted.secret));
        Ok(())
    }

    /// Fills every pool up to its size by imports, so that the server can open its codes.
    pub async fn stock_up(&self, stage: &mut Stage) -> anyhow::Result<()> {
        for (pool, product) in self.pools.iter().zip(&self.products) {
            let missing = self.codes - free(&mut stage.db, self.tenant.uuid(), *pool).await?;
            let requests = missing.max(0).unsigned_abs() / KEYS as u64;
            if requests == 0 {
                continue;
            }
            if self.pools.len() == 1 {
                say(&format!("  importing {} codes", requests * KEYS as u64));
            }
            let work = Work::ImportKeys(format!("/v1/products/{product}/keys"));
            let plan = Plan::new(stage.address, &stage.key, 1, work, Pace::Count { requests });
            ensure!(plan.run().await?.wrong == 0, "the codes were not imported");
        }
        Ok(())
    }

    pub fn work(&self, quantity: usize) -> Work {
        Work::Fulfill { keys: self.tokens.clone(), products: self.products.clone(), quantity }
    }

    /// One run, from full pools and with nothing left of the run before.
    pub async fn run(
        &mut self,
        house: &House,
        stage: &mut Stage,
        quantity: usize,
        pace: Pace,
    ) -> anyhow::Result<Sample> {
        self.stock_up(stage).await?;
        p5::settle(stage).await?;
        let sample = measure::ours(house, stage, CONNECTIONS, self.work(quantity), pace).await?;
        self.count(&sample, quantity);
        Ok(sample)
    }

    /// Latency at a share of the peak.
    pub async fn open_loop(
        &mut self,
        house: &House,
        stage: &mut Stage,
        quantity: usize,
        peak: f64,
    ) -> anyhow::Result<Sample> {
        self.stock_up(stage).await?;
        p5::settle(stage).await?;
        let sample = measure::open_loop(house, stage, CONNECTIONS, self.work(quantity), peak).await?;
        self.count(&sample, quantity);
        Ok(sample)
    }

    fn count(&mut self, sample: &Sample, quantity: usize) {
        self.answers += sample.answers;
        self.wrong += sample.wrong;
        self.ordered += sample.answers * quantity as u64;
    }

    /// Each answer has its fulfillment, its codes, its debit and its event, and there are no others; and every law
    /// of the books holds, the reference's too.
    pub async fn check(&self, stage: &mut Stage) -> anyhow::Result<()> {
        p5::settle(stage).await?;
        let sql = "select count(*), coalesce(sum(quantity), 0)::bigint, coalesce(sum(total_cents), 0)::bigint
                   from fulfillments where shop_id = $1 and reseller_id = any($2)";
        let query = sqlx::query_as(sql).bind(self.tenant.uuid()).bind(&self.relationships);
        let (made, codes, spent): (i64, i64, i64) = query.fetch_one(&mut stage.db).await?;
        let counted = u64::try_from(made)?;
        ensure!(
            (self.answers - self.wrong..=self.answers).contains(&counted),
            "{} answers, {} of them wrong: {made} fulfillments",
            self.answers,
            self.wrong
        );
        ensure!(self.wrong > 0 || u64::try_from(codes)? == self.ordered, "{codes} codes of {}", self.ordered);
        let sql = "select (select count(*) from serials where pool_id = any($3) and status = 'sold'
                           and fulfillment_id is not null),
                          (select coalesce(sum(items), 0)::bigint from reseller_purchases where reseller_id = any($2)),
                          (select count(*) from events where topic = 'reseller:api_fulfillment_delivered'
                           and subject_id in (select id from fulfillments where reseller_id = any($2))),
                          (select sum(balance)::bigint from ledger_accounts where shop_id = $1 and kind = 'prepaid'
                           and owner = any($2::uuid[]::text[]))";
        let query = sqlx::query_as(sql).bind(self.tenant.uuid()).bind(&self.relationships).bind(&self.pools);
        let (sold, bought, events, left): (i64, i64, i64, i64) = query.fetch_one(&mut stage.db).await?;
        ensure!(sold == codes && bought == codes, "{codes} codes ordered, {sold} sold, {bought} counted");
        ensure!(events == made, "{made} fulfillments, {events} events");
        let funded = FUNDS * i64::try_from(self.relationships.len())?;
        ensure!(spent == codes * PRICE && left == funded - spent, "{spent} spent of {funded}, {left} left");
        let broken = ledger::broken_laws(&mut stage.db).await?;
        ensure!(broken.is_empty(), "the books: {}", broken.join("; "));
        Ok(())
    }
}

/// Free codes of a pool.
pub async fn free(db: &mut PgConnection, shop: Uuid, pool: Uuid) -> anyhow::Result<i64> {
    let sql = "select count(*) from serials where shop_id = $1 and pool_id = $2 and status = 'available'";
    Ok(sqlx::query_scalar(sql).bind(shop).bind(pool).fetch_one(db).await?)
}

/// With the server's own keys, so that it knows what is made here.
async fn env(db: &mut PgConnection) -> anyhow::Result<Env> {
    let master = MasterKey::parse(MASTER_KEY).context("the master key is none")?;
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (vault, signing) = data_keys::open(db, &master, &mut rng, Clock::System.now()).await?;
    Ok(Env::new(Clock::System, rng, vault, Arc::new(signing)))
}

fn usd() -> anyhow::Result<Currency> {
    Currency::parse("USD").context("no dollars")
}
