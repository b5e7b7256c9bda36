//! The other end of a webhook: a server that answers as it is told and remembers what it was asked; and
//! names that resolve as they are told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyhouse::kit::web_address::Reach;
use keyhouse::outbound::Outbound;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Longer than anything takes that ends by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client for calls with these names, and the usual deadline.
pub fn calling(reach: Reach, names: Names) -> Outbound {
    Outbound::build(reach, Duration::from_secs(10), Arc::new(names)).unwrap()
}

/// A client that reaches this machine, and loses its patience after so many milliseconds.
pub fn hasty(deadline_ms: u64) -> Outbound {
    Outbound::build(Reach::Loopback, Duration::from_millis(deadline_ms), Arc::new(Names::none())).unwrap()
}

/// What names resolve to: each question has the next answer, the last one for ever.
pub struct Names(Vec<Vec<&'static str>>, AtomicUsize);

impl Names {
    pub fn none() -> Self {
        Self::flipping(Vec::new())
    }

    pub fn flipping(answers: Vec<Vec<&'static str>>) -> Self {
        Self(answers, AtomicUsize::new(0))
    }
}

impl Resolve for Names {
    fn resolve(&self, _: Name) -> Resolving {
        let asked = self.1.fetch_add(1, Ordering::Relaxed);
        let answer = self.0.get(asked).or(self.0.last()).cloned();
        Box::pin(async move {
            let ips = answer.ok_or("no such name")?;
            Ok(Box::new(ips.into_iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0))) as Addrs)
        })
    }
}

#[derive(Clone)]
pub enum Reply {
    /// A status, headers as they stand on the wire, and a body.
    Answer(u16, &'static str, Vec<u8>),
    /// Nothing, while the caller holds the connection.
    Silence,
    /// An answer that waits for [`Receiver::go_on`].
    Late(&'static str),
    /// The beginning of an answer: headers and a body that stops there, the connection open.
    Broken(&'static str, &'static [u8]),
    /// So many bytes of a body, as fast as they are taken.
    Flood(usize),
}

impl Reply {
    pub fn text(body: &str) -> Self {
        Self::Answer(200, "", body.as_bytes().to_vec())
    }

    pub fn status(status: u16) -> Self {
        Self::Answer(status, "", b"sorry".to_vec())
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub head: String,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(':').is_some_and(|(n, _)| n.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    news: Notify,
    late: Notify,
    flooded: AtomicUsize,
    connections: AtomicUsize,
}

pub struct Receiver {
    pub port: u16,
    seen: Arc<Seen>,
}

impl Receiver {
    /// Answers each request with the next of these, the last one for ever.
    pub async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let own = seen.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                own.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, own.clone(), replies.clone()));
            }
        });
        Self { port, seen }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?of=acme", self.port)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().unwrap().clone()
    }

    /// Waits until this many requests have come.
    pub async fn was_asked(&self, times: usize) {
        let enough = async {
            while self.asked().len() < times {
                let news = self.seen.news.notified();
                tokio::select! {
                    () = news => {}
                    () = tokio::time::sleep(Duration::from_millis(10)) => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, enough).await.expect("the receiver was not asked so often");
    }

    /// Lets one answer that waits go out.
    pub fn go_on(&self) {
        self.seen.late.notify_one();
    }

    /// Connections, whether or not anything was sent over them.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// Bytes of a flood that the caller's side has taken.
    pub fn flooded(&self) -> usize {
        self.seen.flooded.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>, replies: Vec<Reply>) {
    let Some(asked) = read(&mut stream).await else { return };
    let before = {
        let mut all = seen.asked.lock().unwrap();
        all.push(asked);
        all.len() - 1
    };
    seen.news.notify_one();
    match replies.get(before).or(replies.last()).unwrap() {
        Reply::Answer(status, headers, body) => {
            let head = format!("HTTP/1.1 {status} Said\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
        }
        Reply::Silence => {
            let _ = stream.read(&mut [0]).await; // until the caller goes away
        }
        Reply::Late(body) => {
            seen.late.notified().await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await;
        }
        Reply::Broken(headers, body) => {
            let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
            let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
            let _ = stream.read(&mut [0]).await;
        }
        Reply::Flood(bytes) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
            let mut open = stream.write_all(head.as_bytes()).await.is_ok();
            while open && seen.flooded.load(Ordering::Relaxed) < *bytes {
                match stream.write(&[b'x'; 16 * 1024]).await {
                    Ok(taken) => drop(seen.flooded.fetch_add(taken, Ordering::Relaxed)),
                    Err(_) => open = false,
                }
            }
        }
    }
}

/// One request with a length; `None` where the caller goes away first.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let asked = Asked { head, body: bytes[end + 4..].to_vec() };
        let length: usize = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
        if asked.body.len() >= length {
            return Some(asked);
        }
    }
}
