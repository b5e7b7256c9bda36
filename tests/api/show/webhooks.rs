//! WHK-1, WHK-2, WHK-3: whoever is killed in the middle of whatever, every committed event arrives, none of a
//! rolled-back transaction does, and twice comes only what was cut off between the answer and its record.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use keyhouse::domain::outbox::{self, CustomerFacts, Event, EventId};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::house::process::Server;
use crate::house::receiver::{Receiver, Reply};
use crate::house::{TestApp, house_with};
use crate::v1::webhooks::registered;

const NEARBY: &str = "allow_private_webhooks = true";
/// One of so many transactions is rolled back.
const ROLLED_BACK: usize = 10;

#[test]
fn no_event_is_lost_or_made_up_when_the_worker_is_killed() {
    house_with(NEARBY, async |app| storm(app, 400, 3).await);
}

#[test]
#[ignore = "full size: 10,000 events, 10 kills"]
fn no_event_of_ten_thousand_is_lost_or_made_up_in_ten_kills() {
    house_with(NEARBY, async |app| storm(app, 10_000, 10).await);
}

/// WHK-10: endless bodies, headers without number and silence cost the worker next to nothing.
#[test]
fn hostile_receivers_do_not_make_the_worker_grow() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        registered(app, &receiver.url(), &["*"]).await;
        let server = started(app).await;
        let mut db = app.db().await;
        emit(app, 50).await;
        all_ended(&mut db).await;
        let before = resident_kib(&server, "VmRSS:");

        let many: &'static str = (0..10_000).map(|n| format!("X-Header-{n}: {n:050}\r\n")).collect::<String>().leak();
        let bomb = Reply::Answer(200, "Content-Encoding: gzip\r\n", vec![0x1f; 1 << 20]);
        for reply in [Reply::Flood(1 << 40), Reply::Answer(410, many, Vec::new()), bomb] {
            let hostile = Receiver::start(vec![reply]).await;
            registered(app, &hostile.url(), &["customer.created"]).await;
        }
        emit(app, 100).await;
        let taken = "select count(*) from webhook_deliveries where attempt = 0";
        while sqlx::query_scalar::<_, i64>(taken).fetch_one(&mut db).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let after = resident_kib(&server, "VmHWM:");
        println!("hostile receivers: {before} KiB before, {after} KiB at most");
        assert!(after < before + 16 * 1_024, "{before} KiB before, {after} KiB at most");
        drop(server);
        let end = "update webhook_deliveries set state = 'cancelled' where state = 'queued'";
        sqlx::query(end).execute(&mut db).await.unwrap();
    });
}

fn resident_kib(server: &Server, label: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(label)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The events that were committed; as many again by a tenth were not.
async fn emit(app: &TestApp, count: usize) -> HashSet<Uuid> {
    let mut db = app.db().await;
    let mut committed = HashSet::new();
    let mut n = 0_u128;
    while committed.len() < count {
        n += 1;
        let subject = Uuid::from_u128(n);
        let facts = CustomerFacts { id: subject, email: format!("buyer{n}@example.com"), first_seen_at: app.now() };
        let mut transaction = db.begin().await.unwrap();
        outbox::emit(&mut transaction, app.shop.row.twin, &app.app.env, &[Event::CustomerCreated(facts)])
            .await
            .unwrap();
        if n.is_multiple_of(ROLLED_BACK as u128) {
            transaction.rollback().await.unwrap();
        } else {
            transaction.commit().await.unwrap();
            committed.insert(subject);
        }
    }
    committed
}

async fn storm(app: &TestApp, count: usize, kills: usize) {
    let mut db = app.db().await;
    // The server has the real time, and so has this house from now on.
    let now: DateTime<Utc> = sqlx::query_scalar("select now()").fetch_one(&mut db).await.unwrap();
    app.advance(now - app.now());
    let receiver = Receiver::start(vec![Reply::text("ok")]).await;
    registered(app, &receiver.url(), &["*"]).await;
    let committed = emit(app, count).await;
    let (mut hits, mut received) = (0, 0);
    for kill in 1..=kills {
        let server = started(app).await;
        // Somewhere between two shares of what there is to send.
        received = (count * kill / (kills + 1)).max(received + 1);
        receiver.was_asked(received.min(count)).await;
        tokio::task::spawn_blocking(|| server.kill()).await.unwrap();
        hits += taken_over(&mut db).await;
    }
    let server = started(app).await;
    all_ended(&mut db).await;
    assert_eq!(tokio::task::spawn_blocking(|| server.terminate(Duration::from_secs(30))).await.unwrap(), Some(0));
    assert!(hits > 0, "no kill hit an attempt under way");
    check(&mut db, &receiver, &committed, hits).await;
}

/// Waits until nothing is queued.
async fn all_ended(db: &mut PgConnection) {
    let queued = "select count(*) from webhook_deliveries where state = 'queued'";
    while sqlx::query_scalar::<_, i64>(queued).fetch_one(&mut *db).await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn started(app: &TestApp) -> Server {
    let (url, dir) = (app.database_url().to_owned(), app.app.config.data_dir.clone());
    let settings = [("KEYHOUSE_ALLOW_PRIVATE_WEBHOOKS", "true")];
    tokio::task::spawn_blocking(move || Server::start(&url, &dir, &settings)).await.unwrap()
}

/// The leases of the dead worker run out, as they do half a minute later; answers how many there were.
async fn taken_over(db: &mut PgConnection) -> u64 {
    let expire = "update webhook_deliveries set due_at = created_at where state = 'queued' and due_at > now()";
    sqlx::query(expire).execute(db).await.unwrap().rows_affected()
}

async fn check(db: &mut PgConnection, receiver: &Receiver, committed: &HashSet<Uuid>, hits: u64) {
    let mut heard: HashMap<Uuid, i64> = HashMap::new();
    for asked in receiver.asked() {
        let body = asked.json();
        assert_eq!(json!(asked.header("webhook-id").unwrap()), body["id"]);
        *heard.entry(EventId::parse(body["id"].as_str().unwrap()).unwrap().uuid()).or_default() += 1;
    }
    let rows: Vec<(Uuid, Uuid, String, i32, i64)> = sqlx::query_as(
        "select v.id, v.subject_id, d.state, d.attempt,
                (select count(*) from webhook_attempts a where a.event_id = v.id)
         from events v join webhook_deliveries d on d.event_id = v.id",
    )
    .fetch_all(db)
    .await
    .unwrap();
    let subjects: HashSet<Uuid> = rows.iter().map(|(_, subject, ..)| *subject).collect();
    assert_eq!(&subjects, committed, "what is written down is what was committed");
    let known: HashSet<Uuid> = rows.iter().map(|(id, ..)| *id).collect();
    assert_eq!(heard.keys().copied().collect::<HashSet<_>>(), known, "each arrived, and nothing else did");
    let mut twice = 0;
    for (id, _, state, attempt, recorded) in rows {
        assert_eq!(state, "delivered");
        // One of them was recorded as a success; every other one was cut off before its record.
        let receipts = heard[&id];
        assert!(receipts <= i64::from(attempt) && recorded >= 1, "{id}: {receipts} of {attempt} attempts");
        assert!(receipts - 1 <= i64::from(attempt) - recorded, "{id}: {receipts} of {attempt}, {recorded} recorded");
        twice += receipts - 1;
    }
    println!("webhook storm: {} events, {hits} attempts cut off, {twice} sent twice", committed.len());
}
