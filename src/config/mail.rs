//! `smtp_url` and `[mail]`: how mails leave.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use lettre::Address;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::{Host, Url};

/// A mail is leased for a minute; its sender must be done by then.
const TIMEOUT_S_MAX: u64 = 50;
/// More connections than any mail server gives to one client.
const CONCURRENCY_MAX: usize = 100;
/// Whom files are from, where nobody is set.
const FROM_OF_FILES: &str = "shop@localhost";

#[derive(Clone, Debug)]
pub struct Mail {
    /// `None`: mails become files below the data directory.
    pub smtp: Option<Smtp>,
    pub from: Address,
    /// For one mail, from the connection to the server's last answer.
    pub timeout: Duration,
    /// Mails under way at once.
    pub concurrency: usize,
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub login: Option<Login>,
    /// A certificate that is trusted besides the public ones, in PEM.
    pub ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// In the clear: on this machine, or because the address says so.
    None,
    /// STARTTLS, and nothing is sent where the server does not offer it.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

#[derive(Clone, Debug)]
pub struct Login {
    pub user: String,
    pub password: SecretString,
}

/// As written down; [`Mail`] is what it means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    from: String,
    ca_file: PathBuf,
    timeout_s: u64,
    concurrency: usize,
}

impl Raw {
    pub(super) fn check(self, smtp_url: &str) -> anyhow::Result<Mail> {
        let smtp = if smtp_url.is_empty() { None } else { Some(server(smtp_url, &self).context("smtp_url")?) };
        let from = match (self.from.as_str(), &smtp) {
            ("", Some(_)) => bail!("mail.from: must be set where smtp_url is: the address that mails come from"),
            ("", None) => FROM_OF_FILES,
            (from, _) => from,
        };
        let from = from.parse().map_err(|_| anyhow::anyhow!("mail.from = {from:?}: must be one e-mail address"))?;
        if !(1..=TIMEOUT_S_MAX).contains(&self.timeout_s) {
            bail!("mail.timeout_s: must be between 1 and {TIMEOUT_S_MAX}");
        }
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            bail!("mail.concurrency: must be between 1 and {CONCURRENCY_MAX}");
        }
        Ok(Mail { smtp, from, timeout: Duration::from_secs(self.timeout_s), concurrency: self.concurrency })
    }
}

/// Errors never show the address: it may hold a password.
fn server(url: &str, raw: &Raw) -> anyhow::Result<Smtp> {
    let url = Url::parse(url).context("must be smtp://[user:password@]host[:port] or smtps://…")?;
    // `url` knows nothing of mail servers: it leaves their hosts as they are written.
    let host = url.host_str().map(|host| percent_decode_str(host).decode_utf8_lossy().into_owned()).unwrap_or_default();
    let host = Host::parse(&host).context("must name a host")?;
    let loopback = match &host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let (mut security, port) = match url.scheme() {
        "smtps" => (Security::Tls, 465),
        "smtp" if loopback => (Security::None, 25),
        "smtp" => (Security::StartTls, 587),
        _ => bail!("must begin with smtp:// or smtps://"),
    };
    for (name, value) in url.query_pairs() {
        security = match (&*name, &*value, security) {
            ("tls", "required", Security::Tls) => Security::Tls,
            ("tls", "required", _) => Security::StartTls,
            ("tls", "none", Security::None | Security::StartTls) => Security::None,
            _ => bail!("takes tls=required or, with smtp://, tls=none, and nothing else"),
        };
    }
    let login = login(&url)?;
    if login.is_some() && security == Security::None && !loopback {
        bail!("sends no password in the clear: leave tls=none away, or the password");
    }
    let ca_file = (!raw.ca_file.as_os_str().is_empty()).then(|| raw.ca_file.clone());
    let port = url.port().unwrap_or(port);
    let host = host.to_string().trim_matches(['[', ']']).to_owned();
    Ok(Smtp { host, port, security, login, ca_file })
}

fn login(url: &Url) -> anyhow::Result<Option<Login>> {
    let plain = |text: &str| -> anyhow::Result<String> {
        let text = percent_decode_str(text).decode_utf8().context("must hold UTF-8")?;
        Ok(text.into_owned())
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => bail!("must name a user and a password, or neither"),
        (user, Some(password)) => Ok(Some(Login { user: plain(user)?, password: plain(password)?.into() })),
    }
}

impl Login {
    #[must_use]
    pub fn expose(&self) -> (String, String) {
        (self.user.clone(), self.password.expose_secret().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn smtp(url: &str) -> anyhow::Result<Smtp> {
        let toml = format!("smtp_url = {url:?}\n[mail]\nfrom = \"shop@example.com\"");
        Config::parse(&toml).map(|config| config.mail.smtp.unwrap())
    }

    #[test]
    fn mail_leaves_this_machine_under_tls_alone_unless_it_is_said_otherwise() {
        for (url, security, port) in [
            ("smtp://mail.example.com", Security::StartTls, 587),
            ("smtp://u:p@mail.example.com:2525", Security::StartTls, 2525),
            ("smtps://mail.example.com", Security::Tls, 465),
            ("smtp://192.0.2.1", Security::StartTls, 587),
            ("smtp://localhost:1025", Security::None, 1025),
            ("smtp://127.0.0.1", Security::None, 25),
            ("smtp://[::1]:25", Security::None, 25),
            ("smtp://localhost?tls=required", Security::StartTls, 25),
            ("smtp://mail:1025?tls=none", Security::None, 1025),
        ] {
            let smtp = smtp(url).unwrap_or_else(|e| panic!("{url}: {e:#}"));
            assert_eq!((smtp.security, smtp.port), (security, port), "{url}");
        }
    }

    #[test]
    fn a_password_may_hold_anything_and_is_never_shown() {
        let smtp = smtp("smtps://me%40example.com:hunter%2F2%23@mail.example.com").unwrap();
        let (user, password) = smtp.login.as_ref().unwrap().expose();
        assert_eq!((user.as_str(), password.as_str()), ("me@example.com", "hunter/2#"));
        assert!(!format!("{smtp:?}").contains("hunter"));
    }

    #[test]
    fn nonsense_is_refused_without_showing_the_password() {
        for url in [
            "mail.example.com",
            "http://u:hunter2@mail.example.com",
            "smtp://u:hunter2@mail.example.com?tls=none",
            "smtp://u:hunter2@mail.example.com?tls=perhaps",
            "smtps://u:hunter2@mail.example.com?tls=none",
            "smtp://:hunter2@mail.example.com",
            "smtp://user@mail.example.com",
            "smtp://u:hunter2@",
            "smtp://u:hunter2@a b",
        ] {
            let error = format!("{:#}", smtp(url).unwrap_err());
            assert!(error.contains("smtp_url") && !error.contains("hunter2"), "{url}: {error}");
        }
    }
}
