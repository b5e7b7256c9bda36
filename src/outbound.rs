//! Calls to addresses that merchants gave. One client, and a guard that looks at the addresses that are
//! dialled, so that neither a name that resolves into our own network, nor one that is changed after it
//! was checked, leads there. No redirects, no proxies, no cookies, no second attempt, a deadline over the
//! whole call, and only so much of an answer is read.

mod webhook;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use reqwest::{Client, redirect, retry};
use url::Host;

use crate::error::{Error, Result};
use crate::kit::web_address::{Reach, WebAddress};

pub use webhook::Webhooks;

/// Of a question for goods, from looking the name up to the last byte read (contract 5.1: unpublished, so ours).
pub const GOODS_DEADLINE: Duration = Duration::from_secs(10);
/// Of an event on its way to an endpoint: the shorter of what Standard Webhooks advises (15 to 30 s).
pub const WEBHOOK_DEADLINE: Duration = Duration::from_secs(15);
/// How long a name that is given to us is looked up, before it is taken as it is.
const LOOK_UP: Duration = Duration::from_secs(2);
/// Of a deadline, for name, connection and handshake.
const CONNECT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Outbound {
    client: Client,
    guard: Arc<Guard>,
}

/// What came back, up to the caller's limit.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Whether there was more than the caller wanted to read.
    pub cut: bool,
}

/// Why there is no answer. None of them names the address: its path may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The address is not on the open internet; nothing was dialled.
    Blocked,
    /// No connection, or no trust in the other side's certificate.
    NotReached,
    TimedOut,
    /// The connection broke, or what came was not HTTP.
    Broken,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "the address is not on the open internet",
            Self::NotReached => "no connection could be made",
            Self::TimedOut => "there was no full answer in time",
            Self::Broken => "the connection broke off",
        })
    }
}

impl Outbound {
    /// # Errors
    /// [`Error::Internal`] where TLS cannot be set up.
    pub fn new(reach: Reach, deadline: Duration) -> Result<Self> {
        Self::build(reach, deadline, Arc::new(System))
    }

    /// With a deadline and a resolver of one's own: for tests. The guard stands before any resolver.
    ///
    /// # Errors
    /// [`Error::Internal`] where TLS cannot be set up.
    pub fn build(reach: Reach, deadline: Duration, resolver: Arc<dyn Resolve>) -> Result<Self> {
        let fault = |e: &dyn fmt::Display| Error::Internal(format!("outbound client: {e}"));
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| fault(&e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let guard = Arc::new(Guard { reach, inner: resolver });
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(guard.clone())
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            // A connection that lay idle may be half dead, and a call is never made twice to find out.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT.min(deadline))
            .timeout(deadline)
            .build()
            .map_err(|e| fault(&e.without_url()))?;
        Ok(Self { client, guard })
    }

    #[must_use]
    pub fn reach(&self) -> Reach {
        self.guard.reach
    }

    /// Whether this name leads nowhere but where nobody is called, as far as it resolves now. It is looked at
    /// again whenever it is dialled; this is to tell whoever names it.
    pub async fn leads_inside(&self, to: &WebAddress) -> bool {
        let Some(Host::Domain(name)) = to.as_url().host() else { return false };
        let Ok(name) = name.parse() else { return false };
        let Ok(Ok(found)) = tokio::time::timeout(LOOK_UP, self.guard.inner.resolve(name)).await else { return false };
        let found: Vec<_> = found.collect();
        !found.is_empty() && !found.iter().any(|address| self.guard.reach.covers(address.ip()))
    }

    /// Sends a body, and reads at most `read_max` bytes of the answer.
    ///
    /// # Errors
    /// [`Failure`]; after anything but [`Failure::Blocked`] and [`Failure::NotReached`] the other side may
    /// have acted all the same.
    pub async fn post(
        &self,
        to: &WebAddress,
        headers: HeaderMap,
        body: Vec<u8>,
        read_max: usize,
    ) -> std::result::Result<Answer, Failure> {
        let (answer, broken) = self.exchange(to, headers, body, read_max).await?;
        broken.map_or(Ok(answer), Err)
    }

    /// The same where the status is the answer: what becomes of the body behind it makes no difference.
    ///
    /// # Errors
    /// [`Failure`], where no status came.
    pub async fn tell(
        &self,
        to: &WebAddress,
        headers: HeaderMap,
        body: Vec<u8>,
        read_max: usize,
    ) -> std::result::Result<Answer, Failure> {
        self.exchange(to, headers, body, read_max).await.map(|(answer, _)| answer)
    }

    async fn exchange(
        &self,
        to: &WebAddress,
        headers: HeaderMap,
        body: Vec<u8>,
        read_max: usize,
    ) -> std::result::Result<(Answer, Option<Failure>), Failure> {
        // A literal address is dialled without any resolver, so it is looked at here, as the resolver's
        // are there: what was stored while development was allowed is not called once it no longer is.
        if WebAddress::parse(to.as_str(), self.reach()).is_err() {
            return Err(Failure::Blocked);
        }
        let request = self.client.post(to.as_url().clone()).headers(headers).body(body);
        let mut response = request.send().await.map_err(|e| failure(&e))?;
        let mut answer = Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: Vec::new(),
            cut: false,
        };
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok((answer, None)),
                Err(e) => return Ok((answer, Some(failure(&e)))),
            };
            let room = read_max - answer.body.len();
            answer.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                answer.cut = true;
                return Ok((answer, None)); // dropping the response closes the connection
            }
        }
    }
}

