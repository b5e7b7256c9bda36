//! Clients over real sockets: one that speaks HTTP and keeps its connection, and one that sends
//! whatever bytes it is given.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends one request after the other over one connection, and connects again where that broke.
pub struct Client {
    address: SocketAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// A request to be sent, as often as it takes.
#[derive(Clone)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub token: Option<String>,
    pub key: Option<String>,
    pub body: Option<Value>,
}

pub struct Heard {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The answer, or what became of the connection: then nobody knows whether the request was carried out.
    pub async fn send(&mut self, call: &Call) -> Result<Heard> {
        let heard = tokio::time::timeout(PATIENCE, self.exchange(call)).await;
        let heard = heard.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "no answer")));
        if heard.is_err() {
            self.connection = None;
        }
        heard
    }

    async fn exchange(&mut self, call: &Call) -> Result<Heard> {
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = tokio::net::TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Error::other)?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        let sender = self.connection.as_mut().unwrap();
        sender.ready().await.map_err(Error::other)?;
        let answer = sender.send_request(call.request()).await.map_err(Error::other)?;
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.map_err(Error::other)?.to_bytes().to_vec();
        Ok(Heard { status: parts.status.as_u16(), headers: parts.headers, bytes })
    }
}

impl Call {
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), token: None, key: None, body: None }
    }

    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(path) }
    }

    pub fn bearer(self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self }
    }

    pub fn idempotent(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(&self.method).uri(&self.path).header("host", "keyhouse.test");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = &self.key {
            request = request.header("idempotency-key", key);
        }
        if self.body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        request.body(Full::from(body)).unwrap()
    }

    /// The same request as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: keyhouse.test\r\n", self.method, self.path);
        if let Some(token) = &self.token {
            text += &format!("Authorization: Bearer {token}\r\n");
        }
        if let Some(key) = &self.key {
            text += &format!("Idempotency-Key: {key}\r\n");
        }
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        if self.body.is_some() {
            text += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        format!("{text}\r\n{body}").into_bytes()
    }
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The `code` of a 409.
    pub fn is_conflict(&self, code: &str) -> bool {
        self.status == 409 && self.json()["code"] == code
    }
}

/// A connection on which any bytes are sent.
pub struct Wire(TcpStream);

/// All that came back until the server closed, or stopped talking.
#[derive(Debug)]
pub struct Replies {
    pub text: String,
    pub closed: bool,
}

impl Wire {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// A server that has closed already takes no bytes; what it said before can still be read.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.0.write_all(bytes.as_ref());
        self
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.0.write_all(bytes.as_ref())
    }

    pub fn no_more(&mut self) -> &mut Self {
        let _ = self.0.shutdown(Shutdown::Write);
        self
    }

    /// What comes until the server closes, or for this long.
    pub fn listen(&mut self, patience: Duration) -> Replies {
        let deadline = std::time::Instant::now() + patience;
        let (mut bytes, mut buffer, mut closed) = (Vec::new(), [0; 4_096], false);
        while let Some(left) = deadline.checked_duration_since(std::time::Instant::now()).filter(|left| !left.is_zero())
        {
            self.0.set_read_timeout(Some(left)).unwrap();
            match self.0.read(&mut buffer) {
                Ok(0) => closed = true,
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(_) => closed = true, // reset
            }
            if closed {
                break;
            }
        }
        Replies { text: String::from_utf8_lossy(&bytes).into_owned(), closed }
    }
}

impl Replies {
    /// The status codes of the answers, in their order.
    pub fn statuses(&self) -> Vec<u16> {
        let lines = self.text.split("HTTP/1.1 ").skip(1);
        lines.map(|rest| rest[..3].parse().unwrap()).collect()
    }

    /// The body of the last answer, where it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(self.text.rsplit_once("\r\n\r\n")?.1).ok()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        head.lines().filter_map(|line| line.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|h| h.1)
    }
}
