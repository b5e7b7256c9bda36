//! The paths of one cluster.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};

use super::error::Error;

#[derive(Debug)]
pub(super) struct Place {
    pub(super) data: PathBuf,
    /// Where a cluster is made. `data` is only ever a finished one: initdb writes `PG_VERSION` early.
    pub(super) unfinished: PathBuf,
    pub(super) log: PathBuf,
    lock: PathBuf,
}

impl Place {
    /// Makes the parent directory if need be.
    pub(super) fn prepare(data_dir: &Path) -> Result<Self, Error> {
        let data = absolute(data_dir).map_err(Error::io("finding", data_dir))?;
        let parent = data.parent().unwrap_or(&data);
        fs::create_dir_all(parent).map_err(Error::io("creating", parent))?;
        let place = Self::below(&data)?;
        place.check()?;
        Ok(place)
    }

    /// Without touching anything; `None` if no cluster was made there.
    pub(super) fn existing(data_dir: &Path) -> Option<Self> {
        Self::below(&absolute(data_dir).ok()?).ok().filter(Self::made)
    }

    /// Links are resolved, so that all who start here, whatever they call it, meet at one lock.
    fn below(data: &Path) -> Result<Self, Error> {
        let resolve = |path: &Path| path.canonicalize().map_err(Error::io("finding", path));
        let data = match (data.exists(), data.parent(), data.file_name()) {
            (false, Some(parent), Some(name)) => resolve(parent)?.join(name),
            _ => resolve(data)?,
        };
        let beside = |extension: &str| {
            let mut path = data.clone().into_os_string();
            path.push(extension);
            PathBuf::from(path)
        };
        Ok(Self { unfinished: beside(".init"), log: beside(".log"), lock: beside(".lock"), data })
    }

    fn check(&self) -> Result<(), Error> {
        let Some(owner) = self.owner() else { return Ok(()) };
        let me = rustix::process::geteuid();
        if !me.is_root() && owner.0 != me.as_raw() {
            return Err(Error::NotYours { path: self.data.clone(), owner: owner.0 });
        }
        let mut entries = self.data.read_dir().map_err(Error::io("reading", &self.data))?;
        if self.made() || entries.next().is_none() { Ok(()) } else { Err(Error::NotADatabase(self.data.clone())) }
    }

    /// Whether a finished cluster is here.
    pub(super) fn made(&self) -> bool {
        self.data.join("PG_VERSION").exists()
    }

    /// uid and gid of the data directory, if there is one.
    pub(super) fn owner(&self) -> Option<(u32, u32)> {
        self.data.metadata().ok().map(|data| (data.uid(), data.gid()))
    }

    /// Only this major version can open the cluster; with the directory, for the error that says so.
    pub(super) fn major(&self) -> Result<Option<(u32, &Path)>, Error> {
        if !self.made() {
            return Ok(None);
        }
        let file = self.data.join("PG_VERSION");
        let text = fs::read_to_string(&file).map_err(Error::io("reading", &file))?;
        match text.trim().parse() {
            Ok(major) => Ok(Some((major, &self.data))),
            Err(_) => Err(Error::NotADatabase(self.data.clone())),
        }
    }

    /// For the socket, where the data directory's own path will not do.
    pub(super) fn short_dir(&self) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        self.data.hash(&mut hasher);
        PathBuf::from(format!("/tmp/keyhouse-{:016x}", hasher.finish()))
    }

    pub(super) fn leave_no_short_dir(&self) {
        let _ = fs::remove_dir(self.short_dir()); // most clusters have none; and one in use is not empty
    }

    /// Waits until no one else is starting or stopping here. Freed when dropped, and by any death.
    pub(super) fn lock(&self) -> Result<File, Error> {
        let file = self.append(&self.lock)?;
        file.lock().map_err(Error::io("locking", &self.lock))?;
        Ok(file)
    }

    pub(super) fn open_log(&self) -> Result<File, Error> {
        const LARGE_BYTES: u64 = 8 << 20;
        if self.log.metadata().is_ok_and(|log| log.len() > LARGE_BYTES) {
            let old = self.log.with_extension("log.old");
            fs::rename(&self.log, &old).map_err(Error::io("renaming", &self.log))?;
        }
        self.append(&self.log)
    }

    /// Root leaves no file here that the cluster's owner could not open later.
    fn append(&self, path: &Path) -> Result<File, Error> {
        let file = File::options().append(true).create(true).open(path).map_err(Error::io("opening", path))?;
        if rustix::process::geteuid().is_root()
            && let Some((uid, gid)) = self.owner()
        {
            std::os::unix::fs::fchown(&file, Some(uid), Some(gid)).map_err(Error::io("giving away", path))?;
        }
        Ok(file)
    }
}
