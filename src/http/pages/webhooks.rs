//! `GET /docs/webhooks`: every topic, what it means, and a payload, out of the one `Event` enum.

use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::template;
use crate::domain::outbox::Event;
use crate::error::Result;

#[derive(Debug, Serialize)]
struct Topic {
    name: &'static str,
    meaning: &'static str,
    payload: String,
}

pub async fn page() -> Result<Response> {
    let topic = |event: &Event| Topic {
        name: event.topic(),
        meaning: event.meaning(),
        payload: serde_json::to_string_pretty(event).unwrap_or_default(),
    };
    let topics: Vec<Topic> = Event::samples().iter().map(topic).collect();
    template::page("webhooks.html", context! { here => "/docs/webhooks", topics => Serde(topics) })
}
