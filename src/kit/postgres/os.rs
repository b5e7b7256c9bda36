//! What must happen in the new process between fork and exec. `pre_exec` is unsafe because only system
//! calls are allowed there, no allocation and no locks; hence the one `allow` of the house.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The new process and its children keep this file open, and so its lock, until the last of them ends.
pub(super) fn hand_down(command: &mut Command, file: File) {
    let keep = move || Ok(rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())?);
    // SAFETY: one system call on a value made before the fork.
    unsafe { command.pre_exec(keep) };
}

/// The new process gets SIGINT when its starter ends, however that ends. It must be the last thing
/// before exec: a change of uid clears it. The kernel means the *thread* that spawned, not the process.
#[cfg(target_os = "linux")]
pub(super) fn end_with_starter(command: &mut Command) {
    let starter = rustix::process::getpid();
    let ask = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::INT))?;
        // The starter may have ended before the line above; then no signal will come.
        if rustix::process::getppid() == Some(starter) { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
    };
    // SAFETY: three system calls on values copied before the fork.
    unsafe { command.pre_exec(ask) };
}

#[cfg(not(target_os = "linux"))]
pub(super) fn end_with_starter(_: &mut Command) {}

/// The new process is root outside, so that it may enter root's directories, and `uid` inside, so that
/// Postgres does not see root.
#[cfg(target_os = "linux")]
pub(super) fn enter_namespace(command: &mut Command, uid: u32, gid: u32) {
    use rustix::thread::{UnshareFlags, unshare_unsafe};

    let (uids, gids) = (format!("{uid} 0 1\n"), format!("{gid} 0 1\n"));
    let enter = move || {
        // SAFETY: the new process has one thread and shares nothing that a user namespace holds.
        unsafe { unshare_unsafe(UnshareFlags::NEWUSER)? };
        write(c"/proc/self/setgroups", b"deny")?; // the kernel asks for it before gid_map
        write(c"/proc/self/uid_map", uids.as_bytes())?;
        write(c"/proc/self/gid_map", gids.as_bytes())?;
        Ok(())
    };
    // SAFETY: system calls on memory made before the fork.
    unsafe { command.pre_exec(enter) };
}

#[cfg(target_os = "linux")]
fn write(path: &std::ffi::CStr, text: &[u8]) -> rustix::io::Result<()> {
    let file = rustix::fs::open(path, rustix::fs::OFlags::WRONLY, rustix::fs::Mode::empty())?;
    rustix::io::write(&file, text).map(|_| ())
}

/// Elsewhere there are no user namespaces: the starter is refused, and says what to do.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter_namespace(command: &mut Command, _: u32, _: u32) {
    // SAFETY: makes no call at all.
    unsafe { command.pre_exec(|| Err(std::io::ErrorKind::Unsupported.into())) };
}
