//! With nothing configured: the newcomer's Postgres below the data directory, real and durable.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

use crate::cli::alone;
use crate::house::process::{Dir, Server, kill};
use crate::house::socket::{Call, Client};
use crate::show::{codes_of, payment};

const PATIENCE: Duration = Duration::from_secs(30);

fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// The printed calls, as they are to be pasted into a shell.
fn printed_calls(output: &str) -> Vec<String> {
    let unfolded = output.replace("\\\n", " ");
    unfolded.lines().map(str::trim).filter(|line| line.starts_with("curl ")).map(str::to_owned).collect()
}

fn in_a_shell(call: &str) -> Value {
    let ran = Command::new("sh").args(["-c", call]).output().unwrap();
    assert!(ran.status.success(), "{call}: {}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{call}: {e}"))
}

/// Sends until there is an answer other than 503: a database that was killed needs a moment.
async fn until_answered(client: &mut Client, call: &Call) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(heard) = client.send(call).await
            && heard.status != 503
        {
            assert!(heard.status < 300, "{}", heard.text());
            return heard.json();
        }
        assert!(Instant::now() < deadline, "no answer");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Buys one code of the demo shop by the printed call; answers how to look at the session, and the session.
async fn buy(server: &Server, first_output: &str) -> (Call, Value) {
    let call = printed_calls(first_output).into_iter().find(|call| call.contains("/checkout/")).unwrap();
    let opened = in_a_shell(&call);
    let mut client = Client::new(server.address);
    let paid = until_answered(&mut client, &payment(&opened)).await;
    assert_eq!(codes_of(&paid).len(), 1, "{paid}");
    let path = format!("/checkout/v1/sessions/{}", opened["id"].as_str().unwrap());
    (Call::get(path).bearer(opened["token"].as_str().unwrap()), paid)
}

fn postmaster(dir: &Path) -> u32 {
    running(dir).expect("a Postgres that runs")
}

fn running(dir: &Path) -> Option<u32> {
    let file = std::fs::read_to_string(dir.join("postgres/postmaster.pid")).ok()?;
    file.lines().next()?.trim().parse().ok()
}

