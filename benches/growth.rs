//! What a validation costs in a shop of ten million licenses with a trail of a hundred million rows,
//! against one of ten thousand with none.

use crate::house::{House, Stage};
use crate::load::{Pace, Work};
use crate::measure::{self, CONNECTIONS, Sample, median, peak};
use crate::table::{Goal, Row};
use crate::trail::{self, Seed};
use crate::{say, seed};

/// Licenses of a small shop, and those that are asked for in either.
const SMALL: i64 = 10_000;
const GOAL: Goal = Goal::AtMost(1.3);

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let (mut small, few) = open(house, "growth_small", SMALL).await?;
    let (mut large, many) = open(house, "growth_large", house.scale.licenses).await?;
    trail::grow_old(&mut large.db, large.shop, house.scale.weekly).await?;
    for stage in [&mut small, &mut large] {
        seed::settle(&mut stage.db).await?;
    }
    let warm_up = Pace::Closed { seconds: house.scale.warm_up_seconds };
    let pace = Pace::Closed { seconds: house.scale.seconds };
    for (stage, work) in [(&small, &few), (&large, &many)] {
        measure::ours(house, stage, CONNECTIONS, work.clone(), warm_up).await?;
    }
    let (mut of_small, mut of_large) = (Vec::new(), Vec::new());
    for round in 1..=house.scale.rounds {
        of_small.push(measure::ours(house, &small, CONNECTIONS, few.clone(), pace).await?);
        of_large.push(measure::ours(house, &large, CONNECTIONS, many.clone(), pace).await?);
        let rate = |samples: &[Sample]| samples[round - 1].per_second;
        say(&format!("  round {round}: {:.0}/s small, {:.0}/s large", rate(&of_small), rate(&of_large)));
    }
    let cost = |samples: &[Sample]| 1_000.0 * median(samples, |sample| sample.used.server_ms + sample.used.postgres_ms);
    let what = format!("validate, {} licenses against {SMALL}", house.scale.licenses);
    let mut row = Row::new("LIC-8", what, "us CPU", cost(&of_large), Some(cost(&of_small)), GOAL).of(&of_large, None);
    row.note(&format!(
        "{:.0}/s against {:.0}/s; for 100,000,000 rows of trail stand {} weeks as partitions, {} rows in the last and {} in \
         each other; {SMALL} licenses, spread over all, are asked for",
        peak(&of_large),
        peak(&of_small),
        trail::WEEKS,
        house.scale.weekly,
        trail::ROWS_A_PAST_WEEK
    ));
    house.close(small).await?;
    house.close(large).await?;
    Ok(vec![row])
}

async fn open(house: &House, database: &'static str, number: i64) -> anyhow::Result<(Stage, Work)> {
    let mut stage = house.open(database).await?;
    stage.key.clone_from(&stage.developer_key);
    let seeds = Seed::new(&mut stage).await?;
    let indexes = seed::drop_indexes(&mut stage.db, "licenses").await?;
    seeds.ours(&mut stage, number, number / SMALL).await?;
    seed::make_indexes(&mut stage.db, indexes).await?;
    Ok((stage, Work::Validate { product: seeds.product.to_string(), keys: SMALL, signed: false }))
}
