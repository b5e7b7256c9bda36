//! Starting the server on a finished cluster.

use std::fs::{self, DirBuilder};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Settings;
use super::account::Account;
use super::child::Child;
use super::error::{Error, tail};
use super::leftovers;
use super::place::Place;
use super::programs::Programs;
use super::server::{GLANCE, PORT, START_LIMIT, Server};

/// How long what a killed server left behind may keep the next one from starting.
const LEFTOVERS: Duration = Duration::from_secs(10);

pub(super) fn launch(
    settings: &Settings,
    place: &Place,
    programs: &Programs,
    account: &Account,
) -> Result<(Server, Option<Child>), Error> {
    (settings.on_progress)(&format!("starting Postgres {} in {}", programs.major, settings.data_dir.display()));
    let socket_dir = socket_dir(place, account)?;
    let pid_file = place.data.join("postmaster.pid");
    let limit = Instant::now() + LEFTOVERS;
    loop {
        if let Some(server) = Server::settled(&place.data) {
            return Ok((server, None));
        }
        let unclean = pid_file.exists();
        if unclean && leftovers::belong_to_no_one(&place.data) {
            leftovers::remove(&place.data, &socket_dir);
        }
        let log = place.open_log()?;
        let log_start = log.metadata().map_or(0, |log| log.len());
        let output = || log.try_clone().map_err(Error::io("opening", &place.log));
        let mut command = command(settings, place, programs, account, &socket_dir);
        command.stdout(output()?).stderr(output()?);
        let child = Child::spawn(command, settings.lifetime)?;
        match wait_ready(settings, place, &child)? {
            Some(server) => return Ok((server, Some(child))),
            // The file may name one that a killed starter has just started, or a zombie; or a last
            // backend of a killed server may hold on to the shared memory.
            None if (unclean || pid_file.exists()) && Instant::now() < limit => sleep(Duration::from_millis(100)),
            None => {
                let said = said_since(&place.log, log_start);
                return Err(Error::Ended { status: child.status(), log: place.log.clone(), said });
            }
        }
    }
}

fn command(settings: &Settings, place: &Place, programs: &Programs, account: &Account, socket_dir: &Path) -> Command {
    let mut command = account.command(&programs.postgres());
    command.arg("-D").arg(&place.data).arg("-p").arg(PORT).arg("-k").arg(socket_dir);
    let mut set = |name: &str, value: &str| {
        command.arg("-c").arg(format!("{name}={value}"));
    };
    set("listen_addresses", "");
    set("unix_socket_permissions", "0700");
    set("max_connections", &settings.max_connections.to_string());
    set("shared_buffers", &format!("{}MB", settings.shared_buffers_mb));
    set("logging_collector", "off"); // the log is what it writes to us
    let durable = if settings.durable { "on" } else { "off" };
    for name in ["fsync", "synchronous_commit", "full_page_writes"] {
        set(name, durable);
    }
    if !settings.durable {
        set("wal_level", "minimal");
        set("max_wal_senders", "0");
        set("max_wal_size", "128MB"); // it may lie in memory
    }
    command
}

/// `None` if the server ended instead.
fn wait_ready(settings: &Settings, place: &Place, child: &Child) -> Result<Option<Server>, Error> {
    let begun = Instant::now();
    let mut patience = Duration::from_secs(3);
    while !child.ended() {
        if let Some(server) = Server::read(&place.data).filter(|server| server.ready && server.pid == child.pid) {
            return Ok(Some(server));
        }
        if begun.elapsed() > patience {
            (settings.on_progress)("Postgres is still starting, probably recovering after a crash");
            patience *= 4;
        }
        if begun.elapsed() > START_LIMIT {
            child.interrupt()?;
            return Err(Error::Late { what: "ready", seconds: START_LIMIT.as_secs(), log: place.log.clone() });
        }
        sleep(GLANCE);
    }
    Ok(None)
}

/// The data directory itself, unless its path is too long for a socket's address, or would need quotes
/// in the option, which is a list.
fn socket_dir(place: &Place, account: &Account) -> Result<PathBuf, Error> {
    const LONGEST: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
    let name_bytes = "/.s.PGSQL.".len() + PORT.len();
    let path = place.data.as_os_str().as_bytes();
    if path.len() + name_bytes <= LONGEST && !path.iter().any(|byte| b",\"".contains(byte)) {
        return Ok(place.data.clone());
    }
    let dir = place.short_dir();
    if DirBuilder::new().mode(0o700).create(&dir).is_ok() {
        account.give(&dir)?;
    }
    // Anyone may write to /tmp: a directory of that name that is not ours alone is a trap.
    let found = dir.symlink_metadata().map_err(Error::io("creating", &dir))?;
    if found.is_dir() && found.uid() == account.uid() && found.mode() % 0o100 == 0 {
        Ok(dir)
    } else {
        Err(Error::NotYours { path: dir, owner: found.uid() })
    }
}

fn said_since(log: &Path, start: u64) -> String {
    let mut said = Vec::new();
    if let Ok(mut log) = fs::File::open(log)
        && log.seek(SeekFrom::Start(start)).is_ok()
    {
        let _ = log.read_to_end(&mut said); // a log that cannot be read is an empty one
    }
    tail(&String::from_utf8_lossy(&said))
}
