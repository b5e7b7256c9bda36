//! Where files lie that products sell: a directory, or a bucket that speaks S3. An object is named by
//! ids alone, never by what somebody calls it; it is written whole or not at all, and never changed.

use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::{
    ClientOptions, GetOptions, GetResult, ObjectStore, ObjectStoreExt as _, RetryConfig, WriteMultipart, path,
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Of an upload: S3 takes at least 5 MiB and at most 10,000 of them.
const PART_BYTES: usize = 8 << 20;
const PARTS_IN_FLIGHT: usize = 4;
/// A bucket that does not answer must not hold up whoever waits for a file.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES_MAX: usize = 2;
const RETRY_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct FileStore(Arc<dyn ObjectStore>);

/// How to reach a bucket.
pub struct Bucket<'a> {
    pub name: &'a str,
    pub region: &'a str,
    /// `None`: Amazon's own, of the region.
    pub endpoint: Option<&'a str>,
    pub access_key_id: &'a str,
    pub secret_access_key: &'a SecretString,
}

/// The object of a shop's file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub shop: Uuid,
    pub file: Uuid,
}

/// What was written.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    pub size_bytes: u64,
    pub sha256: [u8; 32],
}

impl FileStore {
    /// A directory of our own; it is made if need be, and nobody else may look into it.
    pub fn in_directory(dir: &Path) -> Result<Self> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|e| Error::FileStore(format!("cannot make {}: {e}", dir.display())))?;
        let files = LocalFileSystem::new_with_prefix(dir).map_err(fault)?;
        Ok(Self(Arc::new(files.with_fsync(true))))
    }

    pub fn in_bucket(bucket: &Bucket<'_>) -> Result<Self> {
        // The client takes whichever provider the process has; ours is ring, and the first to say so wins.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plain = bucket.endpoint.is_some_and(|url| url.starts_with("http://"));
        let client = ClientOptions::new()
            .with_allow_http(plain)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_read_timeout(READ_TIMEOUT)
            .with_timeout_disabled(); // a large file takes as long as the buyer's line does
        let retry = RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket.name)
            .with_region(bucket.region)
            .with_access_key_id(bucket.access_key_id)
            .with_secret_access_key(bucket.secret_access_key.expose_secret())
            .with_client_options(client)
            .with_retry(retry);
        if let Some(endpoint) = bucket.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        Ok(Self(Arc::new(builder.build().map_err(fault)?)))
    }

    /// Streams `source` into an object of at most `bytes_max`; where anything fails there is no object.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a source that is empty, too large or cannot be read.
    pub async fn put(&self, key: Key, source: impl Read, bytes_max: u64) -> Result<Stored> {
        let upload = self.0.put_multipart(&key.path()).await.map_err(fault)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        match fill(&mut upload, source, bytes_max).await {
            Ok(stored) => upload.finish().await.map_err(fault).map(|_| stored),
            Err(refused) => {
                // What stays of it is no object, and the reason matters more.
                let _ = upload.abort().await;
                Err(refused)
            }
        }
    }

    /// The bytes of an object in this range, to be streamed; or none of them, to know that it is there.
    pub async fn get(&self, key: Key, range: Option<Range<u64>>) -> Result<GetResult> {
        let options = GetOptions { head: range.is_none(), range: range.map(Into::into), ..GetOptions::default() };
        self.0.get_opts(&key.path(), options).await.map_err(fault)
    }
}

async fn fill(upload: &mut WriteMultipart, mut source: impl Read, bytes_max: u64) -> Result<Stored> {
    let unreadable = |e: std::io::Error| Error::invalid("file", format!("cannot be read: {e}"));
    let mut hasher = Sha256::new();
    let mut size_bytes = 0;
    let mut buffer = vec![0; PART_BYTES];
    loop {
        let read = source.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        size_bytes += read as u64;
        if size_bytes > bytes_max {
            return Err(Error::invalid("file", format!("has more than {} MiB", bytes_max >> 20)));
        }
        hasher.update(&buffer[..read]);
        upload.wait_for_capacity(PARTS_IN_FLIGHT).await.map_err(fault)?;
        upload.write(&buffer[..read]);
    }
    if size_bytes == 0 {
        return Err(Error::invalid("file", "is empty"));
    }
    Ok(Stored { size_bytes, sha256: hasher.finalize().into() })
}

impl Key {
    fn path(self) -> path::Path {
        path::Path::from_iter([self.shop.to_string(), self.file.to_string()])
    }
}

/// Texts of the store name objects and hosts, never a key.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn fault(error: object_store::Error) -> Error {
    Error::FileStore(error.to_string().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("keyhouse-store-{}-{name}", std::process::id()))
    }

    fn key() -> Key {
        Key { shop: Uuid::from_u128(1), file: Uuid::from_u128(2) }
    }

    #[tokio::test]
    async fn what_was_put_comes_back() {
        let dir = dir("back");
        let store = FileStore::in_directory(&dir).unwrap();
        let bytes: Vec<u8> = (0..PART_BYTES + 7).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let stored = store.put(key(), bytes.as_slice(), 1 << 30).await.unwrap();
        assert_eq!(stored.size_bytes, bytes.len() as u64);
        assert_eq!(stored.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
        let all = store.get(key(), Some(0..stored.size_bytes)).await.unwrap().bytes().await.unwrap();
        assert!(all == bytes);
        let some = store.get(key(), Some(3..9)).await.unwrap().bytes().await.unwrap();
        assert_eq!(some, bytes[3..9]);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[tokio::test]
    async fn what_is_too_large_or_empty_or_unreadable_leaves_no_object() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("the disk is gone"))
            }
        }
        let dir = dir("none");
        let store = FileStore::in_directory(&dir).unwrap();
        let sources: [Box<dyn Read>; 3] =
            [Box::new(&[7; 11][..]), Box::new(&[][..]), Box::new((&[7; 5][..]).chain(Broken))];
        for source in sources {
            assert!(matches!(store.put(key(), source, 10).await, Err(Error::Invalid(_))));
            assert!(store.get(key(), None).await.is_err());
        }
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[tokio::test]
    async fn nobody_else_may_look_into_the_directory() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = dir("mode");
        FileStore::in_directory(&dir).unwrap();
        assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