/// Until another Postgres runs here, and the server has looked at the connections that lay idle.
async fn until_replaced(dir: &Path, before: u32) {
    let deadline = Instant::now() + PATIENCE;
    while running(dir).is_none_or(|now| now == before) {
        assert!(Instant::now() < deadline, "nobody started Postgres again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[test]
fn the_first_start_prints_calls_that_work_as_printed() {
    let dir = Dir::new();
    let server = Server::start_embedded(&dir.0);
    let output = server.wait_for("/reseller/v1/me");
    for prefix in ["sx_live_", "sx_test_", "shx_"] {
        assert!(output.contains(prefix), "{output}");
    }
    let calls = printed_calls(&output);
    let answers: Vec<Value> = calls.iter().map(|call| in_a_shell(call)).collect();
    let [products, me, session, reseller] = &answers[..] else { panic!("{calls:?}") };
    assert_eq!(products["data"][0]["name"], "Studio Pro, one seat", "{products}");
    assert!(me["data"].is_object(), "{me}");
    assert_eq!((&session["status"], session["token"].is_string()), (&"awaiting_payment".into(), true), "{session}");
    assert_eq!(reseller["error"]["code"], "UNAUTHORIZED", "{reseller}");
    assert_eq!(server.terminate(PATIENCE), Some(0));
}

#[test]
fn the_second_start_prints_no_keys_and_finds_what_was_sold() {
    block_on(async {
        let dir = Dir::new();
        let first = Server::start_embedded(&dir.0);
        let output = first.wait_for("/reseller/v1/me");
        let (look, paid) = buy(&first, &output).await;
        assert_eq!(first.terminate(PATIENCE), Some(0));

        let second = Server::start_embedded(&dir.0);
        let session = until_answered(&mut Client::new(second.address), &look).await;
        assert_eq!(session, paid);
        let output = second.output(); // complete, for it answers
        assert!(!output.contains("sx_") && !output.contains("curl"), "{output}");
    });
}

#[test]
fn what_was_sold_survives_kill_9_of_the_server() {
    block_on(async {
        let dir = Dir::new();
        let server = Server::start_embedded(&dir.0);
        let output = server.wait_for("/reseller/v1/me");
        let (look, paid) = buy(&server, &output).await;
        server.kill();

        let next = Server::start_embedded(&dir.0);
        assert_eq!(until_answered(&mut Client::new(next.address), &look).await, paid);
    });
}

#[test]
fn what_was_sold_survives_kill_9_of_postgres() {
    block_on(async {
        let dir = Dir::new();
        let server = Server::start_embedded(&dir.0);
        let output = server.wait_for("/reseller/v1/me");
        let (look, paid) = buy(&server, &output).await;
        let before = postmaster(&dir.0);
        kill(before);

        let mut client = Client::new(server.address);
        let begun = Instant::now();
        assert_eq!(until_answered(&mut client, &look).await, paid);
        println!("embedded: answered {:?} after the kill of Postgres", begun.elapsed());
        // The first answer may still come from a session that outlived its postmaster by a moment.
        until_replaced(&dir.0, before).await;
        assert_eq!(until_answered(&mut client, &look).await, paid);
        buy(&server, &output).await;
    });
}

#[test]
fn what_was_sold_survives_kill_9_of_both() {
    block_on(async {
        let dir = Dir::new();
        let server = Server::start_embedded(&dir.0);
        let output = server.wait_for("/reseller/v1/me");
        let (look, paid) = buy(&server, &output).await;
        kill(postmaster(&dir.0));
        server.kill();

        let next = Server::start_embedded(&dir.0);
        assert_eq!(until_answered(&mut Client::new(next.address), &look).await, paid);
    });
}

#[test]
fn two_servers_on_one_data_directory_both_work_and_one_outlives_the_other() {
    block_on(async {
        let dir = Dir::new();
        let first = Server::start_embedded(&dir.0);
        let output = first.wait_for("/reseller/v1/me");
        let second = Server::start_embedded(&dir.0);
        let (look, paid) = buy(&first, &output).await;
        let mut client = Client::new(second.address);
        assert_eq!(until_answered(&mut client, &look).await, paid);
        assert!(!second.output().contains("sx_"), "{}", second.output());

        assert_eq!(first.terminate(PATIENCE), Some(0)); // and with it the Postgres that it owned
        assert_eq!(until_answered(&mut client, &look).await, paid);
    });
}

#[test]
fn commands_work_beside_a_running_server() {
    block_on(async {
        let dir = Dir::new();
        let server = Server::start_embedded(&dir.0);
        let made = alone(&dir.0, &["shop", "create", "--name", "Beside", "--json"], &[]).is(0).json();
        let products = Call::get("/v1/products").bearer(made["keys"]["live"].as_str().unwrap());
        let mut client = Client::new(server.address);
        assert_eq!(client.send(&products).await.unwrap().status, 200);
        let mint = ["keys", "mint", "--shop", "beside", "--surface", "developer", "--scopes", "all", "--json"];
        let minted = alone(&dir.0, &mint, &[]).is(0).json();
        let me = Call::get("/dev/v1/me").bearer(minted["secret"].as_str().unwrap());
        assert_eq!(client.send(&me).await.unwrap().status, 200);
        alone(&dir.0, &["doctor", "--books"], &[]).is(0);
        assert_eq!(client.send(&products).await.unwrap().status, 200, "the commands left its Postgres alone");
    });
}

#[test]
fn the_embedded_database_runs_for_other_tools_until_it_is_stopped() {
    block_on(async {
        let dir = Stopped(Dir::new());
        let url = alone(&dir.0.0, &["db", "start"], &[]).is(0).output.trim().to_owned();
        assert_eq!(alone(&dir.0.0, &["db", "url"], &[]).is(0).output.trim(), url);
        let mut db = PgConnection::connect(&url).await.unwrap();
        let name: String = sqlx::query_scalar("select current_database()::text").fetch_one(&mut db).await.unwrap();
        assert_eq!(name, "keyhouse");

        let server = Server::start_embedded(&dir.0.0);
        assert_eq!(server.terminate(PATIENCE), Some(0));
        let shops: i64 = sqlx::query_scalar("select count(*) from shops").fetch_one(&mut db).await.unwrap();
        assert_eq!(shops, 2, "the server came and went, and the database stayed");
        drop(db);
        assert_eq!(alone(&dir.0.0, &["db", "stop"], &[]).is(0).output, "stopped\n");
        assert_eq!(alone(&dir.0.0, &["db", "stop"], &[]).is(0).output, "it was not running\n");
    });
}

#[test]
fn a_database_that_has_a_shop_gets_no_demo() {
    block_on(async {
        let dir = Dir::new();
        let made = alone(&dir.0, &["shop", "create", "--name", "Mine", "--json"], &[]).is(0).json();
        let server = Server::start_embedded(&dir.0);
        let products = Call::get("/v1/products").bearer(made["keys"]["test"].as_str().unwrap());
        let heard = Client::new(server.address).send(&products).await.unwrap();
        assert_eq!((heard.status, heard.json()["data"].as_array().map(Vec::len)), (200, Some(0)), "{}", heard.text());
        assert!(!server.output().contains("sx_"), "{}", server.output());
    });
}

/// A data directory whose database is stopped with the test, however that ends.
struct Stopped(Dir);

impl Drop for Stopped {
    fn drop(&mut self) {
        alone(&self.0.0, &["db", "stop"], &[]);
    }
}
