//! The Postgres under the tests: one throw-away cluster a user, shared by all test processes, and in it
//! a database for each test, cloned from a template that the migrations were run on once.
//!
//! A test process keeps a shared lock on `users.lock` for its whole life, so the kernel tells when the
//! last one has ended, however it ended. A reaper waits for just that, and stops the cluster.

use std::fs::{self, DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, io, process, thread};

use keyhouse::kit::postgres::{self, Cluster, Settings};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

/// The address of the database `postgres` in the test cluster, which is running from now on.
pub fn url() -> String {
    house().cluster.url("postgres")
}

/// One test's own database. It stays for inspection if the test fails: the next fresh start of the
/// cluster drops it.
pub struct TestDb {
    pub url: String,
    pub name: String,
}

/// A new database, cloned from the template of this name. If there is none yet, it is made: `migrate` is
/// given the address of an empty database, and must have closed its connections when it returns. Let
/// the name hold a hash of the migrations.
pub async fn database(template: &str, migrate: impl AsyncFnOnce(&str)) -> TestDb {
    static COUNT: AtomicU32 = AtomicU32::new(1);

    let mut admin = admin().await;
    if !is_template(&mut admin, template).await {
        make_template(&mut admin, template, migrate).await;
    }
    let name = format!("t_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    run(&mut admin, format!("drop database if exists {name} with (force)")).await; // of a process with our number
    run(&mut admin, format!("create database {name} template {template} strategy file_copy")).await;
    let _ = admin.close().await;
    TestDb { url: house().cluster.url(&name), name }
}

impl TestDb {
    /// Drops it, cutting off who is still connected.
    pub async fn discard(self) {
        let mut admin = admin().await;
        run(&mut admin, format!("drop database {} with (force)", self.name)).await;
        let _ = admin.close().await;
    }
}

async fn admin() -> PgConnection {
    PgConnection::connect(&url()).await.expect("the test cluster accepts connections")
}

async fn run(admin: &mut PgConnection, sql: String) {
    let done = admin.execute(AssertSqlSafe(sql.clone())).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn names(admin: &mut PgConnection, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(admin).await.expect("the catalogue can be read")
}

async fn is_template(admin: &mut PgConnection, name: &str) -> bool {
    let found = sqlx::query_scalar("select exists (select from pg_database where datname = $1 and datistemplate)");
    found.bind(name).fetch_one(admin).await.expect("the catalogue can be read")
}

/// Once among all processes. The flag is set last, so a half-made template never counts as one.
async fn make_template(admin: &mut PgConnection, name: &str, migrate: impl AsyncFnOnce(&str)) {
    run(admin, "select pg_advisory_lock(1)".into()).await;
    if !is_template(admin, name).await {
        run(admin, format!("drop database if exists {name} with (force)")).await;
        run(admin, format!("create database {name}")).await;
        migrate(&house().cluster.url(name)).await;
        run(admin, format!("alter database {name} is_template true")).await;
        forget_old_templates(admin).await;
    }
    run(admin, "select pg_advisory_unlock(1)".into()).await;
}

/// Every change of the migrations leaves a template behind. A few are kept, for who switches branches.
async fn forget_old_templates(admin: &mut PgConnection) {
    let old = "select datname::text from pg_database where datistemplate and datname not in ('template0', 'template1')
               order by oid desc offset 4";
    for name in names(admin, old).await {
        run(admin, format!("alter database {name} is_template false")).await;
        run(admin, format!("drop database {name} with (force)")).await;
    }
}

struct House {
    cluster: Cluster,
    _users: File,
    _reaper: Option<Child>,
}

/// Each process enters once. On a thread of its own, for the tests' threads run inside runtimes.
fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(|| thread::spawn(enter).join().expect("the test cluster starts"))
}

fn enter() -> House {
    let dir = directory();
    let users = lock_file(&dir.join("users.lock"));
    users.lock_shared().expect("users.lock can be locked");
    // Before the start: killed in between, we leave a reaper without a cluster, not the reverse.
    let reaper = reaper(&dir);

    let entrance = lock_file(&dir.join("entrance.lock"));
    entrance.lock().expect("entrance.lock can be locked");
    lock_file(&dir.join("starting")); // tells the reaper of a server it cannot see yet
    let cluster = postgres::start(&Settings::throw_away(dir.join("data")))
        .unwrap_or_else(|error| panic!("{error}\n(a test cluster may be thrown away: rm -r {})", dir.display()));
    let _ = fs::remove_file(dir.join("starting"));
    if cluster.owned() {
        sweep(&cluster.url("postgres")); // whoever else enters waits, so none of these is in use
    }
    House { cluster, _users: users, _reaper: reaper }
}

/// Clones of a database are six times faster in memory than on a disk: 13 ms against 90.
fn roomy() -> PathBuf {
    const ROOMY_BYTES: u64 = 4 << 30;
    let memory = Path::new("/dev/shm");
    let size = rustix::fs::statvfs(memory).map_or(0, |memory| memory.f_blocks.saturating_mul(memory.f_frsize));
    if env::var_os("TMPDIR").is_none() && size >= ROOMY_BYTES { memory.to_owned() } else { env::temp_dir() }
}

/// One for each user and each Postgres. Root's is open to the user that root's Postgres runs as.
fn directory() -> PathBuf {
    let programs = postgres::installed().unwrap_or_else(|error| panic!("{error}"));
    let mut hasher = DefaultHasher::new();
    programs.bin.hash(&mut hasher);
    let (uid, major, hash) = (rustix::process::geteuid().as_raw(), programs.major, hasher.finish() >> 32);
    let dir = roomy().join(format!("keyhouse-test-{uid}-{major}-{hash:08x}"));
    match DirBuilder::new().mode(0o755).create(&dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => panic!("{}: {error}", dir.display()),
        _ => {}
    }
    let found = dir.symlink_metadata().expect("the directory was just made");
    assert!(found.is_dir() && found.uid() == uid, "{} is another user's: remove it", dir.display());
    dir
}

fn lock_file(path: &Path) -> File {
    File::options().append(true).create(true).open(path).expect("a lock file can be made")
}

/// Waits until no test process is left, then stops the cluster. In a process group of its own, so that
/// Ctrl-C does not reach it. A Mac has no `flock`, but has perl.
fn reaper(dir: &Path) -> Option<Child> {
    const STOP: &str = r#"
        tries=100 # 2 s
        pause() { tries=$((tries - 1)); [ $tries -gt 0 ] && sleep 0.02; }
        while [ -e starting ] && [ ! -e data/postmaster.pid ] && pause; do :; done
        rm -f starting
        read -r pid <data/postmaster.pid || exit
        [ ! -e /proc/self ] || grep -q postgres "/proc/$pid/cmdline" || exit # the number may be a stranger's by now
        kill -INT "$pid" # and who enters next must not meet it while it ends
        while [ -e data/postmaster.pid ] && pause; do :; done"#;
    const FLOCK: &str = r#"open(my $f, "<", shift) or die; flock($f, 2) or die; system(@ARGV)"#;

    let start = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.current_dir(dir).args(arguments).args(["users.lock", "sh", "-c", STOP]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.process_group(0).spawn().ok()
    };
    let reaper = start("flock", &["-x"]).or_else(|| start("perl", &["-e", FLOCK]));
    if reaper.is_none() {
        eprintln!("neither flock nor perl is here: the test cluster in {} stays running", dir.display());
    }
    reaper
}

/// Drops what failed and killed tests left behind.
fn sweep(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut admin = PgConnection::connect(url).await.expect("the test cluster accepts connections");
        for name in names(&mut admin, r"select datname::text from pg_database where datname like 't\_%'").await {
            run(&mut admin, format!("drop database {name} with (force)")).await;
        }
        let _ = admin.close().await;
    });
}
