//! Making a cluster. It is made beside its final name and renamed when it is whole, so that a starter
//! that dies half-way leaves only what the next one throws away.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::process::{Command, Output, Stdio};

use super::NAME;
use super::account::Account;
use super::error::{Error, tail};
use super::os;
use super::place::Place;
use super::programs::Programs;

/// The programs hold the starter's lock too: should it be killed, the next one waits for them to end.
pub(super) fn create(
    place: &Place,
    lock: &File,
    programs: &Programs,
    account: &Account,
    durable: bool,
) -> Result<(), Error> {
    let unfinished = &place.unfinished;
    if unfinished.exists() {
        fs::remove_dir_all(unfinished).map_err(Error::io("removing", unfinished))?;
    }
    DirBuilder::new().mode(0o700).create(unfinished).map_err(Error::io("creating", unfinished))?;
    account.give(unfinished)?;

    let mut initdb = account.command(&programs.initdb());
    initdb.arg("-D").arg(unfinished).args(["-U", NAME, "-E", "UTF8", "--no-locale", "--data-checksums"]);
    initdb.args(["--auth-local=trust", "--auth-host=reject"]); // who may open the socket is who may come in
    let mut single = account.command(&programs.postgres());
    single.arg("--single").arg("-D").arg(unfinished);
    if !durable {
        initdb.args(["--no-sync", "--wal-segsize=1"]); // keeps 5 MB of WAL instead of 80
        single.arg("-F");
    }
    single.arg("postgres");
    for command in [&mut initdb, &mut single] {
        os::hand_down(command, lock.try_clone().map_err(Error::io("locking", unfinished))?);
    }
    run(place, &mut initdb, "")?;
    run(place, &mut single, &format!("create database {NAME}\n"))?;

    fs::rename(unfinished, &place.data).map_err(Error::io("renaming", unfinished))?;
    let parent = place.data.parent().unwrap_or(&place.data);
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(Error::io("syncing", parent))
}

fn run(place: &Place, command: &mut Command, input: &str) -> Result<(), Error> {
    let output = feed(command, input).map_err(Error::io("running", command.get_program().as_ref()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    // `postgres --single` ends well even if its one statement failed.
    if output.status.success() && !said.contains("ERROR:") {
        return Ok(());
    }
    Err(Error::Init { data_dir: place.data.clone(), said: tail(&said) })
}

/// The input is one line at most, so it cannot block on a full pipe.
fn feed(command: &mut Command, input: &str) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input.as_bytes()); // a program that ended early tells why itself
    }
    child.wait_with_output()
}
