//! Settings: `config/default.toml` (every key with its comment), then a file, then the environment.
//! Nonsense is refused at the start, with the name of the key.

mod files;
mod mail;
mod payouts;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;

pub use files::{Bucket, Files};
pub use mail::{Login, Mail, Security, Smtp};
pub use payouts::Payouts;

/// Every key, its default, one comment each.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

#[derive(Clone, Debug)]
pub struct Config {
    pub database_url: Option<SecretString>,
    pub listen: SocketAddr,
    /// Where a worker alone tells how it is; `None`: nowhere.
    pub worker_listen: Option<SocketAddr>,
    /// Without a trailing slash; `None` until the listening port is known.
    pub public_url: Option<String>,
    pub data_dir: PathBuf,
    pub master_key: Option<SecretString>,
    pub rate_limits: bool,
    pub trusted_proxies: Vec<IpNet>,
    pub allow_private_webhooks: bool,
    pub log: String,
    pub log_format: LogFormat,
    pub metrics_token: Option<SecretString>,
    /// Without one no callback of the sandbox gateway is believed.
    pub sandbox_secret: Option<SecretString>,
    pub limits: Limits,
    pub retention: Retention,
    pub http: Http,
    pub pools: Pools,
    pub files: Files,
    pub payouts: Payouts,
    pub mail: Mail,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Requests a minute.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub reads: u32,
    pub writes: u32,
    pub visitors: u32,
    /// Validations of one license, as presented.
    pub validations: u32,
    /// Validations from one address.
    pub validators: u32,
    /// Failed validations of one shop; beyond these they are refused and only counted.
    pub validation_failures: u32,
    /// Fulfillments of one reseller's relationship.
    pub fulfillments: u32,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub license_events_days: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub header_timeout_s: u64,
    pub body_timeout_s: u64,
    pub connections: usize,
    pub drain_s: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pools {
    pub requests: u32,
    pub worker: u32,
}

/// As written down; [`Config`] is what it means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    database_url: String,
    listen: String,
    worker_listen: String,
    public_url: String,
    data_dir: PathBuf,
    master_key: String,
    rate_limits: Switch,
    trusted_proxies: String,
    allow_private_webhooks: bool,
    log: String,
    log_format: LogFormat,
    metrics_token: String,
    gateways: Gateways,
    limits: Limits,
    retention: Retention,
    http: Http,
    pools: Pools,
    files: files::Raw,
    payouts: payouts::Raw,
    smtp_url: String,
    mail: mail::Raw,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gateways {
    sandbox_secret: String,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

impl Config {
    /// Reads defaults, file and environment.
    ///
    /// # Errors
    /// The first setting that makes no sense, by name.
    pub fn load() -> anyhow::Result<Self> {
        let file = std::env::var("KEYHOUSE_CONFIG").unwrap_or_else(|_| "keyhouse.toml".into());
        if std::env::var_os("KEYHOUSE_CONFIG").is_some() && !Path::new(&file).exists() {
            bail!("KEYHOUSE_CONFIG names {file}, which is not there");
        }
        // Secrets are taken as they are: a key of digits must not be read as a number.
        let verbatim = [
            "database_url",
            "master_key",
            "metrics_token",
            "smtp_url",
            "gateways.sandbox_secret",
            "files.access_key_id",
            "files.secret_access_key",
        ];
        let mut settings = Figment::from(Toml::string(DEFAULTS))
            .merge(Toml::file(file))
            .merge(Env::prefixed("KEYHOUSE_").ignore(&["config"]).ignore(&verbatim).split("__"));
        for key in verbatim {
            let name = format!("KEYHOUSE_{}", key.to_uppercase().replace('.', "__"));
            if let Ok(value) = std::env::var(name) {
                settings = settings.merge((key, value));
            }
        }
        if let Ok(url) = std::env::var("DATABASE_URL") {
            settings = settings.merge(("database_url", url));
        }
        let raw: Raw = settings.extract().context("settings")?;
        raw.check()
    }

    /// The defaults with `toml` over them, and no environment: for tests.
    ///
    /// # Errors
    /// The first setting that makes no sense, by name.
    pub fn parse(toml: &str) -> anyhow::Result<Self> {
        Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(toml)).extract::<Raw>()?.check()
    }

    /// Where clients reach us, given the address that we listen at.
    #[must_use]
    pub fn public_url(&self, listening: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{listening}"))
    }

    /// Connections for requests: as set, or four for each core and eight at least.
    #[must_use]
    pub fn request_connections(&self) -> u32 {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        match self.pools.requests {
            0 => u32::try_from(cores * 4).unwrap_or(8).max(8),
            set => set,
        }
    }

    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }
}

