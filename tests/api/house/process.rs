//! The real binary as a process of its own: to be killed, to be several, to be spoken to over a socket.

use std::io::{BufRead as _, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{MASTER_KEY, unique};

/// A server gets this long to say where it listens; initdb of an embedded Postgres is part of it.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A running `keyhouse serve`; killed when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    output: Lines,
    log: Lines,
}

/// What a process has written so far. It is read all the time, for nobody can write into a full pipe.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Server {
    /// Starts `keyhouse serve` on this database and waits until it listens.
    pub fn start(database_url: &str, data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = keyhouse(data_dir, &["serve"]);
        command.env("DATABASE_URL", database_url).env("KEYHOUSE_MASTER_KEY", MASTER_KEY);
        command.env("KEYHOUSE_LISTEN", "127.0.0.1:0").envs(settings.iter().copied());
        Self::spawn(&mut command)
    }

    /// The same on the embedded Postgres below the data directory.
    pub fn start_embedded(data_dir: &Path) -> Self {
        let mut command = keyhouse(data_dir, &[]);
        command.env("KEYHOUSE_LISTEN", "127.0.0.1:0");
        Self::spawn(&mut command)
    }

    /// Any command that serves; waits until it listens.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let (output, log) = (Lines::default(), Lines::default());
        output.collect(child.stdout.take().unwrap());
        log.collect(child.stderr.take().unwrap());
        let mut server = Self { child, address: SocketAddr::from(([0; 4], 0)), output, log };
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            let said = server.output.find(|line| line.split_once(" is ready at http://")?.1.trim().parse().ok());
            if let Some(address) = said {
                server.address = address;
                return server;
            }
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "no server ({ended:?}): {}", server.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// Waits until it has printed this.
    pub fn wait_for(&self, words: &str) -> String {
        let deadline = Instant::now() + START_PATIENCE;
        while !self.output().contains(words) {
            assert!(Instant::now() < deadline, "it never printed {words:?}: {}", self.output());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.output()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// `kill -9`; answers what it had logged.
    pub fn kill(mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.log()
    }

    /// SIGTERM, without waiting.
    pub fn signal_to_stop(&self) {
        send(self.pid(), Signal::TERM);
    }

    /// Its exit status, which is negative where a signal ended it; `None` where it does not end in time.
    pub fn wait(&mut self, patience: Duration) -> Option<i32> {
        wait(&mut self.child, patience)
    }

    /// SIGTERM, and the exit status; `None` where it does not end in time.
    pub fn terminate(mut self, patience: Duration) -> Option<i32> {
        self.signal_to_stop();
        self.wait(patience)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the server's log:\n{}---", self.log());
        }
    }
}

/// A command that has ended.
pub struct Ended {
    pub status: Option<i32>,
    pub output: String,
    pub log: String,
}

impl Ended {
    #[track_caller]
    pub fn is(&self, status: i32) -> &Self {
        assert_eq!(self.status, Some(status), "{}\n{}", self.output, self.log);
        self
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.output).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.output, self.log))
    }

    /// Asserts that the message for people is one line that holds these words.
    #[track_caller]
    pub fn complains_of(&self, words: &[&str]) -> &Self {
        let said = self.log.lines().last().unwrap_or("");
        assert!(said.starts_with("keyhouse: ") && words.iter().all(|word| said.contains(word)), "{}", self.log);
        self
    }
}

/// The binary with these arguments, and of the environment nothing but what finds Postgres.
pub fn keyhouse(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyhouse"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    for kept in ["PATH", "PG_BIN", "HOME"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command.env("KEYHOUSE_DATA_DIR", data_dir).env("KEYHOUSE_LOG", "warn").env("KEYHOUSE_RATE_LIMITS", "off");
    command
}

/// Runs a command to its end.
pub fn run(mut command: Command) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let (output, log) = (Lines::default(), Lines::default());
    let readers = [output.collect(child.stdout.take().unwrap()), log.collect(child.stderr.take().unwrap())];
    let status = wait(&mut child, START_PATIENCE);
    let _ = child.kill();
    if status.is_some() {
        // A server that it left running may hold on to the pipes, but not for what was printed before.
        let deadline = Instant::now() + Duration::from_secs(1);
        while readers.iter().any(|reader| !reader.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ended { status, output: output.text(), log: log.text() }
}

pub fn kill(pid: u32) {
    send(pid, Signal::KILL);
}

fn send(pid: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal);
}

fn wait(child: &mut Child, patience: Duration) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt as _;
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().or_else(|| status.signal().map(|signal| -signal));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

impl Lines {
    fn collect(&self, pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<()> {
        let lines = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                lines.0.lock().unwrap().push(line);
            }
        })
    }

    fn find<T>(&self, look: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.0.lock().unwrap().iter().find_map(|line| look(line))
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A port that no other socket is given by chance: below the range of outgoing connections.
pub fn free_port() -> u16 {
    let first = std::process::id().wrapping_mul(31).wrapping_add(unique() * 7);
    (0..10_000_u32)
        .map(|step| 20_000 + u16::try_from(first.wrapping_add(step) % 10_000).unwrap())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free")
}

/// A directory that is removed with its owner. Open to the user that root's Postgres runs as.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("keyhouse-dir-{}-{}", std::process::id(), unique()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
