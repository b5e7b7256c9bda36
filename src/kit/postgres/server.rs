//! What `postmaster.pid` tells about a server, and how to reach it.

use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::NAME;
use super::error::Error;
use super::place::Place;

/// How often a file is looked at that is about to change.
pub(super) const GLANCE: Duration = Duration::from_millis(5);
pub(super) const START_LIMIT: Duration = Duration::from_mins(2);
pub(super) const STOP_LIMIT: Duration = Duration::from_mins(1);

/// Names the socket file; no TCP port is opened.
pub(super) const PORT: &str = "5432";

#[derive(Debug)]
pub(super) struct Server {
    pub(super) pid: u32,
    pub(super) ready: bool,
    socket_dir: PathBuf,
    port: String,
}

impl Server {
    /// Lines of the file: 1 pid, 4 port, 5 socket directory, 8 state. `None` also while they are not
    /// all written yet.
    pub(super) fn read(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().collect();
        Some(Self {
            pid: lines.first()?.trim().parse().ok()?,
            port: (*lines.get(3)?).to_owned(),
            socket_dir: lines.get(4).filter(|line| !line.is_empty())?.into(),
            ready: lines.get(7).is_some_and(|state| state.trim() == "ready"),
        })
    }

    /// The server that runs and is ready, after waiting for one that is just starting or stopping.
    pub(super) fn settled(data: &Path) -> Option<Self> {
        let limit = Instant::now() + START_LIMIT;
        loop {
            let server = Self::read(data).filter(Self::listening)?;
            if server.ready {
                return Some(server);
            }
            if Instant::now() > limit {
                return None;
            }
            sleep(GLANCE);
        }
    }

    /// The proof of life. The pid alone proves nothing: after a crash the file stays, and the pid may be
    /// a zombie's or a stranger's by now. Postgres does not log a connection that says nothing.
    pub(super) fn listening(&self) -> bool {
        UnixStream::connect(self.socket()).is_ok()
    }

    fn socket(&self) -> PathBuf {
        self.socket_dir.join(format!(".s.PGSQL.{}", self.port))
    }

    pub(super) fn url(&self, database: &str) -> String {
        let host = percent_encoded(self.socket_dir.as_os_str().as_bytes());
        format!("postgres://{NAME}@localhost:{}/{}?host={host}", self.port, percent_encoded(database.as_bytes()))
    }

    /// Postgres removes its pid file as the last thing it does.
    pub(super) fn wait_gone(&self, place: &Place) -> Result<(), Error> {
        let limit = Instant::now() + STOP_LIMIT;
        while Self::read(&place.data).is_some_and(|now| now.pid == self.pid) {
            if Instant::now() > limit {
                return Err(Error::Late { what: "stopped", seconds: STOP_LIMIT.as_secs(), log: place.log.clone() });
            }
            sleep(GLANCE);
        }
        Ok(())
    }
}

fn percent_encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}"); // writing to a String cannot fail
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_odd_paths() {
        let server = Server { pid: 1, ready: true, socket_dir: "/a b/c,ü".into(), port: PORT.into() };
        assert_eq!(server.url("keyhouse"), "postgres://keyhouse@localhost:5432/keyhouse?host=%2Fa%20b%2Fc%2C%C3%BC");
    }
}
