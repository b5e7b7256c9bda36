//! Webhooks: where events are sent, which, and whether that works.

use std::sync::Arc;
use std::time::Instant as Clock;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::SecondsFormat;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::keys::merchant::{WebhooksRead, WebhooksWrite};
use crate::domain::outbox::endpoints::{self, NewEndpoint};
use crate::domain::outbox::{Event, body::body, deliveries};
use crate::error::{Error, Result};
use crate::http::door::caller::Merchant;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::wire::{Instant, List};
use crate::http::door::write::Write;
use crate::http::door::{Answer, Reply};
use crate::kit::json::Nothing;
use crate::kit::page::Place;
use crate::kit::secret::reveal;
use request::{NewWebhookBody, Recovery, RecoveryBody, Trial, TrialBody};

#[path = "webhook_body.rs"]
mod request;

#[derive(Debug, Serialize, ToSchema)]
pub struct Webhook {
    #[schema(example = "wh_01J2PR0000000000000000000A")]
    id: String,
    #[schema(example = "https://shop.example/hooks/keyhouse")]
    url: String,
    #[schema(example = json!(["order.paid", "payout.*"]))]
    events: Vec<String>,
    description: Option<String>,
    /// `active`, or `disabled`: then nothing is sent there.
    #[schema(example = "active")]
    status: &'static str,
    /// `failing`: every attempt failed for 48 hours. `gone`: it answered 410.
    disabled_reason: Option<&'static str>,
    created_at: Instant,
}

/// An endpoint just registered. The secret is shown in this answer alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegisteredWebhook {
    #[serde(flatten)]
    webhook: Webhook,
    /// Verifies what is sent there, by `X-Signature` or by any library of Standard Webhooks.
    #[schema(example = "whsec_…")]
    signing_secret: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedWebhook {
    id: String,
    deleted: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TestedWebhook {
    /// Whether it answered with a 2xx.
    delivered: bool,
    /// Null where there was no answer.
    #[schema(example = 200)]
    response_code: Option<u16>,
    delivery_ms: u64,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveredWebhook {
    id: String,
    /// Events that are sent again.
    queued: i64,
    /// There may be more: ask again.
    has_more: bool,
    /// The `since` of the next call, where there may be more.
    #[schema(format = DateTime)]
    next_since: Option<String>,
}

/// Lists endpoints, newest first.
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", security(("key" = ["webhooks:read"])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = List<Webhook>)))]
pub async fn list(
    caller: Merchant<WebhooksRead>,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<List<Webhook>> {
    let place = Place::new("webhooks", caller.shop.uuid(), "");
    let window = query.window(&place, &app.env.vault)?;
    let page = endpoints::list(&mut db, caller.shop, &app.env, window, &place).await?;
    Ok(Json(page.into()))
}

/// Registers an endpoint. Events that happen from now on are sent there.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", security(("key" = ["webhooks:write"])),
    request_body = NewWebhookBody, responses((status = 201, body = RegisteredWebhook)))]
pub async fn create(caller: Merchant<WebhooksWrite>, write: Write<NewEndpoint>) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    app.may_call("url", Some(&write.body.url))?;
    let write = write.private();
    // A repetition is answered as before, wherever the name leads by now.
    if let Some(before) = write.before(&caller).await? {
        return Ok(before);
    }
    write.let_go().await; // while the name is looked up
    if app.webhooks.leads_inside(&write.body.url).await {
        return Err(Error::invalid("url", "must be reachable from the open internet"));
    }
    write
        .once(&caller, StatusCode::CREATED, async move |db, new| {
            let (endpoint, secret) = endpoints::create(db, shop, &app.env, new.clone()).await?;
            Ok(RegisteredWebhook { webhook: endpoint.into(), signing_secret: reveal(&secret) })
        })
        .await
}

/// Deletes an endpoint: what was still to be sent there is cancelled, and no attempt begins any more.
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks", security(("key" = ["webhooks:write"])),
    params(("id" = String, Path)), responses((status = 200, body = DeletedWebhook)))]
