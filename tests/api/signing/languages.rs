//! The verifiers in Python and JavaScript, run by their own interpreters over the same vectors.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::vectors::{Vectors, alterations, check, vectors};
use crate::house::python;

/// What pip installs, for these tests alone.
const PYTHON_PACKAGES: [&str; 2] = ["pyjwt[crypto]==2.15.1", "cryptography==50.0.2"];

#[test]
fn the_verifier_in_python_takes_each_for_what_it_is() {
    check(&vectors(), &in_python(&vectors()));
}

#[test]
fn the_verifier_in_python_refuses_any_altered_character() {
    check(&alterations(), &in_python(&alterations()));
}

#[test]
fn the_verifier_in_javascript_takes_each_for_what_it_is() {
    check(&vectors(), &in_javascript(&vectors()));
}

#[test]
fn the_verifier_in_javascript_refuses_any_altered_character() {
    check(&alterations(), &in_javascript(&alterations()));
}

fn in_python(vectors: &Vectors) -> Vec<String> {
    let mut command = Command::new(python::with(&PYTHON_PACKAGES));
    command.arg(root().join("tests/api/signing/run.py")).arg(verifier("keyhouse_verify.py"));
    judge(&mut command, vectors)
}

fn in_javascript(vectors: &Vectors) -> Vec<String> {
    let mut command = Command::new("node");
    command.arg(root().join("tests/api/signing/run.mjs")).arg(verifier("keyhouse_verify.mjs"));
    judge(&mut command, vectors)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn verifier(name: &str) -> PathBuf {
    root().join("src/http/pages/verify").join(name)
}

/// Gives the vectors to a program's standard input, and reads its verdicts from its output.
fn judge(command: &mut Command, vectors: &Vectors) -> Vec<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child =
        child.unwrap_or_else(|e| panic!("this test needs {program} (apt-get install python3-venv nodejs): {e}"));
    child.stdin.take().unwrap().write_all(&serde_json::to_vec(vectors).unwrap()).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{program} did not end well");
    serde_json::from_slice(&ended.stdout).unwrap()
}
