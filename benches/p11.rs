//! P11: a write with an Idempotency-Key, against the same without.

use anyhow::ensure;

use crate::house::{House, Stage};
use crate::load::{Pace, Work};
use crate::measure::{self, CONNECTIONS, Sample, open_loop, peak};
use crate::say;
use crate::table::{Goal, Row};

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p11").await?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let warm_up = Pace::Closed { seconds: house.scale.warm_up_seconds };
    let mut others = Vec::new();
    for keyed in [false, true] {
        others.push(write(house, &stage, keyed, warm_up).await?);
    }
    let pace = Pace::Closed { seconds: house.scale.seconds };
    for round in 1..=house.scale.rounds {
        without.push(write(house, &stage, false, pace).await?);
        with.push(write(house, &stage, true, pace).await?);
        let rate = |samples: &[Sample]| samples[round - 1].per_second;
        say(&format!("  round {round}: with a key {:.0}/s, without {:.0}/s", rate(&with), rate(&without)));
    }
    let open_with = open_loop(house, &stage, CONNECTIONS, Work::CreateProduct { keyed: true }, peak(&with)).await?;
    let open_without =
        open_loop(house, &stage, CONNECTIONS, Work::CreateProduct { keyed: false }, peak(&without)).await?;
    let total = |samples: &[Sample]| samples.iter().map(|sample| sample.answers).sum::<u64>();
    let keyed = total(&with) + open_with.answers + others[1].answers;
    check(&mut stage, keyed, total(&without) + open_without.answers + others[0].answers).await?;

    let what = "POST /v1/products with an Idempotency-Key, against without";
    let row = Row::new("P11", what.into(), "/s", peak(&with), Some(peak(&without)), Goal::AtLeast(0.85));
    let row = row.of(&with, Some(&open_with)).against(&without);
    let plain = Row::new("P11", "POST /v1/products without".into(), "/s", peak(&without), None, Goal::None);
    house.close(stage).await?;
    Ok(vec![row, plain.of(&without, Some(&open_without))])
}

async fn write(house: &House, stage: &Stage, keyed: bool, pace: Pace) -> anyhow::Result<Sample> {
    measure::ours(house, stage, CONNECTIONS, Work::CreateProduct { keyed }, pace).await
}

/// Each answer is one product, and each key one record of an answer.
async fn check(stage: &mut Stage, keyed: u64, plain: u64) -> anyhow::Result<()> {
    let sql = "select (select count(*) from products), (select count(*) from idempotency where status = 201),
                      (select count(*) from idempotency)";
    let (products, answered, keys): (i64, i64, i64) = sqlx::query_as(sql).fetch_one(&mut stage.db).await?;
    let (keyed, all) = (i64::try_from(keyed)?, i64::try_from(keyed + plain)?);
    ensure!(products == all, "{all} answers and {products} products");
    ensure!(
        answered == keyed && keys == keyed,
        "{keyed} keyed answers, {keys} keys, {answered} of them with an answer"
    );
    Ok(())
}
