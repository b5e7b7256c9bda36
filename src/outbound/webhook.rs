//! An event on its way to an endpoint of `/v1`: signed twice, over the very bytes that are sent (contract 5.4).

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use secrecy::SecretString;

use super::{Answer, Failure, Outbound};
use crate::kit::signature;
use crate::kit::web_address::WebAddress;

const AGENT: &str = "Sellix-Webhook/1.0";
/// Promises WHK-10: of an answer nothing is wanted but its status and a beginning for the record.
const READ_BYTES_MAX: usize = 64 * 1024;

/// Sends events.
#[derive(Clone)]
pub struct Webhooks(Outbound);

impl Webhooks {
    #[must_use]
    pub const fn new(outbound: Outbound) -> Self {
        Self(outbound)
    }

    /// Sends the event of this id and topic, signed as of now. Any status is an answer.
    ///
    /// # Errors
    /// [`Failure`], where there is none.
    pub async fn send(
        &self,
        to: &WebAddress,
        secret: &SecretString,
        (id, topic): (&str, &str),
        now: DateTime<Utc>,
        body: Vec<u8>,
    ) -> Result<Answer, Failure> {
        // What cannot be a header was not made here.
        let headers = headers(secret, id, topic, now, &body).ok_or(Failure::Broken)?;
        self.0.tell(to, headers, body, READ_BYTES_MAX).await
    }

    /// As [`Outbound::leads_inside`].
    pub async fn leads_inside(&self, to: &WebAddress) -> bool {
        self.0.leads_inside(to).await
    }
}

fn headers(secret: &SecretString, id: &str, topic: &str, now: DateTime<Utc>, body: &[u8]) -> Option<HeaderMap> {
    let timestamp_s = now.timestamp();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in [
        ("x-event-id", id.to_owned()),
        ("x-event-type", topic.to_owned()),
        ("x-webhook-timestamp", timestamp_s.to_string()),
        ("x-signature", signature::of_body(secret, body)),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp_s.to_string()),
        ("webhook-signature", signature::standard(secret, id, timestamp_s, body)?),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
    }
    Some(headers)
}
