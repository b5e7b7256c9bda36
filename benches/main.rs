//! What the house costs, as ratios measured in one run on one machine (spec: performance.md).
//!
//! `cargo bench` measures everything (about an hour, 12 GB of disk), `cargo bench -- p6 p8` some
//! of it, `--quick` with small seeds to see it work, `--json` prints rows for machines. The database
//! is a cluster of its own below `TMPDIR`, and gone afterwards.
//!
//! | file | holds |
//! | --- | --- |
//! | `p1` … `p13` | one row group each of the specification's table; `stock` and `figures` are parts of P6 |
//! | `hot`, `growth` | validations beside a license that everybody asks for, and in a shop of ten million |
//! | `hang` | deliveries beside an endpoint that never answers |
//! | `house`, `cluster` | the server's process, and the Postgres under it |
//! | `load` | the load generator: this program again, as a process of its own |
//! | `deliver` | the receiver of webhooks, likewise |
//! | `pgbench`, `source`, `sale`, `wholesale` | the reference: the statements as they stand in `src`, without the server |
//! | `measure`, `cpu`, `table` | samples, what they cost, and how they are shown |
//! | `resale` | resellers and what they sell, for P3, P4 and P9 |
//! | `seed`, `trail`, `process` | data, and child processes that do not outlive us |
#![allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures of a benchmark, not amounts of money"
)]

mod cluster;
mod cpu;
mod deliver;
mod figures;
mod growth;
mod hang;
mod hot;
mod house;
mod load;
mod measure;
mod p1;
mod p10;
mod p11;
mod p12;
mod p13;
mod p3;
mod p4;
mod p5;
mod p6;
mod p7;
mod p8;
mod p9;
mod pgbench;
mod process;
mod resale;
mod sale;
mod seed;
mod source;
mod stock;
mod table;
mod trail;
mod wholesale;

use std::process::ExitCode;

use anyhow::{anyhow, ensure};
use clap::Parser;

use cluster::Cluster;
use house::{House, Scale};
use table::Row;

const KNOWN: [&str; 16] =
    ["p1", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", "hot", "hang", "growth", "figures"];

/// What the house costs, against raw Postgres.
#[derive(Parser)]
struct Args {
    /// p1 (with p2), p3 … p13, hot, hang, growth, figures: all unless said
    rows: Vec<String>,
    /// Small seeds and short runs: shows that it works, and measures little
    #[arg(long)]
    quick: bool,
    /// Rows for machines on standard output
    #[arg(long)]
    json: bool,
    /// Cargo passes it
    #[arg(long, hide = true)]
    bench: bool,
    /// This process is the load generator
    #[arg(long, hide = true)]
    load: Option<String>,
    /// This process makes and receives events
    #[arg(long, hide = true)]
    deliver: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(plan) = &args.load {
        return load::generate(plan).map(|()| ExitCode::SUCCESS);
    }
    if let Some(plan) = &args.deliver {
        return deliver::generate(plan).map(|()| ExitCode::SUCCESS);
    }
    for row in &args.rows {
        ensure!(KNOWN.contains(&row.as_str()), "there is no {row}; there are {}", KNOWN.join(", "));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    // Dropping the unfinished work ends its processes and removes its files.
    let done = runtime.block_on(async {
        tokio::select! {
            done = run(&args) => done,
            _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
        }
    });
    runtime.shutdown_background();
    done
}

async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let scale = if args.quick { Scale::QUICK } else { Scale::FULL };
    let house = House { cluster: Cluster::start().await?, scale };
    let (mut rows, mut failed) = (Vec::new(), false);
    for name in KNOWN.iter().filter(|name| args.rows.is_empty() || args.rows.iter().any(|row| row == *name)) {
        say(&format!("{}:", name.to_uppercase()));
        match measure(name, &house).await {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                say(&format!("{name} failed: {error:#}"));
                failed = true;
            }
        }
    }
    if args.json {
        table::print_json(&rows)?;
    } else {
        table::print(&rows);
    }
    let wrong = rows.iter().any(|row| row.wrong > 0);
    Ok(if failed || wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn measure(name: &str, house: &House) -> anyhow::Result<Vec<Row>> {
    match name {
        "p1" => p1::run(house).await,
        "p3" => p3::run(house).await,
        "p4" => p4::run(house).await,
        "p5" => p5::run(house).await,
        "p6" => {
            let mut rows = p6::run(house).await?;
            rows.extend(stock::run(house).await?);
            Ok(rows)
        }
        "figures" => figures::run(house).await,
        "p7" => p7::run(house).await,
        "p8" => p8::run(house).await,
        "p9" => p9::run(house).await,
        "p10" => p10::run(house).await,
        "hang" => hang::run(house).await,
        "p11" => p11::run(house).await,
        "p12" => p12::run(house).await,
        "hot" => hot::run(house).await,
        "growth" => growth::run(house).await,
        _ => p13::run(house).await,
    }
}

/// A line of progress; standard output is for the figures.
fn say(line: &str) {
    eprintln!("{line}");
}
