//! Where Postgres is installed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, iter};

use super::error::{Error, install_command};

/// The oldest version we test on.
const OLDEST: u32 = 15;

/// Directories that hold one directory a version: parent, how the version's begins, what follows it.
const VERSIONED: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"), // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),          // the PostgreSQL project's own rpm packages
    ("/usr/lib", "postgresql", "bin"),  // openSUSE
    ("/usr/libexec", "postgresql", ""), // Alpine
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"), // Homebrew on Intel
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

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
    fn at(bin: &Path) -> Option<Self> {
        let initdb = bin.join("initdb").canonicalize().ok()?; // it looks for `postgres` where it really is
        let bin = initdb.parent().filter(|bin| bin.join("postgres").is_file())?.to_owned();
        let version = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
        let major = major(&String::from_utf8_lossy(&version.stdout))?;
        Some(Self { bin, major })
    }
}

/// The first that will do: `PG_BIN` and nothing else if it is set; else PATH, `pg_config` and the usual
/// places, newest first. A cluster that exists fixes the major version.
pub(super) fn programs(pinned: Option<(u32, &Path)>) -> Result<Programs, Error> {
    let named = env::var_os("PG_BIN").filter(|bin| !bin.is_empty()).map(PathBuf::from);
    let candidates: Box<dyn Iterator<Item = Programs>> = match named {
        Some(bin) => Box::new(iter::once(Programs::at(&bin).ok_or(Error::PgBin(bin))?)),
        None => {
            Box::new(on_path().chain(told_by_pg_config()).chain(usual_places()).filter_map(|bin| Programs::at(&bin)))
        }
    };
    let mut others = Vec::new();
    for programs in candidates {
        match pinned {
            Some((needed, _)) if programs.major == needed => return Ok(programs),
            None if programs.major >= OLDEST => return Ok(programs),
            _ => others.push(format!("{} in {}", programs.major, programs.bin.display())),
        }
    }
    others.dedup();
    let found = if others.is_empty() { String::new() } else { format!(" (found: {})", others.join(", ")) };
    let install = install_command(pinned.map(|(major, _)| major));
    Err(match pinned {
        Some((needed, dir)) => Error::OtherMajor { data_dir: dir.to_owned(), needed, found, install },
        None => Error::NotInstalled { found, install },
    })
}

fn on_path() -> impl Iterator<Item = PathBuf> {
    let path: OsString = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn told_by_pg_config() -> impl Iterator<Item = PathBuf> {
    iter::once_with(|| {
        let output = Command::new("pg_config").arg("--bindir").output().ok()?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    })
    .flatten()
}

/// Sorted by the number in the directory's name, highest first.
fn usual_places() -> impl Iterator<Item = PathBuf> {
    iter::once_with(|| {
        let mut found: Vec<(u32, PathBuf)> = Vec::new();
        for (parent, prefix, below) in VERSIONED {
            let Ok(entries) = Path::new(parent).read_dir() else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let version =
                    name.to_str().and_then(|name| name.strip_prefix(prefix)).map(|rest| rest.trim_start_matches('@'));
                if let Some(version) = version {
                    found.push((leading_number(version).unwrap_or(0), entry.path().join(below)));
                }
            }
        }
        found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        found.into_iter().map(|(_, bin)| bin)
    })
    .flatten()
}

/// From `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` or `… 18beta1`.
fn major(version: &str) -> Option<u32> {
    leading_number(version.split_once("(PostgreSQL) ")?.1)
}

fn leading_number(text: &str) -> Option<u32> {
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
