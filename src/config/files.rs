//! `[files]`: where files that products sell are kept.

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use serde::Deserialize;

/// The longest object that the store can write: S3 takes 10,000 parts, and we send parts of 8 MiB.
const SIZE_MIB_MAX: u64 = 78_000;
/// Names of S3 buckets are at most this long.
const BUCKET_CHARS_MAX: usize = 63;

#[derive(Clone, Debug)]
pub struct Files {
    /// `None`: the directory `files` in the data directory.
    pub bucket: Option<Bucket>,
    /// The largest file taken.
    pub bytes_max: u64,
}

/// A bucket of S3, or of a service that speaks its protocol.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub name: String,
    pub region: String,
    /// `None`: Amazon's own, of the region.
    pub endpoint: Option<String>,
    pub access_key_id: String,
    pub secret_access_key: SecretString,
}

/// As written down; [`Files`] is what it means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    size_mib_max: u64,
    bucket: String,
    region: String,
    endpoint: String,
    allow_http: bool,
    access_key_id: String,
    secret_access_key: String,
}

impl Raw {
    pub(super) fn check(self) -> anyhow::Result<Files> {
        if !(1..=SIZE_MIB_MAX).contains(&self.size_mib_max) {
            bail!("files.size_mib_max: must be between 1 and {SIZE_MIB_MAX}");
        }
        Ok(Files { bytes_max: self.size_mib_max << 20, bucket: self.bucket().context("files")? })
    }

    fn bucket(self) -> anyhow::Result<Option<Bucket>> {
        if self.bucket.is_empty() {
            let given = [&self.endpoint, &self.access_key_id, &self.secret_access_key];
            if given.iter().any(|setting| !setting.is_empty()) {
                bail!("bucket: is not set, and its endpoint or keys are");
            }
            return Ok(None);
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        if !(3..=BUCKET_CHARS_MAX).contains(&self.bucket.len()) || !self.bucket.bytes().all(plain) {
            bail!("bucket = {:?}: must be 3 to 63 lower-case letters, digits, hyphens and dots", self.bucket);
        }
        if self.region.is_empty() {
            bail!("region: must be set where a bucket is");
        }
        if self.access_key_id.is_empty() || self.secret_access_key.is_empty() {
            bail!("access_key_id and secret_access_key: must both be set where a bucket is");
        }
        let endpoint = match self.endpoint.trim_end_matches('/') {
            "" => None,
            url if url.starts_with("https://") => Some(url.to_owned()),
            url if url.starts_with("http://") && self.allow_http => Some(url.to_owned()),
            url if url.starts_with("http://") => bail!("endpoint = {url:?}: http needs allow_http = true"),
            url => bail!("endpoint = {url:?}: must begin with https://"),
        };
        Ok(Some(Bucket {
            name: self.bucket,
            region: self.region,
            endpoint,
            access_key_id: self.access_key_id,
            secret_access_key: self.secret_access_key.into(),
        }))
    }
}
