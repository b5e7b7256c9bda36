//! Is it alive, can it work, how is it doing.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde_json::json;

use super::door::limit::Peer;
use crate::app::App;
use crate::error::{Error, Unauthenticated};

/// Longer than a healthy database ever takes; a balancer asks every second or two.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// The process answers; nothing else is asked.
pub async fn livez() -> Json<serde_json::Value> {
    Json(json!({ "status": "alive" }))
}

/// Whether requests can be served: the database takes writes, and nobody has asked us to stop.
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    if app.is_draining() {
        return not_ready("draining");
    }
    // In a task of its own: giving up waiting must not cut a statement off.
    let pool = app.worker.clone();
    let asked = tokio::spawn(async move {
        sqlx::query_scalar!(r#"select pg_is_in_recovery() as "standby!""#).fetch_one(&pool).await
    });
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(false))) => Json(json!({ "status": "ready" })).into_response(),
        Ok(Ok(Ok(true))) => not_ready("the database is a standby"),
        _ => not_ready("the database does not answer"),
    }
}

fn not_ready(why: &str) -> Response {
    let mut response =
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready", "why": why }))).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, axum::http::HeaderValue::from_static("1"));
    response
}

/// Figures for Prometheus: to loopback, and to whoever knows the token.
pub async fn metrics(
    State(app): State<Arc<App>>,
    peer: Option<axum::Extension<Peer>>,
    headers: HeaderMap,
) -> Result<String, Error> {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.0);
    let forwarded = headers.contains_key("x-forwarded-for");
    let token = app.config.metrics_token.as_ref().is_some_and(|token| {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        sent.is_some_and(|sent| subtle::ConstantTimeEq::ct_eq(sent, token.expose_secret().as_bytes()).into())
    });
    if !token && (!peer.is_loopback() || forwarded) {
        return Err(Error::Unauthenticated(Unauthenticated::Missing));
    }
    gauge("request_permits_free", &[], app.permits.available_permits());
    for (name, pool) in [("requests", &app.requests), ("worker", &app.worker)] {
        gauge("pool_connections", &[("pool", name)], usize::try_from(pool.size()).unwrap_or(0));
        gauge("pool_connections_idle", &[("pool", name)], pool.num_idle());
    }
    Ok(app.metrics.as_ref().map(metrics_exporter_prometheus::PrometheusHandle::render).unwrap_or_default())
}

fn gauge(name: &'static str, labels: &[(&'static str, &'static str)], count: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    metrics::gauge!(name, labels).set(count as f64);
}
