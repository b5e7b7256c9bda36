//! An installed Postgres, and which one it is.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An installed Postgres.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// The directory of `initdb` and `postgres`, links resolved.
    pub bin: PathBuf,
    pub major: u32,
}

impl Programs {
    pub(super) fn initdb(&self) -> PathBuf {
        self.bin.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }

    /// `None` unless both programs are there and one of them runs.
    pub(super) fn at(bin: &Path) -> Option<Self> {
        let initdb = bin.join("initdb").canonicalize().ok()?; // it looks for `postgres` where it really is
        let bin = initdb.parent().filter(|bin| bin.join("postgres").is_file())?.to_owned();
        let version = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
        let major = major(&String::from_utf8_lossy(&version.stdout))?;
        Some(Self { bin, major })
    }
}

pub(super) fn on_path() -> impl Iterator<Item = PathBuf> {
    let path: OsString = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// From `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` or `… 18beta1`.
fn major(version: &str) -> Option<u32> {
    leading_number(version.split_once("(PostgreSQL) ")?.1)
}

pub(super) fn leading_number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("something else\n"), None);
    }
}