impl Raw {
    fn check(self) -> anyhow::Result<Config> {
        let listen = socket_address("listen", &self.listen)?;
        let worker_listen = match self.worker_listen.as_str() {
            "" => None,
            given => Some(socket_address("worker_listen", given)?),
        };
        let public_url = match self.public_url.trim_end_matches('/') {
            "" => None,
            url if url.starts_with("http://") || url.starts_with("https://") => Some(url.to_owned()),
            url => bail!("public_url = {url:?}: must begin with http:// or https://"),
        };
        let trusted_proxies = self
            .trusted_proxies
            .split(',')
            .map(str::trim)
            .filter(|net| !net.is_empty())
            .map(|net| net.parse::<IpNet>().or_else(|_| net.parse::<IpAddr>().map(IpNet::from)))
            .collect::<Result<_, _>>()
            .with_context(|| {
                format!("trusted_proxies = {:?}: must be CIDRs such as 10.0.0.0/8", self.trusted_proxies)
            })?;
        let Limits { reads, writes, visitors, validations, validators, validation_failures, fulfillments } =
            self.limits;
        let per_minute = [reads, writes, visitors, validations, validators, validation_failures, fulfillments];
        if per_minute.iter().any(|n| !(1..=60_000).contains(n)) {
            bail!("limits: each must be between 1 and 60000 a minute");
        }
        if self.http.header_timeout_s == 0 || self.http.body_timeout_s == 0 || self.http.connections == 0 {
            bail!("http: timeouts and connections must be at least 1");
        }
        if self.retention.license_events_days < 7 {
            bail!("retention.license_events_days: must be at least 7");
        }
        if self.pools.worker < 2 {
            bail!("pools.worker: must be at least 2");
        }
        let files = self.files.check()?;
        let payouts = self.payouts.check()?;
        let mail = self.mail.check(&self.smtp_url)?;
        let given = |text: String| (!text.is_empty()).then(|| SecretString::from(text));
        Ok(Config {
            database_url: given(self.database_url),
            listen,
            worker_listen,
            public_url,
            data_dir: self.data_dir,
            master_key: given(self.master_key),
            rate_limits: self.rate_limits == Switch::On,
            trusted_proxies,
            allow_private_webhooks: self.allow_private_webhooks,
            log: self.log,
            log_format: self.log_format,
            metrics_token: given(self.metrics_token),
            sandbox_secret: given(self.gateways.sandbox_secret),
            limits: self.limits,
            retention: self.retention,
            http: self.http,
            pools: self.pools,
            files,
            payouts,
            mail,
        })
    }
}

fn socket_address(name: &str, text: &str) -> anyhow::Result<SocketAddr> {
    text.parse().with_context(|| format!("{name} = {text:?}: must be an address and a port, such as 127.0.0.1:8080"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_stand() {
        let config = Config::parse("").unwrap();
        assert_eq!(config.listen.port(), 8080);
        assert!(config.rate_limits && config.database_url.is_none());
    }

    fn bucket(more: &str) -> String {
        format!("[files]\nbucket = \"goods\"\naccess_key_id = \"AK\"\nsecret_access_key = \"hunter2\"\n{more}")
    }

    #[test]
    fn a_bucket_never_shows_its_secret() {
        let config = Config::parse(&bucket("endpoint = \"http://127.0.0.1:9000/\"\nallow_http = true")).unwrap();
        let set = config.files.bucket.as_ref().unwrap();
        assert_eq!(set.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (toml, named) in [
            ("listen = \"here\"", "listen"),
            ("worker_listen = \"here\"", "worker_listen"),
            ("public_url = \"shop.example\"", "public_url"),
            ("trusted_proxies = \"10.0.0.0/99\"", "trusted_proxies"),
            ("rate_limits = \"maybe\"", "rate_limits"),
            ("allow_private_webhooks = \"some\"", "allow_private_webhooks"),
            ("typo = 1", "typo"),
            ("[limits]\nreads = 0", "limits"),
            ("[pools]\nworker = 1", "pools.worker"),
            ("smtp_url = \"smtp://mail.example\"", "mail.from"),
            ("[mail]\nfrom = \"the shop\"", "mail.from"),
            ("[mail]\ntimeout_s = 60", "mail.timeout_s"),
            ("[mail]\nconcurrency = 0", "mail.concurrency"),
            ("[retention]\nlicense_events_days = 0", "retention"),
            ("[payouts.assets]\ndogecoin = [\"DOGE\"]", "dogecoin"),
            ("[payouts.assets]\ntron = [\"usdt\"]", "payouts.assets.tron"),
            ("[files]\nsize_mib_max = 0", "files.size_mib_max"),
            ("[files]\nendpoint = \"https://s3.example\"", "bucket"),
            ("[files]\nbucket = \"My Bucket\"", "bucket"),
            ("[files]\nbucket = \"goods\"\naccess_key_id = \"AK\"", "secret_access_key"),
            (&bucket("endpoint = \"s3.example\""), "endpoint"),
            (&bucket("endpoint = \"http://s3.example\""), "allow_http"),
        ] {
            let error = format!("{:#}", Config::parse(toml).unwrap_err());
            assert!(error.contains(named), "{toml}: {error}");
        }
    }
}
