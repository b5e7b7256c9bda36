//! What a killed server leaves behind. Postgres goes by the pid in `postmaster.pid`, and refuses to start
//! while that number is taken, be it by a zombie or a stranger. Linux lets us look closer.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::server::PORT;

/// Whether surely no process of a server on this data directory is alive. When in doubt, false: then
/// Postgres judges by itself, which takes a second or two longer.
///
/// The caller holds the starter's lock. So does what another starter forks, until it is a postmaster
/// that names the directory in its arguments; none can appear unseen.
pub(super) fn belong_to_no_one(data: &Path) -> bool {
    let (Ok(owner), Ok(processes)) = (data.metadata().map(|data| data.uid()), Path::new("/proc").read_dir()) else {
        return false;
    };
    let ourselves = std::process::id().to_string();
    let mut seen_ourselves = false; // else this is no Linux, or /proc hides processes
    for process in processes.flatten() {
        let name = process.file_name();
        if name.as_bytes().iter().all(u8::is_ascii_digit) && may_serve(&process.path(), data, owner) {
            return false;
        }
        seen_ourselves |= *name == *ourselves;
    }
    seen_ourselves
}

/// Each process of a server works in the data directory; the first also names it, and does so before it
/// goes there. A zombie does neither.
fn may_serve(process: &Path, data: &Path, owner: u32) -> bool {
    match fs::read_link(process.join("cwd")) {
        Ok(cwd) if cwd == data => return true,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return process.metadata().is_ok_and(|process| process.uid() == owner);
        }
        _ => {}
    }
    let named = [b"\0-D\0", data.as_os_str().as_bytes(), b"\0"].concat();
    let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
    arguments.windows(named.len()).any(|part| part == named)
}

pub(super) fn remove(data: &Path, socket_dir: &Path) {
    tracing::warn!(data_dir = %data.display(), "Postgres was killed; what it left behind is cleared away");
    for file in [data.join("postmaster.pid"), socket_dir.join(format!(".s.PGSQL.{PORT}.lock"))] {
        let _ = fs::remove_file(file); // if it stays, Postgres judges by itself
    }
}
