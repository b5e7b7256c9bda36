//! One attempt: what is sent, what was answered, and what is written down of it.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use sqlx::Acquire as _;

use crate::app::App;
use crate::domain::outbox::body::body;
use crate::domain::outbox::deliveries::{self, Delivery, Outcome, Verdict};
use crate::error::Result;
use crate::kit::snippet::snippet;
use crate::outbound::{Answer, Failure};

/// A result is worth some patience with a database that is away for a moment: without it the event is sent twice.
const RECORDS_MAX: u32 = 5;
const RECORD_PAUSE: Duration = Duration::from_secs(1);

/// Makes the attempt and records what it came to. What cannot be recorded is sent again once its lease is over.
pub async fn make(app: &App, delivery: &Delivery) {
    let made = async {
        let outcome = send(app, delivery).await?;
        tell(delivery, &outcome);
        record_with_patience(app, delivery, &outcome).await
    };
    if let Err(e) = made.await {
        metrics::counter!("worker_failures_total", "step" => "make an attempt").increment(1);
        tracing::error!(event = %delivery.event, endpoint = %delivery.endpoint, attempt = delivery.attempt, error = %e,
            "an attempt was not recorded");
    }
}

async fn send(app: &App, delivery: &Delivery) -> Result<Outcome> {
    let secret = delivery.secret(&app.env)?;
    let (id, bytes) = (delivery.event.to_string(), body(delivery.event, &delivery.topic, &delivery.payload));
    let (started_at, clock) = (app.env.now(), Instant::now());
    if delivery.attempt == 1 {
        let delay = (started_at - delivery.queued_at).to_std().unwrap_or_default();
        metrics::histogram!("webhook_delay_seconds").record(delay);
    }
    let answered = match delivery.url() {
        Some(url) => app.webhooks.send(&url, &secret, (&id, &delivery.topic), started_at, bytes).await,
        None => Err(Failure::Blocked),
    };
    let verdict = judge(&answered, app.env.now());
    let (http_status, error, answer) = match answered {
        Ok(answer) => {
            let refused = (verdict != Verdict::Delivered).then(|| format!("it answered {}", answer.status));
            (Some(answer.status), refused, Some(snippet(&answer.body)))
        }
        Err(failure) => (None, Some(failure.to_string()), None),
    };
    let duration_ms = i32::try_from(clock.elapsed().as_millis()).unwrap_or(i32::MAX);
    Ok(Outcome { started_at, duration_ms, http_status, error, answer, verdict })
}

/// Any 2xx is a success, 410 the end; everything else, a redirect too, is tried again.
fn judge(answered: &std::result::Result<Answer, Failure>, now: DateTime<Utc>) -> Verdict {
    match answered {
        Ok(answer) if (200..300).contains(&answer.status) => Verdict::Delivered,
        Ok(answer) if answer.status == 410 => Verdict::Gone,
        Ok(answer) => Verdict::Failed { retry_after: retry_after(&answer.headers, now) },
        Err(_) => Verdict::Failed { retry_after: None },
    }
}

/// Seconds, or a date (RFC 9110).
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u32>() {
        Ok(seconds) => TimeDelta::seconds(seconds.into()),
        Err(_) => DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now,
    };
    (wait > TimeDelta::zero()).then_some(wait)
}

fn tell(delivery: &Delivery, outcome: &Outcome) {
    let word = match (outcome.verdict, outcome.http_status) {
        (Verdict::Delivered, _) => "delivered",
        (Verdict::Gone, _) => "gone",
        (Verdict::Failed { .. }, Some(_)) => "refused",
        (Verdict::Failed { .. }, None) => "unanswered",
    };
    metrics::counter!("webhook_attempts_total", "outcome" => word).increment(1);
    if let Some(why) = &outcome.error {
        tracing::info!(event = %delivery.event, endpoint = %delivery.endpoint, attempt = delivery.attempt, why,
            "an attempt failed");
    }
}

async fn record_with_patience(app: &App, delivery: &Delivery, outcome: &Outcome) -> Result<()> {
    for _ in 1..RECORDS_MAX {
        match record(app, delivery, outcome).await {
            Err(e) if e.is_passing() => tokio::time::sleep(RECORD_PAUSE).await,
            done => return done,
        }
    }
    record(app, delivery, outcome).await
}

async fn record(app: &App, delivery: &Delivery, outcome: &Outcome) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    let mut transaction = db.begin().await?;
    let recorded = deliveries::record(&mut transaction, &app.env, delivery, outcome).await?;
    transaction.commit().await?;
    if !recorded {
        tracing::info!(event = %delivery.event, endpoint = %delivery.endpoint, attempt = delivery.attempt,
            "an attempt came to nothing: its delivery was cancelled, or taken over");
    }
    if outcome.verdict != Verdict::Delivered {
        app.work.notify_one(); // there may be a mail
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_asked_for_in_seconds_or_until_a_date() {
        let now: DateTime<Utc> = "2026-05-26T07:18:03Z".parse().unwrap();
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, now).map(|wait| wait.num_seconds())
        };
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Tue, 26 May 2026 07:20:03 GMT"), Some(120));
        assert_eq!(asked(" 5 "), Some(5));
        for nothing in ["0", "-1", "soon", "", "1.5", "Tue, 26 May 2026 07:18:03 GMT", "99999999999999"] {
            assert_eq!(asked(nothing), None, "{nothing}");
        }
    }
}
