//! Logs and metrics. A line is a message and fields; never a secret, a code or a query string.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::LogFormat;

/// Starts logging to standard error, and routes panics there too.
///
/// # Errors
/// Where the filter cannot be read.
pub fn start_logs(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_span_events(FmtSpan::NONE);
    let started = match format {
        LogFormat::Text => logs.compact().try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    started.map_err(|e| anyhow::anyhow!("logs: {e}"))?;
    std::panic::set_hook(Box::new(|panic| {
        // The payload may quote data; the place is enough to find the fault.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(())
}

/// Starts the metrics recorder; the handle renders them.
///
/// # Errors
/// Where there is a recorder already.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets(&[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])?
        .install_recorder()?;
    describe();
    Ok(handle)
}

/// What each figure is; their labels are few words each, never an id, a path or an address.
fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!("http_requests_total", "Requests answered, by route template, method and status");
    describe_histogram!("http_request_seconds", Unit::Seconds, "Time to answer, by route template and method");
    describe_histogram!("pool_wait_seconds", Unit::Seconds, "Waiting for a permit, and for a connection with one");
    describe_gauge!("pool_connections", "Open connections to the database");
    describe_gauge!("pool_connections_idle", "Of them, those that nobody uses");
    describe_gauge!("request_permits_free", "Requests that could begin at once");
    describe_counter!("mails_total", "Attempts to send a mail: sent, later or refused");
    describe_gauge!("mails_waiting", "Mails that are not sent yet, and not given up");
    describe_gauge!("mails_oldest_seconds", Unit::Seconds, "How long the oldest of them has waited");
    describe_gauge!("ledger_broken_laws", "Laws of the books that do not hold; anything but 0 is an emergency");
    describe_gauge!("ledger_checked_seconds", Unit::Seconds, "When they were looked at, since 1970");
    describe_gauge!("outbox_lag_seconds", Unit::Seconds, "How long the event waits that is due for longest");
    describe_counter!("webhook_attempts_total", "Events sent: delivered, refused, unanswered, or its endpoint gone");
    describe_histogram!("webhook_delay_seconds", Unit::Seconds, "From an event to its first attempt");
    describe_counter!("dynamic_calls_total", "Calls for goods: delivered, failed, or not wanted any more");
    describe_counter!("worker_failures_total", "Steps that the worker could not finish, and tries again");
}
