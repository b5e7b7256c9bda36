//! Rate limits of a request: whom it counts against, and the headers that say so (R2).

use std::net::{IpAddr, Ipv4Addr};

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::Response;
use sha2::{Digest, Sha256};

use super::credential::Presented;
use super::{Door, Surface};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kit::limiter::{Subject, Verdict};

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Counts the request; `None` where limits are off.
pub fn count(door: &Door, parts: &Parts) -> Option<Verdict> {
    let config = &door.app.config;
    if !config.rate_limits {
        return None;
    }
    let presented = parts.extensions.get::<Presented>().filter(|_| door.surface != Surface::Checkout);
    let (subject, limit) = match presented {
        Some(presented) if matches!(parts.method, Method::GET | Method::HEAD) => {
            (subject("read", &presented.hash), config.limits.reads)
        }
        Some(presented) => (subject("write", &presented.hash), config.limits.writes),
        None => (
            subject("visitor", client_address(|peer| config.trusts(peer), parts).to_string().as_bytes()),
            config.limits.visitors,
        ),
    };
    Some(door.app.limiter.take(subject, limit, door.app.env.now()))
}

/// Counts what goes through a lane (R2): a validation against the client's address; a fulfillment against the
/// key that is presented, before anybody looks whose it is.
pub fn count_in_lane(door: &Door, parts: &Parts) -> Option<Verdict> {
    let config = &door.app.config;
    if door.surface == Surface::Reseller {
        let Some(presented) = parts.extensions.get::<Presented>() else { return count(door, parts) };
        return count_in(&door.app, "fulfillments", &presented.hash, config.limits.fulfillments);
    }
    let client = client_address(|peer| config.trusts(peer), parts).to_string();
    count_in(&door.app, "validator", client.as_bytes(), config.limits.validators)
}

/// Counts a request in a class of its own; `None` where limits are off.
pub fn count_in(app: &App, class: &str, who: &[u8], limit: u32) -> Option<Verdict> {
    app.config.rate_limits.then(|| app.limiter.take(subject(class, who), limit, app.env.now()))
}

/// Counts a request in a class of its own, and refuses what is beyond its limit.
///
/// # Errors
/// [`Error::RateLimited`].
pub fn allow(app: &App, class: &str, who: &[u8], limit: u32) -> Result<()> {
    match count_in(app, class, who, limit) {
        Some(verdict) if !verdict.allowed => Err(Error::RateLimited { retry_after_s: verdict.reset_s }),
        _ => Ok(()),
    }
}

fn subject(class: &str, who: &[u8]) -> Subject {
    let mut subject = [0; 16];
    subject.copy_from_slice(&Sha256::digest([class.as_bytes(), who].concat())[..16]);
    subject
}

/// The client's address: the connection's, or what trusted proxies say of it. The list is read from
/// the right, where our own proxy wrote, and the first address that is not a proxy's is the client's.
pub(super) fn client_address(trusts: impl Fn(IpAddr) -> bool, parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0);
    if !trusts(peer) {
        return peer;
    }
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().rev();
    let hops = forwarded.filter_map(|value| value.to_str().ok()).flat_map(|list| list.rsplit(','));
    let mut client = peer;
    for hop in hops {
        let Ok(address) = hop.trim().parse() else { break };
        client = address;
        if !trusts(address) {
            break;
        }
    }
    client
}

/// Says in the answer how much is left.
pub fn tell(response: &mut Response, verdict: &Verdict, surface: Surface) {
    let values =
        [("limit", u64::from(verdict.limit)), ("remaining", verdict.remaining.into()), ("reset", verdict.reset_s)];
    let prefixes: &[&str] = if surface == Surface::Dev { &["ratelimit-", "x-ratelimit-"] } else { &["ratelimit-"] };
    for prefix in prefixes {
        for (name, value) in values {
            if let Ok(name) = HeaderName::try_from(format!("{prefix}{name}")) {
                response.headers_mut().insert(name, HeaderValue::from(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use axum::http::Request;

    fn address(peer: &str, trusted: &str, forwarded: &[&str]) -> String {
        let config = Config::parse(&format!("trusted_proxies = \"{trusted}\"")).unwrap();
        let mut request = Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(Peer(peer.parse().unwrap()));
        client_address(|peer| config.trusts(peer), &parts).to_string()
    }

    #[test]
    fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
        assert_eq!(address("9.9.9.9", "10.0.0.0/8", &["1.2.3.4"]), "9.9.9.9");
        assert_eq!(address("10.0.0.1", "10.0.0.0/8", &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", "10.0.0.0/8", &["6.6.6.6", "1.2.3.4, 10.0.0.2"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", "10.0.0.0/8", &["nonsense"]), "10.0.0.1");
    }
}
