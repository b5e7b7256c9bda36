//! P13: from the start of the process until it is ready, on a database that is there.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::house::House;
use crate::process::Running;
use crate::table::{Goal, Row};

const GOAL_MS: f64 = 300.0;
const POLL: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let stage = house.open("p13").await?;
    let mut took = Vec::new();
    for _ in 0..=house.scale.starts {
        // Any port that is free now; the server is told it, for we ask before it says where it listens.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = house.keyhouse(stage.database)?;
        let begun = Instant::now();
        let server = Running::spawn(command.arg("serve").env("KEYHOUSE_LISTEN", address.to_string()))?;
        tokio::task::spawn_blocking(move || wait_ready(address)).await??;
        took.push(begun.elapsed().as_secs_f64() * 1_000.0);
        drop(server);
    }
    took.remove(0); // the first one reads the program from disk
    took.sort_by(f64::total_cmp);
    let median = took[took.len() / 2];
    let mut row = Row::new("P13", "start to ready".into(), "ms", median, None, Goal::Within(GOAL_MS));
    row.p50_ms = Some(median);
    row.p99_ms = took.last().copied();
    row.note(&format!("{} starts; the slowest as p99", took.len()));
    house.close(stage).await?;
    Ok(vec![row])
}

fn wait_ready(address: SocketAddr) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is_ready(address) {
        ensure!(begun.elapsed() < PATIENCE, "the server is not ready after {PATIENCE:?}");
        std::thread::sleep(POLL);
    }
    Ok(())
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
