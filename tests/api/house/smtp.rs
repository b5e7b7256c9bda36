//! A real mail server of the test's own (`smtp.py`), with TLS, passwords, and every way to fail.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{python, unique};

/// What pip installs, for these tests alone.
const PYTHON_PACKAGES: [&str; 2] = ["aiosmtpd==1.4.6", "cryptography==50.0.2"];
/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

pub const USER: &str = "shop@example.com";
pub const PASSWORD: &str = "hunter/2 #%";

/// A running mail server; killed when dropped.
pub struct Smtp {
    child: Child,
    dir: PathBuf,
    pub port: u64,
    scheme: &'static str,
    query: &'static str,
    login: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    None,
    Start,
    AtOnce,
}

impl Smtp {
    /// Takes anything, in the clear.
    pub fn start() -> Self {
        Self::launch(Tls::None, false, true)
    }

    /// Takes mail under TLS alone, from who knows the password.
    pub fn secure(tls: Tls) -> Self {
        Self::launch(tls, true, true)
    }

    /// Takes no addresses beyond ASCII.
    pub fn old() -> Self {
        Self::launch(Tls::None, false, false)
    }

    fn launch(tls: Tls, login: bool, utf8: bool) -> Self {
        let dir = std::env::temp_dir().join(format!("keyhouse-smtp-{}-{}", std::process::id(), unique()));
        std::fs::create_dir_all(&dir).unwrap();
        let (word, scheme, query) = match tls {
            Tls::None => ("none", "smtp", ""),
            Tls::Start => ("starttls", "smtp", "?tls=required"),
            Tls::AtOnce => ("smtps", "smtps", ""),
        };
        let user = if login { USER } else { "" };
        let settings = json!({ "tls": word, "user": user, "password": PASSWORD, "utf8": utf8 });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/house/smtp.py");
        let mut command = Command::new(python::with(&PYTHON_PACKAGES));
        command.arg(script).arg(&dir).arg(settings.to_string()).stdin(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let login = if login { "shop%40example.com:hunter%2F2%20%23%25@" } else { "" };
        let mut server = Self { child, dir, port: 0, scheme, query, login };
        server.port = server.wait_for("port").as_u64().unwrap();
        server
    }

    /// What `house_with` takes; every mail comes from `shop@example.com`.
    pub fn settings(&self) -> String {
        self.settings_with("localhost", self.login, "")
    }

    /// The same, reached by another name, with another password, and with more of `[mail]`.
    pub fn settings_with(&self, host: &str, login: &str, more: &str) -> String {
        let (url, ca) = (self.address(host, login), self.ca());
        format!("smtp_url = \"{url}\"\n[mail]\nfrom = \"shop@example.com\"\nca_file = {ca:?}\n{more}\n")
    }

    /// Its address, with the password.
    pub fn url(&self) -> String {
        self.address("localhost", self.login)
    }

    /// The certificate that vouches for it.
    pub fn ca(&self) -> String {
        self.dir.join("ca.pem").display().to_string()
    }

    fn address(&self, host: &str, login: &str) -> String {
        format!("{}://{login}{host}:{}{}", self.scheme, self.port, self.query)
    }

    /// The same without trust in its certificate.
    pub fn settings_without_trust(&self) -> String {
        self.settings().lines().filter(|line| !line.starts_with("ca_file")).collect::<Vec<_>>().join("\n")
    }

    /// What it has accepted so far, oldest first, as Python's parser reads it.
    pub fn received(&self) -> Vec<Value> {
        let entries = std::fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        files.sort();
        files.iter().map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()).collect()
    }

    /// Whether anybody ever began a mail.
    pub fn was_spoken_to(&self) -> bool {
        self.dir.join("spoken").exists()
    }

    /// How many slow mails waited at most at once.
    pub fn waited(&self) -> u64 {
        let Ok(text) = std::fs::read(self.dir.join("waiting")) else { return 0 };
        let waiting: Value = serde_json::from_slice(&text).unwrap();
        waiting[1].as_u64().unwrap()
    }

    /// Lets the slow ones go.
    pub fn go(&self) {
        std::fs::write(self.dir.join("go"), b"").unwrap();
    }

    fn wait_for(&self, name: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(text) = std::fs::read(self.dir.join(name)) {
                return serde_json::from_slice(&text).unwrap();
            }
            assert!(Instant::now() < deadline, "the mail server never wrote {name}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
