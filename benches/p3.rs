//! P3: fulfillments of one reseller and one product, so that all contend for one balance, against one transaction
//! each with row locks. With twenty codes an order, codes are counted.

use crate::house::House;
use crate::load::Pace;
use crate::measure::{self, CONNECTIONS, Sample, peak};
use crate::resale::Trade;
use crate::say;
use crate::table::{Goal, Row};
use crate::wholesale::Wholesale;

const QUANTITY: usize = 20;
const GOAL: Goal = Goal::AtLeast(2.0);
const GOAL_CODES: Goal = Goal::AtLeast(10.0);
/// Of the reference's pool: enough for the quick run too.
const CODES_MIN: i64 = 100_000;

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p3").await?;
    let mut trade = Trade::open(house, &mut stage, 1, 1).await?;
    let warm_up = Pace::Closed { seconds: house.scale.warm_up_seconds };
    trade.run(house, &mut stage, 1, warm_up).await?;
    let mut theirs = Wholesale::open(&mut stage, &trade, 1, 1, house.scale.many.max(CODES_MIN)).await?;
    theirs.same_index(&mut stage.db, &trade).await?;
    let script = theirs.script(&mut stage.db, 1).await?;
    let by_twenty = theirs.script(&mut stage.db, QUANTITY).await?;
    let clients = measure::best_clients(house, stage.database, &script).await?;
    trade.run(house, &mut stage, QUANTITY, warm_up).await?;

    let pace = Pace::Closed { seconds: house.scale.seconds };
    let (mut ours, mut raw, mut many, mut raw_many) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=house.scale.rounds {
        raw.push(theirs.run(house, &mut stage, &script, clients).await?);
        ours.push(trade.run(house, &mut stage, 1, pace).await?);
        raw_many.push(theirs.run(house, &mut stage, &by_twenty, clients).await?);
        many.push(trade.run(house, &mut stage, QUANTITY, pace).await?);
        let rate = |samples: &[Sample]| samples[round - 1].per_second;
        let (few, raw, many, raw_many) = (rate(&ours), rate(&raw), rate(&many), rate(&raw_many));
        say(&format!(
            "  round {round}: {few:.0}/s, raw {raw:.0}/s; of {QUANTITY} codes {many:.0}/s, raw {raw_many:.0}/s"
        ));
    }
    let open = trade.open_loop(house, &mut stage, 1, peak(&ours)).await?;
    let open_many = trade.open_loop(house, &mut stage, QUANTITY, peak(&many)).await?;
    trade.check(&mut stage).await?;

    let codes = |samples: &[Sample]| peak(samples) * QUANTITY as f64;
    let pool = house.scale.many;
    let what = format!("fulfillments of one reseller, pool of {pool}; {CONNECTIONS} connections");
    let mut row = Row::new("P3", what, "/s", peak(&ours), Some(peak(&raw)), GOAL);
    row.note(&format!("reference: one transaction, {clients} clients"));
    let what = format!("orders of {QUANTITY} codes, against orders of one");
    let mut by_many = Row::new("P3", what, "codes/s", codes(&many), Some(peak(&raw)), GOAL_CODES);
    by_many.note("latency and CPU are of an order");
    let what = format!("the same, against orders of {QUANTITY}");
    let like = Row::new("P3", what, "codes/s", codes(&many), Some(codes(&raw_many)), Goal::None);
    let rows = vec![
        row.of(&ours, Some(&open)).against(&raw),
        by_many.of(&many, Some(&open_many)).against(&raw),
        like.against(&raw_many),
    ];
    house.close(stage).await?;
    Ok(rows)
}
