//! OPS-5, OPS-3: every session of ours lets go by itself, a write needs one, and a database that goes
//! away is told of quickly and missed only as long as it is gone.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use keyhouse::kit::pool;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::task::JoinSet;

use crate::house::process::{Dir, Server};
use crate::house::socket::{Call, Client, Heard};
use crate::house::{TestApp, cluster, house, unique};

use super::{Tally, checkout, insist, payment, serve, stocked};

#[test]
fn every_session_has_its_timeouts() {
    house(async |app| {
        let pool = pool::open(pool::options(app.database_url()).unwrap(), 4);
        let mut sessions = Vec::new();
        for _ in 0..4 {
            sessions.push(pool.acquire().await.unwrap());
        }
        for session in &mut sessions {
            let settings = "select array[current_setting('statement_timeout'), current_setting('lock_timeout'),
                            current_setting('idle_in_transaction_session_timeout'), current_setting('application_name')]";
            let settings: Vec<String> = sqlx::query_scalar(settings).fetch_one(&mut **session).await.unwrap();
            assert_eq!(settings, ["5s", "2s", "10s", "keyhouse"]);
        }
        drop(sessions);
        pool.close().await;
    });
}

#[test]
fn all_sessions_of_a_server_come_from_its_pools() {
    house(async |app| {
        let (product, _) = stocked(app, 20).await;
        let server = serve(app, &[("KEYHOUSE_POOLS__REQUESTS", "3"), ("KEYHOUSE_POOLS__WORKER", "2")]);
        buy_at_once(app, server.address, &product, 16).await;
        let mut db = app.db().await;
        let named = "select count(*) from pg_stat_activity where datname = current_database()
                     and application_name = 'keyhouse' and pid <> pg_backend_pid()";
        let sessions: i64 = sqlx::query_scalar(named).fetch_one(&mut db).await.unwrap();
        let of_the_test = i64::from(app.app.requests.size() + app.app.worker.size());
        let of_the_server = 3 + 2 + i64::from(keyhouse::worker::WAKE_SESSIONS);
        assert!(
            (1..=of_the_server + of_the_test).contains(&sessions),
            "{sessions} sessions, {of_the_test} of the test itself"
        );
    });
}

#[test]
fn a_write_takes_one_connection_and_no_second() {
    house(async |app| {
        let (product, _) = stocked(app, 20).await;
        let server = serve(app, &[("KEYHOUSE_POOLS__REQUESTS", "1")]);
        buy_at_once(app, server.address, &product, 8).await;
    });
}

#[test]
fn a_lock_that_is_held_too_long_is_answered_503() {
    house(async |app| {
        let (product, _) = stocked(app, 1).await;
        let server = serve(app, &[]);
        let mut db = app.db().await;
        let mut holder = db.begin().await.unwrap();
        holder.execute("lock table serials in access exclusive mode").await.unwrap();
        let mut client = Client::new(server.address);
        let call = checkout(&app.cart(&product, 1), "ada");
        let heard = client.send(&call).await.unwrap();
        is_unavailable(&heard);
        holder.rollback().await.unwrap();
        assert_eq!(client.send(&call).await.unwrap().status, 201);
    });
}

#[test]
fn a_database_that_refuses_is_told_of_and_missed_only_while_it_does() {
    house(async |app| {
        let name = database_name(app);
        let mut admin = PgConnection::connect(&cluster::url()).await.unwrap();
        let server = serve(app, &[]);
        outage(app, &server, async |away| {
            let allow = format!("alter database {name} allow_connections {}", !away);
            admin.execute(AssertSqlSafe(allow)).await.unwrap();
            cut_off(&mut admin, &name).await;
        })
        .await;
    });
}

/// As after a kill of Postgres: its socket is there, and nobody listens.
#[test]
fn a_database_that_is_down_is_told_of_and_missed_only_while_it_is_down() {
    house(async |app| {
        let name = database_name(app);
        let (url, host) = app.database_url().split_once("?host=").unwrap();
        let real = host.replace("%2F", "/") + "/.s.PGSQL.5432";
        let dir = Dir::new();
        let socket = dir.0.join(".s.PGSQL.5432");
        std::os::unix::fs::symlink(&real, &socket).unwrap();
        let url = format!("{url}?host={}", dir.0.display());
        let server = Server::start(&url, &app.app.config.data_dir, &[]);
        let mut admin = PgConnection::connect(&cluster::url()).await.unwrap();
        outage(app, &server, async |away| {
            std::fs::remove_file(&socket).unwrap();
            if away {
                drop(UnixListener::bind(&socket).unwrap());
                cut_off(&mut admin, &name).await;
            } else {
                std::os::unix::fs::symlink(&real, &socket).unwrap();
            }
        })
        .await;
    });
}

fn database_name(app: &TestApp) -> String {
    app.database_url().rsplit('/').next().unwrap().split('?').next().unwrap().to_owned()
}

async fn cut_off(admin: &mut PgConnection, database: &str) {
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    sqlx::query(cut).bind(database).execute(admin).await.unwrap();
}

/// Calls before, while and after the database is away.
async fn outage(app: &TestApp, server: &Server, mut set_away: impl AsyncFnMut(bool)) {
    let (product, _) = stocked(app, 20).await;
    buy_at_once(app, server.address, &product, 4).await;
    let mut client = Client::new(server.address);
    let call = checkout(&app.cart(&product, 1), "ada");
    set_away(true).await;

    let mut slowest = Duration::ZERO;
    let keyed = call.clone().idempotent("while-the-database-is-away");
    let read = Call::get("/v1/products").bearer(app.shop.test.as_str());
    for call in [&call, &keyed, &read, &Call::get("/readyz"), &call, &read] {
        let begun = Instant::now();
        is_unavailable(&client.send(call).await.unwrap());
        slowest = slowest.max(begun.elapsed());
    }
    set_away(false).await;
    let back = Instant::now();
    while client.send(&Call::get("/readyz")).await.unwrap().status != 200 {
        assert!(back.elapsed() < Duration::from_secs(60), "it did not come back by itself");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("outage: a 503 took {slowest:?} at most; ready {:?} after the database was back", back.elapsed());
    assert_eq!(client.send(&call).await.unwrap().status, 201);
}

#[track_caller]
fn is_unavailable(heard: &Heard) {
    assert_eq!(heard.status, 503, "{}", heard.text());
    assert!(heard.header("retry-after").is_some(), "{}", heard.text());
}

/// Some buyers at once, each with a checkout and its payment.
async fn buy_at_once(app: &TestApp, address: std::net::SocketAddr, product: &str, buyers: usize) {
    let mut sales = JoinSet::new();
    for _ in 0..buyers {
        let (mut client, cart) = (Client::new(address), app.cart(product, 1));
        sales.spawn(async move {
            let tally = Tally::default();
            let n = unique();
            let call = checkout(&cart, &format!("buyer-{n}")).idempotent(format!("at-the-same-moment-{n:010}"));
            let opened = insist(&mut client, &call, &tally).await;
            assert_eq!(opened.status, 201, "{}", opened.text());
            assert_eq!(insist(&mut client, &payment(&opened.json()), &tally).await.status, 200);
        });
    }
    sales.join_all().await;
}
