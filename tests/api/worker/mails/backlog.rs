//! Mails go out after the commit, and however many there are, nothing else waits for them.

use std::time::{Duration, Instant};

use keyhouse::worker;
use sqlx::PgConnection;
use tokio::sync::watch;

use crate::house::house;

/// More than one turn of the worker takes.
const BACKLOG: i64 = 1_000;

#[test]
fn a_backlog_of_mails_does_not_keep_checkouts_from_expiring() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        app.pay(&app.checkout(&product, 1).await).await;
        app.checkout(&product, 1).await;
        app.advance(chrono::Duration::minutes(30));
        let mut db = app.db().await;
        let many = "insert into mails (shop_id, id, template, subject_id, recipient, due_at, created_at)
                    select shop_id, gen_random_uuid(), template, subject_id, 'backlog@example.com', due_at, created_at
                    from mails, generate_series(1, $1)";
        sqlx::query(many).bind(BACKLOG).execute(&mut db).await.unwrap();

        let (stop, stopping) = watch::channel(false);
        let worker = tokio::spawn(worker::run(app.app.clone(), stopping));
        let deadline = Instant::now() + Duration::from_secs(60);
        while count(&mut db, "orders where status = 'failed'").await == 0 {
            assert!(Instant::now() < deadline, "the checkout never expired");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let left = count(&mut db, "mails where state = 'queued'").await;
        while count(&mut db, "mails where state = 'queued'").await > 0 {
            assert!(Instant::now() < deadline, "the mails were never sent");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.send(true).unwrap();
        worker.await.unwrap();
        assert!(left > 0, "every mail went before the checkout's turn came");
        sqlx::query("delete from mails where recipient = 'backlog@example.com'").execute(&mut db).await.unwrap();
    });
}

async fn count(db: &mut PgConnection, what: &'static str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("select count(*) from {what}"));
    sqlx::query_scalar(sql).fetch_one(db).await.unwrap()
}
