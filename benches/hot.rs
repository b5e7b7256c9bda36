//! LIC-11: one license is offered tens of thousands of requests; what everyone else feels of it.

use crate::house::{House, Stage};
use crate::load::{Pace, Plan, Work};
use crate::measure::{self, CONNECTIONS, Sample, median, peak};
use crate::table::{Goal, Row};
use crate::trail::Seed;
use crate::{say, seed};

/// Of the peak: so that there is room for the crowd, and all that they cost is theirs.
const OTHERS_SHARE: f64 = 0.3;
const GOAL: Goal = Goal::AtMost(1.2);
/// The limiter tells 200,000 subjects apart, licenses and addresses together.
const LICENSES_MAX: i64 = 50_000;
/// The limits of one license and of one address stay; the load comes from many addresses.
const SETTINGS: [(&str, &str); 2] = [("KEYHOUSE_RATE_LIMITS", "on"), ("KEYHOUSE_TRUSTED_PROXIES", "127.0.0.1/32")];

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open_with("hot", &SETTINGS).await?;
    stage.key.clone_from(&stage.developer_key);
    let seeds = Seed::new(&mut stage).await?;
    let last = house.scale.many.min(LICENSES_MAX);
    seeds.ours(&mut stage, last, 1).await?;
    seed::settle(&mut stage.db).await?;
    let product = seeds.product.to_string();
    // The last one is the hot one, and the others are asked for seldom enough each.
    let others = Work::Crowd { product: product.clone(), first: 1, last: last - 1 };
    let hot = Work::Crowd { product, first: last, last };
    let closed = Pace::Closed { seconds: house.scale.warm_up_seconds };
    let per_second = OTHERS_SHARE * measure::ours(house, &stage, CONNECTIONS, others.clone(), closed).await?.per_second;
    let pace = Pace::Open { per_second, seconds: house.scale.seconds };
    let (mut without, mut with, mut offered) = (Vec::new(), Vec::new(), 0.0);
    for round in 1..=house.scale.rounds {
        without.push(measure::ours(house, &stage, CONNECTIONS, others.clone(), pace).await?);
        let (sample, rate) = beside(house, &stage, &others, pace, &hot).await?;
        with.push(sample);
        offered = rate;
        let p99 = |samples: &[Sample]| samples[round - 1].p99_ms;
        say(&format!("  round {round}: p99 {:.2} ms alone, {:.2} ms beside {rate:.0}/s", p99(&without), p99(&with)));
    }
    let p99 = |samples: &[Sample]| median(samples, |sample| sample.p99_ms);
    let what = format!("others' p99 while one license is offered {}", house.scale.hot);
    let mut row = Row::new("LIC-11", what, "ms", p99(&with), Some(p99(&without)), GOAL).of(&with, None);
    (row.p50_ms, row.p99_ms) = (Some(median(&with, |sample| sample.p50_ms)), Some(p99(&with)));
    row.note(&format!("{:.0}/s of others, {offered:.0}/s of it", peak(&without)));
    house.close(stage).await?;
    Ok(vec![row])
}

/// The others' run, with the crowd in another process for as long; and how often that asked a second.
async fn beside(house: &House, stage: &Stage, others: &Work, pace: Pace, hot: &Work) -> anyhow::Result<(Sample, f64)> {
    let per_second = house.scale.hot as f64 / house.scale.seconds;
    let crowd = Pace::Open { per_second, seconds: house.scale.seconds };
    let plan = Plan::new(stage.address, &stage.key, CONNECTIONS, hot.clone(), crowd);
    let (sample, crowd) = tokio::join!(measure::once(house, stage, CONNECTIONS, others.clone(), pace), plan.run());
    let (mut sample, crowd) = (sample?, crowd?);
    sample.wrong += crowd.wrong;
    Ok((sample, crowd.answers as f64 / crowd.seconds))
}
