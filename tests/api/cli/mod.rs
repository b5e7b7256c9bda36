//! The command line, as a script or a newcomer meets it.

mod commands;
mod embedded;
mod files;
mod import;
mod licenses;
mod mail;
mod money;
mod refusals;

use std::path::Path;

use crate::house::process::{Ended, keyhouse, run};
use crate::house::{MASTER_KEY, TestApp};

/// Another master key than the tests' own.
const OTHER_MASTER_KEY: &str = "ffffffffffffffffffffffffffffffff00000000000000000000000000000000";

/// Runs a command on the test's database.
fn on(app: &TestApp, arguments: &[&str]) -> Ended {
    on_with(app, arguments, &[])
}

/// The same with more in its environment.
fn on_with(app: &TestApp, arguments: &[&str], settings: &[(&str, &str)]) -> Ended {
    let mut command = keyhouse(&app.app.config.data_dir, arguments);
    command.env("DATABASE_URL", app.database_url()).env("KEYHOUSE_MASTER_KEY", MASTER_KEY);
    run(command_with(command, settings))
}

/// Runs a command that has no database but the embedded one.
fn alone(dir: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Ended {
    run(command_with(keyhouse(dir, arguments), settings))
}

fn command_with(mut command: std::process::Command, settings: &[(&str, &str)]) -> std::process::Command {
    command.envs(settings.iter().copied());
    command
}
