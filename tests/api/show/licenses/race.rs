//! LIC-1, LIC-7: whichever machine comes first is bound, alone, and every attempt is written down.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{is_mismatch, licenses, validation};
use crate::house::process::Server;
use crate::house::socket::{Call, Client, Heard};
use crate::house::{TestApp, house_with};
use crate::show::serve;

const PROCESSES: usize = 3;
const NO_LIMITS: &str = "rate_limits = \"off\"";

#[test]
fn of_64_machines_through_three_processes_one_is_bound() {
    house_with(NO_LIMITS, async |app| race(app, 8, 64).await);
}

#[test]
#[ignore = "full size: 1,000 licenses, 256 machines"]
fn of_256_machines_one_is_bound_to_each_of_a_thousand_licenses() {
    house_with(NO_LIMITS, async |app| race(app, 1_000, 256).await);
}

async fn race(app: &TestApp, number: usize, machines: usize) {
    let licenses = licenses(app, number, &json!({})).await;
    let servers: Vec<Server> = (0..PROCESSES).map(|_| serve(app, &[])).collect();
    let barrier = Arc::new(Barrier::new(machines));
    let mut crowd = JoinSet::new();
    for n in 0..machines {
        let call = |license: &Value| validation(app, license, json!({ "hardware_id": machine(n) }));
        let calls = licenses.iter().map(call).collect();
        crowd.spawn(arrive(n, Client::new(servers[n % PROCESSES].address), calls, barrier.clone()));
    }
    let begun = Instant::now();
    let heard = crowd.join_all().await;
    let seconds = begun.elapsed().as_secs_f32();
    println!("license race: {number} licenses, {machines} machines, {PROCESSES} processes, {seconds:.1} s");

    for (at, license) in licenses.iter().enumerate() {
        let answers = || heard.iter().map(|(n, answers)| (*n, &answers[at]));
        let winners: Vec<usize> = answers().filter(|(_, heard)| heard.status == 200).map(|(n, _)| n).collect();
        assert_eq!(winners.len(), 1, "license {at} is bound to {winners:?}");
        let refused = answers().filter(|(_, heard)| is_mismatch(heard)).count();
        assert_eq!(refused, machines - 1, "license {at}");
        written_down(app, license, &machine(winners[0]), machines).await;
    }
}

fn machine(n: usize) -> String {
    format!("machine-{n}")
}

/// Tries each license at the same moment as all the others.
async fn arrive(n: usize, mut client: Client, calls: Vec<Call>, barrier: Arc<Barrier>) -> (usize, Vec<Heard>) {
    client.send(&Call::get("/livez")).await.unwrap(); // so that it is connected
    let mut heard = Vec::with_capacity(calls.len());
    for call in calls {
        barrier.wait().await;
        heard.push(client.send(&call).await.unwrap());
    }
    (n, heard)
}

/// One row for each machine, one of a binding, and the winner's name on the license.
async fn written_down(app: &TestApp, license: &Value, winner: &str, machines: usize) {
    let rows = "select l.hardware_id, l.uses,
                       count(*) filter (where e.type = 'VALIDATION_SUCCESS' and e.hardware_id = l.hardware_id),
                       count(*) filter (where e.type = 'VALIDATION_FAILED' and e.code = 'LICENSE_HWID_MISMATCH'),
                       count(distinct e.hardware_id) filter (where e.type like 'VALIDATION%'),
                       count(*) filter (where e.type = 'HWID_BOUND' and e.new = l.hardware_id),
                       count(*)
                from licenses l join license_events e on e.shop_id = l.shop_id and e.license_id = l.id
                where l.shop_id = $1 and l.id = $2 group by l.hardware_id, l.uses";
    let id: Uuid = license["id"].as_str().unwrap().parse().unwrap();
    let kept: (String, i64, i64, i64, i64, i64, i64) =
        sqlx::query_as(rows).bind(app.shop.row.tenant.uuid()).bind(id).fetch_one(&mut app.db().await).await.unwrap();
    let machines = i64::try_from(machines).unwrap();
    // All of it is a row for each machine, one of the binding, and CREATED.
    assert_eq!(kept, (winner.into(), 1, 1, machines - 1, machines, 1, machines + 2));
}
