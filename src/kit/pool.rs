//! Connections: every session with its timeouts, and a check at the door for those that lay idle.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};

/// Promises OPS-5. A request's deadline is longer than its longest statement.
pub const STATEMENT_TIMEOUT: &str = "5s";
pub const LOCK_TIMEOUT: &str = "2s";
pub const IDLE_IN_TRANSACTION_TIMEOUT: &str = "10s";
/// Longer idle connections are asked for a sign of life first: the database may have restarted.
const TRUSTED_IDLE: Duration = Duration::from_millis(500);
/// A permit is held before a connection is asked for, so this is the time to make a new one. A database
/// that is down costs every request all of it, for sqlx goes on trying.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);

/// # Errors
/// Where the URL is not one.
pub fn options(url: &str) -> sqlx::Result<PgConnectOptions> {
    let options: PgConnectOptions = url.parse()?;
    Ok(options.application_name("keyhouse").options([
        ("statement_timeout", STATEMENT_TIMEOUT),
        ("lock_timeout", LOCK_TIMEOUT),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT),
    ]))
}

/// For lanes, whose statements look rows up by index, and are planned once: a planner who meets a table while it is
/// small would go through all of it, and go on doing so while it grows.
#[must_use]
pub fn for_lanes(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([("enable_seqscan", "off"), ("jit", "off")])
}

/// A pool of at most `size` connections, made as they are needed.
#[must_use]
pub fn open(options: PgConnectOptions, size: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(size)
        .min_connections(0)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(Duration::from_mins(10))
        .max_lifetime(Duration::from_hours(1))
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < TRUSTED_IDLE {
                    return Ok(true);
                }
                Ok(answers(connection).await)
            })
        })
        .connect_lazy_with(options)
}

async fn answers(connection: &mut PgConnection) -> bool {
    connection.ping().await.is_ok()
}
