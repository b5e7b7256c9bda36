//! P4: fulfillments of many resellers and products at random, against the same transaction, spread as they are.

use crate::house::House;
use crate::load::Pace;
use crate::measure::{self, CONNECTIONS, Sample, peak};
use crate::resale::Trade;
use crate::say;
use crate::table::{Goal, Row};
use crate::wholesale::Wholesale;

const RESELLERS: usize = 500;
const PRODUCTS: usize = 50;
const GOAL: Goal = Goal::AtLeast(0.8);
/// Of one of the reference's pools: enough for the quick run too.
const CODES_MIN: i64 = 5_000;

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p4").await?;
    let mut trade = Trade::open(house, &mut stage, RESELLERS, PRODUCTS).await?;
    let warm_up = Pace::Closed { seconds: house.scale.warm_up_seconds };
    trade.run(house, &mut stage, 1, warm_up).await?;
    let (resellers, products) = (i64::try_from(RESELLERS)?, i64::try_from(PRODUCTS)?);
    let codes = (house.scale.many / products).max(CODES_MIN);
    let mut theirs = Wholesale::open(&mut stage, &trade, resellers, products, codes).await?;
    theirs.same_index(&mut stage.db, &trade).await?;
    let script = theirs.script(&mut stage.db, 1).await?;
    let clients = measure::best_clients(house, stage.database, &script).await?;

    let pace = Pace::Closed { seconds: house.scale.seconds };
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for round in 1..=house.scale.rounds {
        raw.push(theirs.run(house, &mut stage, &script, clients).await?);
        ours.push(trade.run(house, &mut stage, 1, pace).await?);
        let rate = |samples: &[Sample]| samples[round - 1].per_second;
        say(&format!("  round {round}: {:.0}/s of {:.0}/s", rate(&ours), rate(&raw)));
    }
    let open = trade.open_loop(house, &mut stage, 1, peak(&ours)).await?;
    trade.check(&mut stage).await?;
    let what = format!("fulfillments, {RESELLERS} resellers and {PRODUCTS} products; {CONNECTIONS} connections");
    let mut row = Row::new("P4", what, "/s", peak(&ours), Some(peak(&raw)), GOAL);
    row.note(&format!("reference: one transaction, {clients} clients"));
    let row = row.of(&ours, Some(&open)).against(&raw);
    house.close(stage).await?;
    Ok(vec![row])
}
