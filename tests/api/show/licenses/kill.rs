//! LIC-7: who was answered is in the trail, exactly once, also when the server is killed at any moment.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{VALIDATE, is_mismatch, licenses};
use crate::dev::licenses::check;
use crate::house::process::free_port;
use crate::house::socket::{Call, Client};
use crate::house::{TestApp, house_with};
use crate::show::kill::{Killer, Victim, seed};
use crate::show::{Tally, insist, serve};

const CLIENTS: usize = 12;
const HOME: &str = "home";

#[test]
fn answers_and_rows_of_the_trail_are_equal_when_the_server_is_killed() {
    house_with("rate_limits = \"off\"", async |app| storm(app, Duration::from_secs(4)).await);
}

#[test]
#[ignore = "full size: 30 s of kills"]
fn answers_and_rows_of_the_trail_are_equal_in_half_a_minute_of_kills() {
    house_with("rate_limits = \"off\"", async |app| storm(app, Duration::from_secs(30)).await);
}

/// What became of a request that was sent under an address of its own, which is how its rows are found.
struct Sent {
    from: IpAddr,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Valid,
    Refused,
    /// Cut off, or told that nobody knows.
    Unknown,
}

async fn storm(app: &TestApp, length: Duration) {
    let licenses = licenses(app, CLIENTS, &json!({ "hardware_id": HOME })).await;
    let port = format!("127.0.0.1:{}", free_port());
    let server = serve(app, &[("KEYHOUSE_LISTEN", &port)]);
    let address = server.address;
    let tally = Arc::new(Tally::default());
    let until = Instant::now() + length;
    let killer = Killer::new(app, Victim::Server, port, tally.clone(), seed());
    let killing = std::thread::spawn(move || killer.run(server, |_| Instant::now() >= until));

    let over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for (n, license) in licenses.into_iter().enumerate() {
        let calls = Calls { n: u16::try_from(n).unwrap(), license, key: app.shop.developer.clone() };
        clients.spawn(ask(calls, Client::new(address), tally.clone(), over.clone()));
    }
    let kills = tokio::task::spawn_blocking(|| killing.join().unwrap()).await.unwrap();
    over.store(true, Ordering::Relaxed);
    let sent: Vec<Sent> = clients.join_all().await.into_iter().flatten().collect();
    let unknown = sent.iter().filter(|sent| sent.end == End::Unknown).count();
    let written = check_trail(app, &sent).await;
    println!(
        "license storm: {} requests, {unknown} without an answer and {written} of them in the trail; {} kills, {} hit \
        work in flight; {:?}",
        sent.len(),
        kills.number,
        kills.hits,
        tally.counts()
    );
    assert!(kills.hits > 0 && !kills.server.log().contains("panic"), "{}", kills.server.log());
}

/// One client's requests, of its own license.
struct Calls {
    n: u16,
    license: Value,
    key: String,
}

impl Calls {
    fn from(&self, number: u32) -> IpAddr {
        let [high, low] = [number >> 16, number & 0xffff].map(|half| u16::try_from(half).unwrap());
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, self.n, high, low).into()
    }

    fn call(&self, number: u32, hwid: &str) -> Call {
        let body = json!({ "hardware_id": hwid, "ip": self.from(number).to_string() });
        Call::post(VALIDATE, check(&self.license, body)).bearer(self.key.as_str())
    }
}

/// In turn: a yes, a refusal, each sent once; and a yes under a key, sent until it is answered.
async fn ask(calls: Calls, mut client: Client, tally: Arc<Tally>, over: Arc<AtomicBool>) -> Vec<Sent> {
    let mut sent = Vec::new();
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let end = match number % 3 {
            0 => once(&mut client, &calls.call(number, HOME), &tally).await,
            1 => once(&mut client, &calls.call(number, "stranger"), &tally).await,
            _ => {
                let key = format!("license-storm-{:05}-{number:010}", calls.n);
                let heard = insist(&mut client, &calls.call(number, HOME).idempotent(key), &tally).await;
                assert_eq!(heard.status, 200, "{}", heard.text());
                End::Valid
            }
        };
        sent.push(Sent { from: calls.from(number), end });
    }
    sent
}

async fn once(client: &mut Client, call: &Call, tally: &Tally) -> End {
    tally.sent(1);
    match client.send(call).await {
        Ok(heard) if heard.status == 503 => {
            tally.busy();
            End::Unknown
        }
        Ok(heard) => {
            tally.resolved(0, false);
            assert!(heard.status == 200 || is_mismatch(&heard), "{} {}", heard.status, heard.text());
            if heard.status == 200 { End::Valid } else { End::Refused }
        }
        Err(_) => {
            tally.cut_off();
            tokio::time::sleep(Duration::from_millis(20)).await; // until there is somebody to ask
            End::Unknown
        }
    }
}

/// Who was answered has one row, of that answer; who was not has at most one. Answers how many of these.
async fn check_trail(app: &TestApp, sent: &[Sent]) -> i64 {
    let mut db = app.db().await;
    let rows = "select host(ip), count(*) filter (where type = 'VALIDATION_SUCCESS'),
                       count(*) filter (where type = 'VALIDATION_FAILED')
                from license_events where type like 'VALIDATION%' group by ip";
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(rows).fetch_all(&mut db).await.unwrap();
    let mut of: HashMap<IpAddr, (i64, i64)> =
        rows.into_iter().map(|(ip, good, bad)| (ip.parse().unwrap(), (good, bad))).collect();
    let mut written = 0;
    for Sent { from, end } in sent {
        let (good, bad) = of.remove(from).unwrap_or_default();
        match end {
            End::Valid => assert_eq!((good, bad), (1, 0), "{from}"),
            End::Refused => assert_eq!((good, bad), (0, 1), "{from}"),
            End::Unknown => {
                assert!(good + bad <= 1, "{from}: {good} and {bad}");
                written += good + bad;
            }
        }
    }
    assert!(of.is_empty(), "rows of nobody: {of:?}");
    let unequal = "select count(*) from licenses l where l.uses <> (
                       select count(*) from license_events e
                       where e.shop_id = l.shop_id and e.license_id = l.id and e.type = 'VALIDATION_SUCCESS')";
    let unequal: i64 = sqlx::query_scalar(unequal).fetch_one(&mut db).await.unwrap();
    assert_eq!(unequal, 0, "each yes is a use, and no more");
    written
}
