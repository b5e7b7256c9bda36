//! Chromium itself: found or installed, started once a process, and ended with it.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A cold start on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(60);
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",
];

/// Runs until its standard input ends, which is when the test process does, however it does: then the
/// browser is ended and its profile removed.
const KEEPER: &str = r#"
    "$@" --user-data-dir="$PROFILE" about:blank >"$PROFILE/log" 2>&1 </dev/null &
    read -r _
    kill $!
    wait $!
    rm -rf "$PROFILE""#;

struct Browser {
    url: String,
    /// Its standard input is what keeps the browser.
    _keeper: Child,
}

/// The address of the browser's own socket; it is running from now on.
pub fn endpoint() -> &'static str {
    static BROWSER: OnceLock<Result<Browser, String>> = OnceLock::new();
    match BROWSER.get_or_init(start) {
        Ok(browser) => &browser.url,
        Err(why) => panic!("{why}"),
    }
}

fn start() -> Result<Browser, String> {
    let program = find().map_or_else(install, Ok)?;
    let profile = std::env::temp_dir().join(format!("keyhouse-browser-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&profile); // of a process with our number
    std::fs::create_dir(&profile).map_err(|e| format!("{}: {e}", profile.display()))?;
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "sh"]).arg(&program).args(FLAGS).env("PROFILE", &profile);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0); // Ctrl-C ends us, and that ends the browser
    let keeper = command.spawn().map_err(|e| format!("sh: {e}"))?;
    let deadline = Instant::now() + START_PATIENCE;
    while Instant::now() < deadline {
        // Two lines, and the second ends the file: where it listens.
        let said = std::fs::read_to_string(profile.join("DevToolsActivePort")).unwrap_or_default();
        if let Some((port, path)) = said.split_once('\n').filter(|(_, path)| !path.is_empty()) {
            return Ok(Browser { url: format!("ws://127.0.0.1:{port}{path}"), _keeper: keeper });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let log = std::fs::read_to_string(profile.join("log")).unwrap_or_default();
    Err(format!("{} did not start: {log}", program.display()))
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    let candidates = dirs.flat_map(|dir| NAMES.map(|name| dir.join(name)));
    candidates.into_iter().find(|file| file.is_file())
}

/// Debian's package, once among all processes.
fn install() -> Result<PathBuf, String> {
    const TYPE: &str = "these tests drive a browser; to have one, type: apt-get install chromium";
    let root = rustix::process::geteuid().is_root();
    let lock = File::create(std::env::temp_dir().join("keyhouse-chromium.lock")).map_err(|_| TYPE.to_owned())?;
    lock.lock().map_err(|_| TYPE.to_owned())?;
    if let Some(program) = find().filter(|_| root) {
        return Ok(program); // while we waited
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let installed =
        root && apt(&["update", "-qq"]) && apt(&["install", "-y", "-qq", "--no-install-recommends", "chromium"]);
    find().filter(|_| installed).ok_or_else(|| TYPE.to_owned())
}
