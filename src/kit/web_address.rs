//! Where a merchant asks to be called: a web address that can only be parsed, and only names the open
//! internet. A name may still resolve to anything, so the addresses are looked at again when it is
//! dialled ([`crate::outbound`]).

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::address;

/// Promises, section 9, row 69.
const CHARS_MAX: usize = 2_048;

/// Ports that browsers refuse, since what listens there may take HTTP for its own protocol: the "bad
/// ports" of the Fetch standard.
const BAD_PORTS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Names that are never the open internet's: RFC 6761 and 6762, RFC 7686, RFC 8375, ICANN's `internal`,
/// and what routers and distributions use.
const OWN_NAMES: &[&str] = &["localhost", "local", "internal", "localdomain", "lan", "home.arpa", "onion"];

/// How far calls may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The open internet, by https.
    Public,
    /// Besides, this very machine, and plain http: for development (`allow_private_webhooks`).
    Loopback,
}

impl Reach {
    /// Whether this address may be dialled.
    #[must_use]
    pub fn covers(self, ip: IpAddr) -> bool {
        address::is_public(ip) || (self == Self::Loopback && address::is_loopback(ip))
    }
}

/// `https://shop.example/hooks?of=…`, in the one spelling that the URL standard gives it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebAddress(Url);

impl WebAddress {
    /// # Errors
    /// What a client is told is wrong with it.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, &'static str> {
        if text.chars().count() > CHARS_MAX {
            return Err("must have at most 2048 characters");
        }
        // The URL standard drops or turns these silently; two readers of one address must see the same.
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err("must not hold white space, control characters or backslashes");
        }
        let url = Url::parse(text).map_err(|_| "must be a web address, such as https://shop.example/hook")?;
        if url.scheme() != "https" && (url.scheme() != "http" || reach == Reach::Public) {
            return Err("must begin with https://");
        }
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() {
            return Err("must be a web address, such as https://shop.example/hook");
        }
        if authority.contains('@') {
            return Err("must not hold a user name or password");
        }
        if url.as_str().len() > CHARS_MAX {
            return Err("must have at most 2048 characters");
        }
        if url.port_or_known_default().is_none_or(|port| BAD_PORTS.contains(&port)) {
            return Err("must not use a port that belongs to another protocol");
        }
        let reachable = match url.host() {
            Some(Host::Domain(name)) => is_public_name(name) || (reach == Reach::Loopback && is_localhost(name)),
            Some(Host::Ipv4(ip)) => reach.covers(ip.into()),
            Some(Host::Ipv6(ip)) => reach.covers(ip.into()),
            None => false,
        };
        if reachable { Ok(Self(url)) } else { Err("must be reachable from the open internet") }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.0
    }
}

/// Paths and queries may hold secrets, so a log gets scheme, host and port.
impl fmt::Debug for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

/// Whether a name may be the open internet's: it has a dot, so no search list completes it, and it is
/// under no name that every network keeps for itself.
fn is_public_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.contains('.') && !name.split('.').any(str::is_empty) && !OWN_NAMES.iter().any(|own| is_under(name, own))
}

fn is_localhost(name: &str) -> bool {
    is_under(name.strip_suffix('.').unwrap_or(name), "localhost")
}

/// Both in lower case: the URL standard writes hosts so.
fn is_under(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_of_the_open_internet_are_taken_in_one_spelling() {
        for (text, written) in [
            ("https://shop.example/hook", "https://shop.example/hook"),
            ("HTTPS://Shop.Example:443", "https://shop.example/"),
            ("https://shop.example.:8443/a?b=c%20d", "https://shop.example.:8443/a?b=c%20d"),
            ("https://bücher.example/ö", "https://xn--bcher-kva.example/%C3%B6"),
            ("https://localhost.example.com/", "https://localhost.example.com/"),
            ("https://notlocal/", ""),
            ("https://notlocal.example/@x", "https://notlocal.example/@x"),
            ("https://134744072/", "https://8.8.8.8/"),
            ("https://[2606:4700:0:0::1111]/", "https://[2606:4700::1111]/"),
            ("https://[::ffff:8.8.8.8]/", "https://[::ffff:808:808]/"),
        ] {
            let parsed = WebAddress::parse(text, Reach::Public).map(|address| address.as_str().to_owned());
            assert_eq!(parsed.unwrap_or_default(), written, "{text}");
        }
    }

    #[test]
    fn development_reaches_this_machine_and_no_other() {
        for near in ["http://127.0.0.1:8080/", "http://localhost:3000/", "https://[::1]:8443/", "http://a.localhost/"] {
            assert!(WebAddress::parse(near, Reach::Loopback).is_ok(), "{near}");
            assert!(WebAddress::parse(near, Reach::Public).is_err(), "{near}");
        }
        assert!(WebAddress::parse("http://shop.example/", Reach::Loopback).is_ok());
        for far in [
            "http://10.0.0.1/",
            "http://169.254.169.254/",
            "http://nas.local/",
            "http://localhost:22/",
            "ftp://localhost/",
        ] {
            assert!(WebAddress::parse(far, Reach::Loopback).is_err(), "{far}");
        }
    }

    #[test]
    fn an_address_has_at_most_2048_characters_also_when_written_out() {
        let long = |chars: usize, filler: &str| format!("https://shop.example/{}", filler.repeat(chars));
        assert!(WebAddress::parse(&long(2_048 - 21, "a"), Reach::Public).is_ok());
        assert!(WebAddress::parse(&long(2_048 - 20, "a"), Reach::Public).is_err());
        assert!(WebAddress::parse(&long(1_000, "ö"), Reach::Public).is_err());
    }

    #[test]
    fn a_log_shows_no_path_and_no_query() {
        let address = WebAddress::parse("https://shop.example:8443/hook/s3cret?token=s3cret", Reach::Public).unwrap();
        assert_eq!(format!("{address:?}"), "https://shop.example:8443");
    }

    proptest! {
        #[test]
        fn what_is_written_out_reads_back_the_same(text in "https?://\\PC{0,60}") {
            if let Ok(address) = WebAddress::parse(&text, Reach::Loopback) {
                prop_assert_eq!(WebAddress::parse(address.as_str(), Reach::Loopback), Ok(address));
            }
        }
    }
}
