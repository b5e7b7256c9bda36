//! `GET /docs/webhooks`: how events are subscribed to and verified, and every topic with what it means and a
//! payload, out of the one `Event` enum.

use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::template;
use crate::domain::outbox::body::{body, is_told_to_v1};
use crate::domain::outbox::deliveries::{FAILING_MAX, KEPT_FOR, TRIES_MAX};
use crate::domain::outbox::endpoints::{NAMES, WILDCARDS};
use crate::domain::outbox::{Event, EventId};
use crate::error::Result;

#[derive(Debug, Serialize)]
struct Topic {
    name: &'static str,
    meaning: &'static str,
    /// Whether endpoints of `/v1` are sent it: then the sample is the whole body.
    sent: bool,
    payload: String,
}

pub async fn page() -> Result<Response> {
    let topics: Vec<Topic> = Event::samples().iter().map(topic).collect();
    let known: Vec<&str> = NAMES.iter().chain(WILDCARDS).copied().collect();
    template::page(
        "webhooks.html",
        context! {
            here => "/docs/webhooks",
            topics => Serde(topics),
            known => known,
            tries => TRIES_MAX,
            failing_hours => FAILING_MAX.num_hours(),
            kept_days => KEPT_FOR.num_days(),
        },
    )
}

fn topic(event: &Event) -> Topic {
    let sent = is_told_to_v1(event.topic());
    let payload = serde_json::to_value(event).unwrap_or_default();
    let shown = if sent {
        serde_json::from_slice(&body(EventId::from(event.subject()), event.topic(), &payload)).unwrap_or_default()
    } else {
        payload
    };
    Topic {
        name: event.topic(),
        meaning: event.meaning(),
        sent,
        payload: serde_json::to_string_pretty(&shown).unwrap_or_default(),
    }
}