pub async fn delete(
    caller: Merchant<WebhooksWrite>,
    PathId(id): PathId<endpoints::Endpoint>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            endpoints::delete(db, shop, &app.env, id).await?;
            Ok(DeletedWebhook { id: id.to_string(), deleted: true })
        })
        .await
}

/// Sends events to an endpoint again that was disabled; `recover` sends what it missed.
#[utoipa::path(post, path = "/webhooks/{id}/enable", tag = "webhooks", security(("key" = ["webhooks:write"])),
    params(("id" = String, Path)), responses((status = 200, body = Webhook)))]
pub async fn enable(
    caller: Merchant<WebhooksWrite>,
    PathId(id): PathId<endpoints::Endpoint>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let shop = caller.shop;
    write
        .once(&caller, StatusCode::OK, async move |db, _| Ok(Webhook::from(endpoints::enable(db, shop, id).await?)))
        .await
}

/// Sends again every event since an instant that the endpoint asks for and has not taken: those whose attempts
/// are used up, and those that happened while it was disabled, or not registered yet. At most 30 days back, and
/// 10,000 events a call, oldest first; where there may be more, call again with `since` as `next_since` says.
#[utoipa::path(post, path = "/webhooks/{id}/recover", tag = "webhooks", security(("key" = ["webhooks:write"])),
    params(("id" = String, Path)), request_body = RecoveryBody, responses((status = 200, body = RecoveredWebhook)))]
pub async fn recover(
    caller: Merchant<WebhooksWrite>,
    PathId(id): PathId<endpoints::Endpoint>,
    write: Write<Recovery>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, recovery| {
            let (queued, next) = deliveries::recover(db, shop, &app.env, id, recovery.since).await?;
            let next_since = next.map(|instant| instant.to_rfc3339_opts(SecondsFormat::Millis, true));
            Ok(RecoveredWebhook { id: id.to_string(), queued, has_more: next_since.is_some(), next_since })
        })
        .await
}

/// Sends a sample of an event to an endpoint, at once and once, and tells what it answered.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "webhooks", security(("key" = ["webhooks:write"])),
    params(("id" = String, Path)), request_body = TrialBody, responses((status = 200, body = TestedWebhook)))]
pub async fn test(
    caller: Merchant<WebhooksWrite>,
    PathId(id): PathId<endpoints::Endpoint>,
    write: Write<Trial>,
) -> Result<Reply> {
    if let Some(before) = write.before(&caller).await? {
        return Ok(before);
    }
    let app = write.app();
    let mut db = write.read().await?;
    let endpoint = endpoints::get(&mut db, caller.shop, id).await?;
    let secret = endpoints::secret(&mut db, caller.shop, &app.env, id).await?;
    drop(db);
    write.let_go().await; // while the endpoint takes its time
    let (event, sample) = (app.env.id::<Event>(), &write.body.sample);
    let payload = serde_json::to_value(sample).map_err(|e| Error::Internal(format!("sample: {e}")))?;
    let bytes = body(event, sample.topic(), &payload);
    let clock = Clock::now();
    let about = (event.to_string(), sample.topic());
    let told = app.webhooks.send(&endpoint.url, &secret, (&about.0, about.1), app.env.now(), bytes).await;
    let delivery_ms = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = told.as_ref().map(|answer| answer.status);
    let (response_code, error) = (status.as_ref().ok().copied(), status.err().map(ToString::to_string));
    write
        .once(&caller, StatusCode::OK, async move |_, _| {
            let delivered = response_code.is_some_and(|status| (200..300).contains(&status));
            Ok(TestedWebhook { delivered, response_code, delivery_ms, error: error.clone() })
        })
        .await
}

impl From<endpoints::Endpoint> for Webhook {
    fn from(endpoint: endpoints::Endpoint) -> Self {
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.url.as_str().to_owned(),
            events: endpoint.events,
            description: endpoint.description,
            status: if endpoint.disabled.is_some() { "disabled" } else { "active" },
            disabled_reason: endpoint.disabled.map(endpoints::Reason::word),
            created_at: Instant(endpoint.created_at),
        }
    }
}
