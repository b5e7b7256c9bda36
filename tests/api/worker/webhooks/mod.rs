//! Events on their way to endpoints, from the commit to the receiver's answer.

mod body;
mod cancelled;
mod disabled;
mod fan_out;
mod hostile;
mod isolation;
mod recovery;
mod retry;
mod signatures;

use chrono::{DateTime, Utc};
use keyhouse::domain::shops::Tenant;
use serde_json::Value;

use crate::house::receiver::Receiver;
use crate::house::{TestApp, product_body};
use crate::v1::webhooks::registered;

pub const NEARBY: &str = "allow_private_webhooks = true";

/// A sandbox endpoint at this receiver that hears of products.
pub async fn hears(app: &TestApp, receiver: &Receiver) -> Value {
    registered(app, &receiver.url(), &["product.*"]).await
}

/// Something happens that such an endpoint hears of.
pub async fn happens(app: &TestApp) {
    app.test_merchant().post("/v1/products", product_body("Studio Pro")).await.is(201);
}

/// How far a delivery got.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Progress {
    pub state: String,
    pub attempt: i32,
    pub due_at: DateTime<Utc>,
}

/// Every delivery, by its event.
pub async fn deliveries(app: &TestApp) -> Vec<Progress> {
    let sql = "select state, attempt, due_at from webhook_deliveries order by event_id, endpoint_id";
    sqlx::query_as(sql).fetch_all(&mut app.db().await).await.unwrap()
}

pub async fn states(app: &TestApp) -> Vec<String> {
    deliveries(app).await.into_iter().map(|delivery| delivery.state).collect()
}

/// What was written down of each attempt: status, error, answer.
pub async fn attempts(app: &TestApp) -> Vec<(Option<i16>, Option<String>, Option<String>)> {
    let sql = "select http_status, error, answer from webhook_attempts order by started_at, event_id, attempt";
    sqlx::query_as(sql).fetch_all(&mut app.db().await).await.unwrap()
}

pub fn sandbox(app: &TestApp) -> Tenant {
    app.shop.row.twin
}
