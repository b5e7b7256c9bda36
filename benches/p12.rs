//! P12: memory of the server's process, idle and under load. Validations (P1) do not exist yet: sales do.

use std::time::Duration;

use crate::house::House;
use crate::load::{Pace, Work};
use crate::p5;
use crate::table::{Goal, Row};

const IDLE_MB: f64 = 40.0;
const LOADED_MB: f64 = 120.0;
/// Until what the start needed is given back.
const REST: Duration = Duration::from_secs(5);

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p12").await?;
    tokio::time::sleep(REST).await;
    let (idle, _) = stage.server.resident_mb()?;
    let product = p5::stock_up(house, &mut stage).await?;
    let (_, importing) = stage.server.resident_mb()?;
    let seconds = house.scale.seconds * house.scale.rounds as f64;
    let sample = p5::sell(house, &stage, &Work::Buy(product), Pace::Closed { seconds }).await?;
    let (loaded, peak) = stage.server.resident_mb()?;
    house.close(stage).await?;

    let row = |what: &str, mb, goal| Row::new("P12", what.into(), "MB", mb, None, goal);
    let mut busy = row("resident, most so far, under P5's load", peak, Goal::Within(LOADED_MB)).wrong(sample.wrong);
    busy.note(&format!("P1 does not exist yet; {} sales; {loaded:.0} MB at their end", sample.answers));
    let mut loading = row("resident, most so far, importing 5,000 keys a request", importing, Goal::None);
    loading.note("one client");
    Ok(vec![row("resident, idle after the start", idle, Goal::Within(IDLE_MB)), loading, busy])
}
