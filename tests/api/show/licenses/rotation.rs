//! LIC-6: while the signing key is rotated under load, and processes follow at different moments, there
//! is no answer that a client with the keys of a moment ago cannot verify.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyhouse::kit::clock::Clock;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{licenses, signed};
use crate::dev::licenses::check;
use crate::house::house_with;
use crate::house::socket::{Call, Client};
use crate::show::serve;
use crate::signing::keyhouse_verify::{Here, Verifier};
use crate::signing::rotation::rotate;

const CLIENTS: usize = 8;
/// Answers that each client waits for, before the rotation, while one process has followed, and after.
const EACH: usize = 15;

/// A client that holds the keys which one process published, and asks another.
struct Asks {
    license: Value,
    key: String,
    /// How many answers all of them have had.
    answered: Arc<AtomicUsize>,
}

#[test]
fn a_rotation_under_load_makes_no_answer_that_cannot_be_verified() {
    house_with("rate_limits = \"off\"", async |app| {
        let license = licenses(app, 1, &json!({})).await.remove(0);
        let before = serve(app, &[]);
        let answered = Arc::new(AtomicUsize::new(0));
        let (tell, told) = tokio::sync::watch::channel(vec![before.address]);
        let mut clients = JoinSet::new();
        for n in 0..CLIENTS {
            let (license, key) = (license.clone(), app.shop.developer.clone());
            clients.spawn(Asks { license, key, answered: answered.clone() }.run(n, told.clone()));
        }
        more(&answered).await;
        let said = rotate(app, &["--json"]).is(0).json();
        more(&answered).await;
        // It starts with the keys as they are now; the other one still signs with those of before.
        let after = serve(app, &[]);
        tell.send_modify(|addresses| addresses.push(after.address));
        more(&answered).await;
        drop(tell);
        let signers: HashSet<String> = clients.join_all().await.into_iter().flatten().collect();
        let expected = ["signs", "before"].map(|which| said[which].as_str().unwrap().to_owned());
        println!("rotation: {} answers verified, of {} keys", answered.load(Ordering::Relaxed), signers.len());
        assert_eq!(signers, HashSet::from(expected), "both signed under load");
    });
}

/// Waits for more answers.
async fn more(answered: &AtomicUsize) {
    let until = answered.load(Ordering::Relaxed) + CLIENTS * EACH;
    let deadline = Instant::now() + Duration::from_secs(60);
    while answered.load(Ordering::Relaxed) < until {
        assert!(Instant::now() < deadline, "the clients have ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Asks {
    /// Until there are no more news; answers which keys signed.
    async fn run(self, n: usize, mut told: tokio::sync::watch::Receiver<Vec<std::net::SocketAddr>>) -> HashSet<String> {
        let (product, key) =
            (self.license["product_id"].as_str().unwrap(), self.license["license_key"].as_str().unwrap());
        let mut signers = HashSet::new();
        for turn in 0.. {
            let addresses = told.borrow_and_update().clone();
            let publishes = &mut Client::new(addresses[turn % addresses.len()]);
            let published = publishes.send(&Call::get("/.well-known/jwks.json")).await.unwrap().json();
            // Of the same process and of another, in turn.
            let asked = addresses[(turn + turn / 2) % addresses.len()];
            let verifier = Verifier::new(&published, &format!("http://{asked}"), product);
            let nonce = format!("rotation-{n:04}-{turn:08}");
            let body = check(&self.license, json!({ "nonce": nonce }));
            let heard =
                Client::new(asked).send(&Call::post(super::VALIDATE, body).bearer(self.key.as_str())).await.unwrap();
            assert_eq!(heard.status, 200, "{}", heard.text());
            let answer = heard.json();
            let token = signed(&answer).unwrap();
            let here = Here { key, hardware_id: None, now: Clock::System.now().timestamp() };
            assert_eq!(verifier.verdict(token, here, &nonce).map(drop), Ok(()), "turn {turn} of client {n}");
            signers.insert(kid(token));
            self.answered.fetch_add(1, Ordering::Relaxed);
            if told.has_changed().is_err() {
                break;
            }
        }
        signers
    }
}

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}
