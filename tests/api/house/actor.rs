//! Somebody who calls: a credential, and requests that go through the real router.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::TestApp;

pub struct Actor<'a> {
    app: &'a TestApp,
    token: Option<String>,
    headers: Vec<(String, String)>,
}

impl<'a> Actor<'a> {
    pub fn new(app: &'a TestApp, token: Option<String>) -> Self {
        Self { app, token, headers: Vec::new() }
    }

    /// The secret itself.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or("")
    }

    /// Adds a header to every request from now on.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn idempotent(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string().into_bytes())).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body.to_string().into_bytes())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// A POST whose body is these very bytes, as JSON.
    pub async fn post_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send(Method::POST, path, Some(body.into())).await
    }

    /// Any request. A body is said to be JSON unless a header of the actor's says otherwise.
    pub async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let says_type = self.headers.iter().any(|(name, _)| name == "content-type");
        if body.is_some() && !says_type {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(body.map_or_else(Body::empty, Body::from)).unwrap();
        let response = self.app.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, bytes, json }
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    json: Value,
}

impl Answer {
    /// Asserts the status, showing the body where it is another.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Asserts the problem's slug, and that the body is problem+json.
    #[track_caller]
    pub fn is_problem(&self, slug: &str) -> &Self {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        assert_eq!(self.json["type"], slug, "{}", self.text());
        assert_eq!(self.json["status"], self.status, "{}", self.text());
        self
    }

    /// Asserts the sub-code of a 409 on `/v1`.
    #[track_caller]
    pub fn is_conflict(&self, code: &str) -> &Self {
        self.is(409).is_problem("conflict");
        assert_eq!(self.json["code"], code, "{}", self.text());
        self
    }

    /// Asserts that this field is named among the problem's errors.
    #[track_caller]
    pub fn blames(&self, field: &str) -> &Self {
        assert!(self.json["errors"].get(field).is_some(), "{field}: {}", self.text());
        self
    }

    /// Asserts the code of the other surfaces' envelope.
    #[track_caller]
    pub fn has_code(&self, code: &str) -> &Self {
        assert_eq!(self.json["error"]["code"], code, "{}", self.text());
        self
    }

    pub fn json(&self) -> &Value {
        &self.json
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
