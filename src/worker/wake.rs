//! Tells the workers of other processes that there is work, and is told by them. No write ever notifies within
//! its transaction: NOTIFY holds a lock of the whole database across the commit (design, section 6). So one
//! connection of its own sends a bare NOTIFY now and then, and another one listens.
//!
//! Nothing depends on it: workers look every second besides, and behind a pooler of transactions, where nobody
//! can listen, that alone must do.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;

use super::Stop;
use super::bells::Bells;
use crate::app::App;
use crate::kit::pool;
use crate::kit::vault::hex;

/// Connections of its own: one tells, one listens.
pub const SESSIONS: u32 = 2;
const CHANNEL: &str = "keyhouse_work";
/// Between two notifications: whatever is committed meanwhile is told of by one.
const PAUSE: Duration = Duration::from_millis(20);
/// After a connection broke.
const RECONNECT: Duration = Duration::from_secs(5);

/// Tells and listens until told to stop.
pub async fn run(app: Arc<App>, bells: Bells, stop: Stop) {
    // Nothing is lost with a notification, so its commit waits for no disk.
    let options = (*app.worker.connect_options()).clone().options([("synchronous_commit", "off")]);
    let pool = pool::open(options, SESSIONS);
    // A process does not wake itself.
    let name = hex(&app.env.random::<8>());
    tokio::join!(tell(&pool, &name, &bells, stop.clone()), listen(&pool, &name, &bells, stop));
    pool.close().await;
}

async fn tell(pool: &PgPool, name: &str, bells: &Bells, mut stop: Stop) {
    while !*stop.borrow() {
        tokio::select! {
            () = bells.others.notified() => {
                let told = sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(name).execute(pool).await;
                if let Err(e) = told {
                    tracing::debug!(error = %e, "other processes were not told");
                }
                tokio::time::sleep(PAUSE).await;
            }
            _ = stop.changed() => {}
        }
    }
}

async fn listen(pool: &PgPool, name: &str, bells: &Bells, mut stop: Stop) {
    while !*stop.borrow() {
        let heard = tokio::select! {
            heard = follow(pool, name, bells) => heard,
            _ = stop.changed() => continue,
        };
        if let Err(e) = heard {
            tracing::debug!(error = %e, "other processes are not heard; the workers look every second");
        }
        tokio::select! {
            () = tokio::time::sleep(RECONNECT) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn follow(pool: &PgPool, name: &str, bells: &Bells) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    bells.ring(); // for what was told before anybody listened
    loop {
        if listener.recv().await?.payload() != name {
            bells.ring();
        }
    }
}
