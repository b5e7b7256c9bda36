//! P6: lists with the shop's figures beside them, which come from a row that is counted anew every ten
//! seconds at most.

use anyhow::{Context as _, ensure};
use keyhouse::domain::products::ProductId;
use serde_json::json;
use uuid::Uuid;

use crate::house::{House, Stage};
use crate::load::{Pace, Work, post};
use crate::measure::{self, CONNECTIONS, Sample, open_loop, peak};
use crate::p6::{LIMIT, Shown, products_script};
use crate::pgbench::{Param, Script};
use crate::seed::{self, Range};
use crate::table::{Goal, Row};
use crate::trail::Seed;
use crate::{say, source};

const GOAL: Goal = Goal::AtLeast(0.4);

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p6_figures").await?;
    stage.key.clone_from(&stage.developer_key);
    let licenses = Seed::new(&mut stage).await?;
    let all = Range { shop: stage.shop, base_ms: licenses.base_ms, from: 1, until: house.scale.many };
    seed::products(&mut stage.db, all).await?;
    licenses.ours(&mut stage, house.scale.many, 1).await?;
    seed::settle(&mut stage.db).await?;
    // Those of the page, whose keys can be opened.
    let page = stage.get("/dev/v1/products/?limit=1").await?;
    for _ in 0..=LIMIT {
        let body = json!({ "product_id": page["data"][0]["id"] }).to_string();
        post(stage.address, &stage.key, "/dev/v1/licenses", body).await?;
    }
    let products = format!("/dev/v1/products/?limit={LIMIT}");
    let script = products_page(&mut stage, &products).await?;
    let mut rows = vec![compare(house, &stage, products, &script).await?];
    let licenses = format!("/dev/v1/licenses?limit={LIMIT}");
    let script = licenses_page(&mut stage, &licenses).await?;
    rows.push(compare(house, &stage, licenses, &script).await?);
    house.close(stage).await?;
    Ok(rows)
}

async fn products_page(stage: &mut Stage, path: &str) -> anyhow::Result<Script> {
    let page = stage.get(path).await?;
    let data = page["data"].as_array().context("a page without data")?;
    let ids = data.iter().map(|product| product["id"].as_str().and_then(ProductId::parse).map(ProductId::uuid));
    let ids: Option<Vec<Uuid>> = ids.collect();
    let ids = ids.context("a product without a good id")?;
    ensure!(i64::try_from(ids.len())? == LIMIT, "{path} shows {} products", ids.len());
    let script = products_script(stage, Shown::ToMerchants, None, &ids).await?;
    script.statement(&source::statement(source::SERIALS, "stats")?, &[Param::Is(stage.shop.to_string())])
}

async fn licenses_page(stage: &mut Stage, path: &str) -> anyhow::Result<Script> {
    let page = stage.get(path).await?;
    let data = page["data"]["productLicenses"].as_array().context("a page without licenses")?;
    let ids: Option<Vec<&str>> = data.iter().map(|license| license["id"].as_str()).collect();
    let ids = ids.context("a license without an id")?;
    ensure!(i64::try_from(ids.len())? == LIMIT, "{path} shows {} licenses", ids.len());
    let is = |text: &dyn std::fmt::Display| Param::Is(text.to_string());
    let now: String = sqlx::query_scalar("select now()::text").fetch_one(&mut stage.db).await?;
    let (shop, rows) = (is(&stage.shop), is(&(LIMIT + 1)));
    let params = [shop.clone(), Param::Null("uuid"), Param::Null("uuid"), Param::Null("text[]"), is(&now), rows];
    let script = Script::default().statement(&source::statement(source::LICENSE_LIST, "list")?, &params)?;
    let sealed = [shop.clone(), is(&format!("{{{}}}", ids.join(",")))];
    let script = script.statement(&source::statement(source::LICENSES, "sealed")?, &sealed)?;
    script.statement(&source::statement(source::LICENSE_LIST, "stats")?, &[shop])
}

async fn compare(house: &House, stage: &Stage, path: String, script: &Script) -> anyhow::Result<Row> {
    let clients = measure::best_clients(house, stage.database, script).await?;
    let work = Work::Get(path.clone());
    let warm_up = Pace::Closed { seconds: house.scale.warm_up_seconds };
    measure::ours(house, stage, CONNECTIONS, work.clone(), warm_up).await?;
    let (mut ours, mut reference): (Vec<Sample>, Vec<Sample>) = (Vec::new(), Vec::new());
    for round in 1..=house.scale.rounds {
        reference.push(measure::reference(house, stage.database, script, clients, house.scale.seconds).await?);
        let pace = Pace::Closed { seconds: house.scale.seconds };
        ours.push(measure::ours(house, stage, CONNECTIONS, work.clone(), pace).await?);
        let rate = |samples: &[Sample]| samples[round - 1].per_second;
        say(&format!("  {path}, round {round}: {:.0}/s, reference {:.0}/s", rate(&ours), rate(&reference)));
    }
    let open = open_loop(house, stage, CONNECTIONS, work, peak(&ours)).await?;
    let what = format!("GET {path} with its figures, {} rows", house.scale.many);
    let row = Row::new("P6", what, "/s", peak(&ours), Some(peak(&reference)), GOAL);
    let mut row = row.of(&ours, Some(&open)).against(&reference);
    row.note(&format!("reference: {clients} clients"));
    Ok(row)
}
