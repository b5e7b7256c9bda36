//! Python with some packages, for these tests alone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

/// The interpreter of a virtual environment with these packages, made once and kept beside what cargo builds.
pub fn with(packages: &[&str]) -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(kept).unwrap();
    let name = format!("python {}", packages.join(" ")).replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let (dir, lock) = (kept.join(&name), File::create(kept.join(format!("{name}.lock"))).unwrap());
    flock(&lock, FlockOperation::LockExclusive).unwrap(); // other tests, and other processes of tests
    if !dir.join("complete").exists() {
        let _ = std::fs::remove_dir_all(&dir);
        make(Command::new("python3").args(["-m", "venv"]).arg(&dir));
        let mut install = Command::new(dir.join("bin/python"));
        make(install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages));
        File::create(dir.join("complete")).unwrap();
    }
    dir.join("bin/python")
}

fn make(command: &mut Command) {
    let needs = "this test needs python3 with venv and pip (apt-get install python3-venv), and a package index";
    let done = command.output().unwrap_or_else(|e| panic!("{needs}: {e}"));
    assert!(done.status.success(), "{needs}: {}", String::from_utf8_lossy(&done.stderr));
}
