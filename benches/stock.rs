//! P6: stock in lists. A page whose pools hold a million codes, against the same page with a handful:
//! what is shown comes from levels, never from counting.

use anyhow::{Context as _, ensure};
use keyhouse::domain::products::ProductId;
use uuid::Uuid;

use crate::house::{House, Stage};
use crate::load::{Pace, Work};
use crate::measure::{self, CONNECTIONS, Sample, open_loop, peak};
use crate::p6::{LIMIT, Shown, products_script};
use crate::pgbench::Script;
use crate::say;
use crate::seed::{self, Range};
use crate::table::{Goal, Row};

/// More than one page; four of five have a pool.
const PRODUCTS: i64 = 50;
const FEW: i64 = 100;
const GOAL: Goal = Goal::AtLeast(0.4);
const GOAL_MANY: Goal = Goal::AtLeast(0.9);
const LISTS: [(&str, Shown); 2] =
    [("/v1/products", Shown::ToMerchants), ("/checkout/v1/shops/bench/products", Shown::ToAll)];

/// One shop, and how to ask for its first page.
struct Shelf {
    stage: Stage,
    samples: Vec<Sample>,
}

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut few = Shelf::stocked(house, "p6_few", FEW).await?;
    let mut many = Shelf::stocked(house, "p6_many", house.scale.many).await?;
    let mut rows = Vec::new();
    for (path, shown) in LISTS {
        rows.extend(compare(house, &mut few, &mut many, path, shown).await?);
    }
    house.close(few.stage).await?;
    house.close(many.stage).await?;
    Ok(rows)
}

async fn compare(
    house: &House,
    few: &mut Shelf,
    many: &mut Shelf,
    path: &str,
    shown: Shown,
) -> anyhow::Result<Vec<Row>> {
    let path = format!("{path}?limit={LIMIT}");
    let script = many.script(&path, shown).await?;
    let clients = measure::best_clients(house, many.stage.database, &script).await?;
    let seconds = house.scale.seconds;
    let mut reference = Vec::new();
    for shelf in [&mut *few, &mut *many] {
        shelf.samples.clear();
        let warm_up = Pace::Closed { seconds: house.scale.warm_up_seconds };
        measure::ours(house, &shelf.stage, CONNECTIONS, Work::Get(path.clone()), warm_up).await?;
    }
    for round in 1..=house.scale.rounds {
        reference.push(measure::reference(house, many.stage.database, &script, clients, seconds).await?);
        for shelf in [&mut *few, &mut *many] {
            let pace = Pace::Closed { seconds };
            shelf.samples.push(measure::ours(house, &shelf.stage, CONNECTIONS, Work::Get(path.clone()), pace).await?);
        }
        let rate = |samples: &[Sample]| samples[round - 1].per_second;
        say(&format!(
            "  {path}, round {round}: {:.0}/s, with few codes {:.0}/s, reference {:.0}/s",
            rate(&many.samples),
            rate(&few.samples),
            rate(&reference)
        ));
    }
    let open = open_loop(house, &many.stage, CONNECTIONS, Work::Get(path.clone()), peak(&many.samples)).await?;
    let what = format!("GET {path}, {} codes in its pools", house.scale.many);
    let row = Row::new("P6", what, "/s", peak(&many.samples), Some(peak(&reference)), GOAL);
    let mut row = row.of(&many.samples, Some(&open)).against(&reference);
    row.note(&format!("reference: {clients} clients"));
    let what = format!("the same ÷ with {FEW} codes");
    let wrong = few.samples.iter().map(|sample| sample.wrong).sum();
    let flat = Row::new("P6", what, "/s", peak(&many.samples), Some(peak(&few.samples)), GOAL_MANY);
    Ok(vec![row, flat.wrong(wrong)])
}

impl Shelf {
    /// A page of products whose pools hold so many codes together.
    async fn stocked(house: &House, database: &'static str, codes: i64) -> anyhow::Result<Self> {
        let mut stage = house.open(database).await?;
        let base_ms = seed::prepare(&mut stage.db).await?;
        let all = Range { shop: stage.shop, base_ms, from: 1, until: PRODUCTS };
        seed::products(&mut stage.db, all).await?;
        let sql =
            "select pool_id from (select id, pool_id from products where shop_id = $1 order by id desc limit $2) p
                   where pool_id is not null order by id desc";
        let query = sqlx::query_scalar(sql).bind(stage.shop).bind(LIMIT);
        let pools: Vec<Uuid> = query.fetch_all(&mut stage.db).await?;
        let each = codes / i64::try_from(pools.len())?;
        let mut from = 1;
        for pool in &pools {
            seed::codes(&mut stage.db, Range { from, until: from + each - 1, ..all }, *pool, false).await?;
            seed::balance(&mut stage.db, stage.shop, *pool).await?;
            from += each;
        }
        seed::settle(&mut stage.db).await?;
        say(&format!("  {database}: {} codes in {} pools", each * i64::try_from(pools.len())?, pools.len()));
        Ok(Self { stage, samples: Vec::new() })
    }

    /// What the page asks the database; the page must show every code.
    async fn script(&mut self, path: &str, shown: Shown) -> anyhow::Result<Script> {
        let page = self.stage.get(path).await?;
        let data = page["data"].as_array().context("a page without data")?;
        let told: i64 = data.iter().filter_map(|product| product["stock"].as_i64()).sum();
        let sql = "select count(*) from serials where shop_id = $1 and status = 'available'";
        let free: i64 = sqlx::query_scalar(sql).bind(self.stage.shop).fetch_one(&mut self.stage.db).await?;
        ensure!(told == free, "{path} shows a stock of {told}, and {free} codes are free");
        let ids = data.iter().map(|product| product["id"].as_str().and_then(ProductId::parse).map(ProductId::uuid));
        let ids: Option<Vec<Uuid>> = ids.collect();
        products_script(&mut self.stage, shown, None, &ids.context("a product without a good id")?).await
    }
}
