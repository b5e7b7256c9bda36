//! P6: lists, at the first page and a million rows deep.

use anyhow::{Context as _, ensure};
use keyhouse::domain::orders::OrderId;
use keyhouse::domain::products::ProductId;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::house::{House, Stage};
use crate::load::{Pace, Work};
use crate::measure::{self, CONNECTIONS, Sample, median, open_loop, peak};
use crate::pgbench::{Param, Script};
use crate::seed::{self, Range};
use crate::table::{Goal, Row};
use crate::{say, source};

pub const LIMIT: i64 = 25;
/// Rows behind the deep page's beginning, so that it is a full one and not the last.
const OLDEST: i64 = 100;
const GOAL: Goal = Goal::AtLeast(0.4);
const GOAL_DEEP: Goal = Goal::AtLeast(0.9);

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Products,
    Orders,
}

/// One page, ours and the reference's.
struct Page {
    what: String,
    work: Work,
    script: Script,
    clients: usize,
}

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p6").await?;
    let base_ms = seed::prepare(&mut stage.db).await?;
    let mut rows = Vec::new();
    for list in [List::Products, List::Orders] {
        let pages = pages(house, &mut stage, list, base_ms).await?;
        rows.extend(compare(house, &stage, list, pages).await?);
    }
    house.close(stage).await?;
    Ok(rows)
}

/// Seeds the list and finds both pages. The cursor of the deep page is taken while the list is short;
/// then a million newer rows come before it.
async fn pages(house: &House, stage: &mut Stage, list: List, base_ms: i64) -> anyhow::Result<Vec<Page>> {
    let oldest = Range { shop: stage.shop, base_ms, from: 1, until: OLDEST };
    let newer = Range { from: OLDEST + 1, until: OLDEST + house.scale.many, ..oldest };
    let first_path = format!("/v1/{}?limit={LIMIT}", list.word());
    list.seed(&mut stage.db, oldest).await?;
    let page = stage.get(&first_path).await?;
    let cursor = page["next_cursor"].as_str().context("the short list has one page only")?;
    let deep_path = format!("{first_path}&cursor={cursor}");
    let last_seen = *ids(list, &page)?.last().context("the short list is empty")?;
    list.seed(&mut stage.db, newer).await?;
    seed::settle(&mut stage.db).await?;

    let deep = format!("{} rows deep", house.scale.many);
    let mut pages = Vec::new();
    for (place, path, after) in [("first page".into(), first_path, None), (deep, deep_path, Some(last_seen))] {
        let expected = list.expected(stage, after).await?;
        let shown = ids(list, &stage.get(&path).await?)?;
        ensure!(shown == expected, "{path} shows the wrong rows");
        let script = list.script(stage, after, &expected).await?;
        let clients = measure::best_clients(house, stage.database, &script).await?;
        let what = format!("GET /v1/{}?limit={LIMIT}, {place}", list.word());
        pages.push(Page { what, work: Work::Get(path), script, clients });
    }
    Ok(pages)
}

async fn compare(house: &House, stage: &Stage, list: List, pages: Vec<Page>) -> anyhow::Result<Vec<Row>> {
    let mut ours: Vec<Vec<Sample>> = pages.iter().map(|_| Vec::new()).collect();
    let mut reference = ours.clone();
    let seconds = house.scale.seconds;
    for page in &pages {
        let warm_up = Pace::Closed { seconds: house.scale.warm_up_seconds };
        measure::ours(house, stage, CONNECTIONS, page.work.clone(), warm_up).await?;
    }
    for round in 1..=house.scale.rounds {
        for (i, page) in pages.iter().enumerate() {
            reference[i].push(measure::reference(house, stage.database, &page.script, page.clients, seconds).await?);
            let pace = Pace::Closed { seconds };
            ours[i].push(measure::ours(house, stage, CONNECTIONS, page.work.clone(), pace).await?);
        }
        let rates: Vec<String> =
            ours.iter().zip(&reference).map(|(a, b)| format!("{:.0}/s of {:.0}/s", last(a), last(b))).collect();
        say(&format!("  {}, round {round}: {}", list.word(), rates.join(", ")));
    }
    let mut rows = Vec::new();
    for (i, page) in pages.iter().enumerate() {
        let open = open_loop(house, stage, CONNECTIONS, page.work.clone(), peak(&ours[i])).await?;
        let row = Row::new("P6", page.what.clone(), "/s", peak(&ours[i]), Some(peak(&reference[i])), GOAL);
        let mut row = row.of(&ours[i], Some(&open)).against(&reference[i]);
        row.note(&format!("reference: {} clients", page.clients));
        rows.push(row);
    }
    let what = format!("the same, deep ÷ first ({})", list.word());
    let wrong = ours.iter().flatten().map(|sample| sample.wrong).sum();
    let p50 = |i: usize| median(&ours[i], |sample| sample.p50_ms);
    let mut row = Row::new("P6", what, "/s", peak(&ours[1]), Some(peak(&ours[0])), GOAL_DEEP).wrong(wrong);
    row.note(&format!("closed loop p50: {:.2} and {:.2} ms", p50(0), p50(1)));
    rows.push(row);
    Ok(rows)
}

