//! P12: memory of the server's process, idle, under the load of P1, and under that of P5.

use std::time::Duration;

use crate::house::House;
use crate::load::{Pace, Work};
use crate::measure::{self, CONNECTIONS};
use crate::table::{Goal, Row};
use crate::trail::Seed;
use crate::{p5, seed};

const IDLE_MB: f64 = 40.0;
const LOADED_MB: f64 = 120.0;
/// Until what the start needed is given back.
const REST: Duration = Duration::from_secs(5);

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p12").await?;
    stage.key.clone_from(&stage.developer_key);
    tokio::time::sleep(REST).await;
    let (idle, _) = stage.server.resident_mb()?;
    let seeds = Seed::new(&mut stage).await?;
    seeds.ours(&mut stage, house.scale.many, 1).await?;
    seed::settle(&mut stage.db).await?;
    let seconds = house.scale.seconds * house.scale.rounds as f64;
    let work = Work::Validate { product: seeds.product.to_string(), keys: house.scale.many, signed: false };
    let sample = measure::ours(house, &stage, CONNECTIONS, work, Pace::Closed { seconds }).await?;
    let (loaded, peak) = stage.server.resident_mb()?;
    house.close(stage).await?;

    let row = |what: &str, mb, goal| Row::new("P12", what.into(), "MB", mb, None, goal);
    let mut busy = row("resident, most so far, under P1's load", peak, Goal::Within(LOADED_MB)).wrong(sample.wrong);
    busy.note(&format!("{} validations; {loaded:.0} MB at their end", sample.answers));
    let mut rows = vec![row("resident, idle after the start", idle, Goal::Within(IDLE_MB)), busy];
    rows.extend(selling(house).await?);
    Ok(rows)
}

/// The same of a server that sells, which the goal says nothing of.
async fn selling(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p12_sales").await?;
    let product = p5::stock_up(house, &mut stage).await?;
    let (_, importing) = stage.server.resident_mb()?;
    let seconds = house.scale.seconds * house.scale.rounds as f64;
    let sample = p5::sell(house, &stage, &Work::Buy(product), Pace::Closed { seconds }).await?;
    let (_, peak) = stage.server.resident_mb()?;
    house.close(stage).await?;
    let row = |what: &str, mb| Row::new("P12", what.into(), "MB", mb, None, Goal::None);
    let mut loading = row("resident, most so far, importing 5,000 keys a request", importing);
    loading.note("one client");
    let mut busy = row("resident, most so far, under P5's load", peak).wrong(sample.wrong);
    busy.note(&format!("{} sales", sample.answers));
    Ok(vec![loading, busy])
}
