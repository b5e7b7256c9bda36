//! Bodies of webhooks, read field by field.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use crate::domain::outbox::Event;
use crate::domain::outbox::body::is_told_to_v1;
use crate::domain::outbox::endpoints::{NewEndpoint, Subscriptions};
use crate::http::door::params::instant_from;
use crate::kit::json::{Form, Json, Reading, Wire, list as array, text, wrong};
use crate::kit::values::{prose, web_address};

/// More than there are names and wildcards.
const EVENTS_MAX: usize = 50;
const DESCRIPTION_CHARS_MAX: usize = 500;
/// What is sent by a test that names no event (contract 2.1).
const TESTED_UNLESS_SAID: &str = "order.paid";

/// An address that is told of events.
#[derive(ToSchema)]
#[schema(as = NewWebhook)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct NewWebhookBody {
    /// `https://`, reachable from the open internet, at most 2048 characters.
    #[schema(example = "https://shop.example/hooks/keyhouse", max_length = 2_048)]
    url: String,
    /// Names of events, `product.*`, `payout.*`, or `*` for all.
    #[schema(min_items = 1, max_items = 50, example = json!(["order.paid", "payout.*"]))]
    events: Vec<String>,
    #[schema(max_length = 500)]
    description: Option<String>,
}

impl Wire for NewEndpoint {
    fn read(form: &mut Form) -> Option<Self> {
        let url = form.required("url", web_address);
        let events = form.required("events", subscriptions);
        let description = form.optional("description", prose(DESCRIPTION_CHARS_MAX));
        Some(Self { url: url?, events: events?, description: description? })
    }
}

fn subscriptions(value: Json) -> Reading<Subscriptions> {
    Subscriptions::parse(array(1, EVENTS_MAX, text)(value)?).map_err(wrong)
}

/// From when on missed events are sent again.
pub struct Recovery {
    pub since: DateTime<Utc>,
}

/// From when on missed events are sent again.
#[derive(ToSchema)]
#[schema(as = Recovery)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct RecoveryBody {
    /// A date, or a date-time with its zone; at most 30 days ago.
    #[schema(example = "2026-05-26T07:00:00Z")]
    since: String,
}

impl Wire for Recovery {
    fn read(form: &mut Form) -> Option<Self> {
        let since = form.required("since", |value| {
            let since = instant_from(&text(value)?);
            since
                .ok_or_else(|| wrong("must be a date (2026-05-26) or a date-time with its zone (2026-05-26T07:00:00Z)"))
        });
        Some(Self { since: since? })
    }
}

/// Which sample a test sends.
pub struct Trial {
    pub sample: Event,
}

/// Which event a test sends a sample of.
#[derive(ToSchema)]
#[schema(as = WebhookTest)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct TrialBody {
    /// The name of an event.
    #[schema(example = "order.paid", default = "order.paid")]
    event: Option<String>,
}

impl Wire for Trial {
    fn read(form: &mut Form) -> Option<Self> {
        let named = form.optional("event", |value| {
            let sample = Event::sample(&text(value)?).filter(|event| is_told_to_v1(event.topic()));
            sample.ok_or_else(|| wrong("must be the name of an event, such as order.paid"))
        });
        Some(Self { sample: named?.or_else(|| Event::sample(TESTED_UNLESS_SAID))? })
    }
}