fn last(samples: &[Sample]) -> f64 {
    samples.last().map_or(0.0, |sample| sample.per_second)
}

fn ids(list: List, page: &serde_json::Value) -> anyhow::Result<Vec<Uuid>> {
    let data = page["data"].as_array().context("a page without data")?;
    let id = |row: &serde_json::Value| {
        let text = row["id"].as_str()?;
        match list {
            List::Products => ProductId::parse(text).map(ProductId::uuid),
            List::Orders => OrderId::parse(text).map(OrderId::uuid),
        }
    };
    data.iter().map(|row| id(row).context("a row without a good id")).collect()
}

impl List {
    const fn word(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Orders => "orders",
        }
    }

    async fn seed(self, db: &mut PgConnection, range: Range) -> anyhow::Result<()> {
        match self {
            Self::Products => seed::products(db, range).await,
            Self::Orders => seed::orders(db, range).await,
        }
    }

    /// Said in the plainest way, to check the server's answer by.
    async fn expected(self, stage: &mut Stage, after: Option<Uuid>) -> anyhow::Result<Vec<Uuid>> {
        let sql = format!("select id from {} where shop_id = $1 and id < $2 order by id desc limit $3", self.word());
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(stage.shop).bind(after.unwrap_or(Uuid::max()));
        Ok(query.bind(LIMIT).fetch_all(&mut stage.db).await?)
    }

    /// What the route asks the database, less the look-up of the key.
    async fn script(self, stage: &mut Stage, after: Option<Uuid>, ids: &[Uuid]) -> anyhow::Result<Script> {
        let is = |text: &dyn std::fmt::Display| Param::Is(text.to_string());
        let rows = LIMIT + 1;
        if self == Self::Orders {
            let until = after.unwrap_or(Uuid::max());
            let params = [is(&stage.shop), Param::Null("text[]"), is(&Uuid::nil()), is(&until), is(&rows)];
            return Script::default().statement(&source::statement(source::ORDERS, "list")?, &params);
        }
        products_script(stage, Shown::ToMerchants, after, ids).await
    }
}

/// Whom a list of products is for.
#[derive(Clone, Copy)]
pub enum Shown {
    ToMerchants,
    ToAll,
}

impl Shown {
    /// Statuses, and whether only what is listed.
    const fn filter(self) -> (&'static str, bool) {
        match self {
            Self::ToMerchants => ("{active,draft}", false),
            Self::ToAll => ("{active}", true),
        }
    }
}

/// The two statements of a page of products: the rows, and their stock.
pub async fn products_script(
    stage: &mut Stage,
    shown: Shown,
    after: Option<Uuid>,
    ids: &[Uuid],
) -> anyhow::Result<Script> {
    let is = |text: &dyn std::fmt::Display| Param::Is(text.to_string());
    let after = after.map_or(Param::Null("uuid"), |after| is(&after));
    let (statuses, listed) = shown.filter();
    let params = [is(&stage.shop), is(&statuses), Param::Null("text[]"), is(&listed), after, is(&(LIMIT + 1))];
    let script = Script::default().statement(&source::statement(source::PRODUCTS, "list")?, &params)?;
    let sql = "select pool_id from products where shop_id = $1 and id = any($2) and pool_id is not null
               order by id desc";
    let pools: Vec<Uuid> = sqlx::query_scalar(sql).bind(stage.shop).bind(ids).fetch_all(&mut stage.db).await?;
    let pools: Vec<String> = pools.iter().map(Uuid::to_string).collect();
    let params = [is(&stage.shop), is(&format!("{{{}}}", pools.join(",")))];
    script.statement(&source::statement(source::SERIALS, "stock")?, &params)
}
