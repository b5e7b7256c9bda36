//! The server's process.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::thread::{self, JoinHandle, sleep};
use std::time::Instant;

use super::Lifetime;
use super::error::Error;
use super::os;
use super::place::Place;
use super::server::{GLANCE, STOP_LIMIT};

#[derive(Debug)]
pub(super) struct Child {
    pub(super) pid: u32,
    /// Spawned the server and waits for its end. Linux ties an attached server to the thread that
    /// spawned it, so that thread must be no other: not a test's, nor a pool's that retires idle ones.
    waiter: JoinHandle<io::Result<ExitStatus>>,
}

impl Child {
    pub(super) fn spawn(mut command: Command, lifetime: Lifetime) -> Result<Self, Error> {
        command.process_group(0); // Ctrl-C is for us: the server must outlive our draining
        if lifetime == Lifetime::Attached {
            os::end_with_starter(&mut command);
        }
        let (tell, told) = mpsc::channel();
        let program = command.get_program().to_owned();
        let failed = |source| Error::io("running", Path::new(&program))(source);
        let wait = move || {
            let mut child = command.spawn()?;
            let _ = tell.send(child.id());
            let status = child.wait()?;
            if status.success() {
                tracing::info!(pid = child.id(), "Postgres ended");
            } else {
                tracing::warn!(pid = child.id(), %status, "Postgres ended");
            }
            Ok(status)
        };
        let waiter = thread::Builder::new().name("postgres".to_owned()).spawn(wait).map_err(failed)?;
        match told.recv() {
            Ok(pid) => Ok(Self { pid, waiter }),
            Err(_) => Err(failed(waiter.join().ok().and_then(Result::err).unwrap_or(io::ErrorKind::Other.into()))),
        }
    }

    pub(super) fn ended(&self) -> bool {
        self.waiter.is_finished()
    }

    /// How it ended, in words. Waits for it.
    pub(super) fn status(self) -> String {
        match self.waiter.join() {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "unknown".to_owned(),
        }
    }

    pub(super) fn interrupt(&self) -> Result<(), Error> {
        if self.ended() { Ok(()) } else { interrupt(self.pid) }
    }

    pub(super) fn wait(self, place: &Place) -> Result<(), Error> {
        let limit = Instant::now() + STOP_LIMIT;
        while !self.ended() {
            if Instant::now() > limit {
                return Err(Error::Late { what: "stopped", seconds: STOP_LIMIT.as_secs(), log: place.log.clone() });
            }
            sleep(GLANCE);
        }
        Ok(())
    }
}

/// SIGINT is Postgres' fast shutdown; SIGTERM would wait for clients to leave.
pub(super) fn interrupt(pid: u32) -> Result<(), Error> {
    use rustix::process::{Pid, Signal, kill_process};

    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    match kill_process(pid, Signal::INT) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(errno) => Err(Error::Io { doing: format!("stopping Postgres (process {pid:?})"), source: errno.into() }),
    }
}
