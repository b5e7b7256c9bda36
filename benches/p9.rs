//! P9: fulfillments while somebody holds an old snapshot open, so that nothing that dies is cleared away (promises F3),
//! against themselves before and after.

use std::time::{Duration, Instant};

use crate::house::{House, Stage};
use crate::load::Pace;
use crate::measure::{CONNECTIONS, Sample, median, peak};
use crate::resale::Trade;
use crate::table::{Goal, Row};
use crate::{say, seed};

const GOAL: Goal = Goal::AtLeast(0.8);
/// Runs between two lines of progress.
const TELL_EVERY: usize = 10;

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p9").await?;
    let mut trade = Trade::open(house, &mut stage, 1, 1).await?;
    let warm_up = Pace::Closed { seconds: house.scale.warm_up_seconds };
    trade.run(house, &mut stage, 1, warm_up).await?;
    seed::settle(&mut stage.db).await?;
    let mut without = rounds(house, &mut stage, &mut trade).await?;
    let within = hold(house, &mut stage, &mut trade).await?;
    // As autovacuum does it, now that it may.
    seed::settle(&mut stage.db).await?;
    without.extend(rounds(house, &mut stage, &mut trade).await?);
    trade.check(&mut stage).await?;

    let oldest = &within[within.len() - house.scale.rounds.min(within.len())..];
    let what = format!(
        "fulfillments, {CONNECTIONS} connections, at the end of {:.0} s under an old snapshot; against without",
        house.scale.held
    );
    let mut row = Row::new("P9", what, "/s", peak(oldest), Some(peak(&without)), GOAL).of(oldest, None);
    let least = within.iter().map(|sample| sample.per_second).fold(f64::INFINITY, f64::min);
    let most = within.iter().map(|sample| sample.per_second).fold(0.0, f64::max);
    row.note(&format!("between {least:.0}/s and {most:.0}/s meanwhile; latency is closed loop"));
    (row.p50_ms, row.p99_ms) = (Some(median(oldest, |s| s.p50_ms)), Some(median(oldest, |s| s.p99_ms)));
    let wrong = without.iter().chain(&within).map(|sample| sample.wrong).sum();
    house.close(stage).await?;
    Ok(vec![row.wrong(wrong)])
}

async fn rounds(house: &House, stage: &mut Stage, trade: &mut Trade) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for round in 1..=house.scale.rounds {
        samples.push(trade.run(house, stage, 1, Pace::Closed { seconds: house.scale.seconds }).await?);
        say(&format!("  without, round {round}: {:.0}/s", samples[round - 1].per_second));
    }
    Ok(samples)
}

/// Run after run while the snapshot grows old.
async fn hold(house: &House, stage: &mut Stage, trade: &mut Trade) -> anyhow::Result<Vec<Sample>> {
    let mut old = house.cluster.connect(stage.database).await?;
    sqlx::raw_sql("begin isolation level repeatable read; select count(*) from shops").execute(&mut old).await?;
    let (until, mut within) = (Instant::now() + Duration::from_secs_f64(house.scale.held), Vec::new());
    while Instant::now() < until {
        let sample = trade.run(house, stage, 1, Pace::Closed { seconds: house.scale.seconds }).await?;
        if within.len() % TELL_EVERY == 0 {
            let left = until.saturating_duration_since(Instant::now()).as_secs();
            say(&format!("  under an old snapshot: {:.0}/s, {left} s to go", sample.per_second));
        }
        within.push(sample);
    }
    sqlx::raw_sql("rollback").execute(&mut old).await?;
    Ok(within)
}
