//! WHK-5: an endpoint that never answers has thousands of events waiting; what its neighbours feel of it.

use crate::deliver::Plan;
use crate::house::House;
use crate::p10::rows;
use crate::say;
use crate::table::Row;

/// Endpoints that answer; each hears of every event.
const HEALTHY: usize = 49;
const EVENTS_A_SECOND: f64 = 10.0;
const SETTINGS: [(&str, &str); 1] = [("KEYHOUSE_ALLOW_PRIVATE_WEBHOOKS", "true")];

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let stage = house.open_with("hang", &SETTINGS).await?;
    let plan = Plan {
        address: stage.address,
        key: stage.key.clone(),
        hanging: house.scale.hanging,
        healthy: HEALTHY,
        per_second: EVENTS_A_SECOND,
        seconds: house.scale.seconds,
    };
    let outcome = plan.run().await?;
    say(&format!("  p50 {:.2} ms, p99 {:.2} ms", outcome.p50_ms, outcome.p99_ms));
    house.close(stage).await?;
    let what = format!("{HEALTHY} endpoints beside one that hangs with {} events waiting", house.scale.hanging);
    Ok(rows("WHK-5", &what, &[outcome], 500.0, 2_000.0))
}
