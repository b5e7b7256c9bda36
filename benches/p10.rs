//! P10: from the commit to the first byte of the webhook at its receiver.

use crate::deliver::{Outcome, Plan};
use crate::house::{House, Stage};
use crate::say;
use crate::table::{Goal, Row};

const EVENTS_A_SECOND: f64 = 500.0;
const SETTINGS: [(&str, &str); 1] = [("KEYHOUSE_ALLOW_PRIVATE_WEBHOOKS", "true")];

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let stage = house.open_with("p10", &SETTINGS).await?;
    let mut rounds = Vec::new();
    deliver(house, &stage, house.scale.warm_up_seconds).await?;
    for round in 1..=house.scale.rounds {
        let outcome = deliver(house, &stage, house.scale.seconds).await?;
        say(&format!("  round {round}: p50 {:.2} ms, p99 {:.2} ms", outcome.p50_ms, outcome.p99_ms));
        rounds.push(outcome);
    }
    house.close(stage).await?;
    let what = format!("commit → first byte of its webhook, {EVENTS_A_SECOND} events/s");
    Ok(rows("P10", &what, &rounds, 50.0, 500.0))
}

/// A round has an endpoint of its own; those of the rounds before are gone with their process.
async fn deliver(house: &House, stage: &Stage, seconds: f64) -> anyhow::Result<Outcome> {
    let plan = Plan {
        address: stage.address,
        key: stage.key.clone(),
        hanging: 0,
        healthy: 1,
        per_second: EVENTS_A_SECOND,
        seconds,
    };
    let outcome = plan.run().await?;
    let mut db = house.cluster.connect(stage.database).await?;
    sqlx::raw_sql(
        "delete from webhook_endpoints; update webhook_deliveries set state = 'cancelled' where state = 'queued'",
    )
    .execute(&mut db)
    .await?;
    Ok(outcome)
}

/// Medians of the rounds: one row for each of the two figures.
pub fn rows(id: &'static str, what: &str, rounds: &[Outcome], p50_goal: f64, p99_goal: f64) -> Vec<Row> {
    let median = |figure: fn(&Outcome) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let missing: u64 = rounds.iter().map(|round| round.missing).sum();
    let deliveries: u64 = rounds.iter().map(|round| round.deliveries).sum();
    let (p50, p99) = (median(|round| round.p50_ms), median(|round| round.p99_ms));
    let row = |name: &str, value: f64, goal: f64| {
        let mut row = Row::new(id, format!("{what}: {name}"), "ms", value, None, Goal::Within(goal)).wrong(missing);
        (row.p50_ms, row.p99_ms) = (Some(p50), Some(p99));
        row.note(&format!("{deliveries} deliveries"));
        row
    };
    vec![row("p50", p50, p50_goal), row("p99", p99, p99_goal)]
}
