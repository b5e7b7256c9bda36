//! The binary: parse the command line, run one command, say what went wrong in one line.

use std::process::ExitCode;

use clap::Parser as _;
use keyhouse::cli::Cli;

fn main() -> ExitCode {
    match keyhouse::cli::run(Cli::parse()) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("keyhouse: {e:#}");
            ExitCode::FAILURE
        }
    }
}