fn failure(error: &reqwest::Error) -> Failure {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<Blocked>() {
            return Failure::Blocked;
        }
        cause = inner.source();
    }
    if error.is_timeout() {
        Failure::TimedOut
    } else if error.is_connect() {
        Failure::NotReached
    } else {
        Failure::Broken
    }
}

/// Lets through, of what a name resolves to, what may be dialled.
struct Guard {
    reach: Reach,
    inner: Arc<dyn Resolve>,
}

#[derive(Debug)]
struct Blocked;

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Failure::Blocked.fmt(f)
    }
}

impl StdError for Blocked {}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, found) = (self.reach, self.inner.resolve(name));
        Box::pin(async move {
            let mut allowed = found.await?.filter(move |address| reach.covers(address.ip())).peekable();
            if allowed.peek().is_none() {
                return Err(Blocked.into());
            }
            Ok(Box::new(allowed) as Addrs)
        })
    }
}

/// The machine's own resolver. The port is the connection's affair.
pub struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers each question with the next of its lists.
    struct Flips(Vec<Vec<&'static str>>, AtomicUsize);

    impl Resolve for Flips {
        fn resolve(&self, _: Name) -> Resolving {
            let list = self.0[self.1.fetch_add(1, Ordering::Relaxed) % self.0.len()].clone();
            let found = list.into_iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
            Box::pin(async move { Ok(Box::new(found) as Addrs) })
        }
    }

    async fn dialled(guard: &Guard) -> Vec<String> {
        let found = guard.resolve("shop.example".parse().unwrap()).await;
        found.map_or_else(|e| vec![e.to_string()], |ips| ips.map(|ip| ip.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_leads_only_to_what_may_be_dialled_however_often_it_changes() {
        let answers =
            vec![vec!["8.8.8.8", "127.0.0.1", "10.0.0.1", "::1"], vec!["127.0.0.1"], vec!["2606:4700::1"], vec![]];
        let guard = Guard { reach: Reach::Public, inner: Arc::new(Flips(answers, AtomicUsize::new(0))) };
        assert_eq!(dialled(&guard).await, ["8.8.8.8"]);
        assert_eq!(dialled(&guard).await, [Failure::Blocked.to_string()]);
        assert_eq!(dialled(&guard).await, ["2606:4700::1"]);
        assert_eq!(dialled(&guard).await, [Failure::Blocked.to_string()]);
    }
}
