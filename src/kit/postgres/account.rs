//! Who runs the programs. Postgres refuses root, so root hands them to another user.

use std::fs;
use std::os::unix::fs::lchown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::{Error, tail};
use super::os;
use super::place::Place;
use super::programs::Programs;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Account {
    Myself,
    /// We are root and become this user.
    User {
        uid: u32,
        gid: u32,
    },
    /// We are root and stay it, and look like this user to Postgres; files stay root's. For directories
    /// below root's own home, where no other user may go. Linux only, and containers may forbid it.
    Namespace {
        uid: u32,
        gid: u32,
    },
}

impl Account {
    pub(super) fn choose(place: &Place, programs: &Programs) -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Myself);
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let named = |name: &str| entry(&users, name).map(|(uid, gid)| Self::User { uid, gid });
        let namespace = entry(&users, "nobody").or_else(|| entry(&users, "postgres"));
        let namespace = namespace.map(|(uid, gid)| Self::Namespace { uid, gid });
        let candidates = match place.owner().filter(|_| place.made()) {
            Some((0, _)) => [namespace, None, None],
            Some((uid, gid)) => [Some(Self::User { uid, gid }), None, None],
            None => [named("postgres"), named("nobody"), namespace],
        };
        let mut refusal = ("postgres".to_owned(), "there is no such user".to_owned());
        for account in candidates.into_iter().flatten() {
            match account.reaches(place, programs) {
                Ok(()) => return Ok(account),
                Err(reason) => refusal = (account.name(&users), reason),
            }
        }
        let (user, reason) = refusal;
        Err(Error::Unreachable { path: place.data.clone(), user, reason })
    }

    /// Tried rather than judged by mode bits: there are also access lists, mounts and containers.
    fn reaches(&self, place: &Place, programs: &Programs) -> Result<(), String> {
        let directory = if place.made() { Some(&*place.data) } else { place.data.parent() };
        let mut sh = self.command(Path::new("/bin/sh"));
        sh.args(["-c", r#"cd "$0" && "$1" --version"#]).arg(directory.unwrap_or(&place.data)).arg(programs.postgres());
        let output = sh.output().map_err(|refused| refused.to_string())?;
        if output.status.success() { Ok(()) } else { Err(tail(String::from_utf8_lossy(&output.stderr).trim())) }
    }

    fn name(&self, users: &str) -> String {
        let (Self::User { uid, .. } | Self::Namespace { uid, .. }) = self else { return "root".to_owned() };
        let line = users.lines().find(|line| line.split(':').nth(2) == Some(&uid.to_string()));
        line.and_then(|line| line.split(':').next()).map_or_else(|| uid.to_string(), str::to_owned)
    }

    /// A command that runs as this account, in a directory that every user may enter.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Its messages are shown, so in one language; and on a Mac, Postgres refuses to run without a locale.
        command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C").env_remove("PGDATA").env_remove("PGOPTIONS");
        match *self {
            Self::Myself => {}
            Self::User { uid, gid } => {
                command.uid(uid).gid(gid);
            }
            Self::Namespace { uid, gid } => os::enter_namespace(&mut command, uid, gid),
        }
        command
    }

    /// The uid that files of this account have, seen from here.
    pub(super) fn uid(&self) -> u32 {
        match self {
            Self::User { uid, .. } => *uid,
            Self::Myself | Self::Namespace { .. } => rustix::process::geteuid().as_raw(),
        }
    }

    pub(super) fn give(&self, path: &Path) -> Result<(), Error> {
        let Self::User { uid, gid } = *self else { return Ok(()) };
        lchown(path, Some(uid), Some(gid)).map_err(Error::io("giving away", path))
    }
}

/// uid and gid of a user, from lines such as `nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin`.
fn entry(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:7::/:/x\npostgres:x:101:104:,,:/var:/bin/sh\n";
        assert_eq!(entry(users, "postgres"), Some((101, 104)));
        assert_eq!(entry(users, "post"), None);
        assert_eq!(Account::User { uid: 101, gid: 104 }.name(users), "postgres");
    }
}
