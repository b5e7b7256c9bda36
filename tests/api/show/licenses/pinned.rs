//! LIC-2 to LIC-6, as a program in the field lives them: it has pinned the published keys, speaks to a
//! real house, and somebody stands in between, saves what passes, or turns the clock.

use chrono::Duration;
use keyhouse::kit::jws::VERDICT;
use serde_json::{Value, json};

use super::{licenses, signed};
use crate::dev::licenses::check;
use crate::house::{TestApp, house, unique};
use crate::signing::keyhouse_verify::{Here, Verifier};
use crate::signing::rotation::rotate;
use crate::signing::vectors::{encode, ring_of};

const MACHINE: &str = "Machine-1";

/// The program: its license, its machine, and the keys that it was built with.
struct Program {
    license: Value,
    machine: &'static str,
    jwks: Value,
}

impl Program {
    async fn build(app: &TestApp, license: &Value) -> Self {
        let jwks = app.stranger().get("/.well-known/jwks.json").await.is(200).json().clone();
        Self { license: license.clone(), machine: MACHINE, jwks }
    }

    /// Asks the real house; what the answer has signed.
    async fn ask(&self, app: &TestApp, nonce: &str) -> String {
        let body = check(&self.license, json!({ "hardware_id": self.machine, "nonce": nonce }));
        let answer = app.developer().post(super::VALIDATE, body).await;
        signed(answer.json()).unwrap().to_owned()
    }

    /// Fetches a license file.
    async fn fetch(&self, app: &TestApp) -> String {
        let path = format!("/dev/v1/licenses/{}/file", self.license["id"].as_str().unwrap());
        let body = json!({ "hardware_id": self.machine, "ttl_hours": 24 });
        let answer = app.developer().post(&path, body).await;
        answer.is(200).json()["data"]["license_file"].as_str().unwrap().to_owned()
    }

    fn believes(&self, app: &TestApp, signed: &str, nonce: &str) -> String {
        let judged = self.verifier(app).verdict(signed, self.here(app.now().timestamp()), nonce);
        judged.map_or_else(|refused| refused.0, |_| "yes".into())
    }

    /// The same of a file; `last_seen` goes on.
    fn runs(&self, app: &TestApp, file: &str, now: i64, last_seen: &mut Option<i64>) -> String {
        match self.verifier(app).license_file(file, self.here(now), *last_seen) {
            Ok((_, seen)) => {
                *last_seen = Some(seen);
                "yes".into()
            }
            Err(refused) => refused.0,
        }
    }

    fn verifier(&self, app: &TestApp) -> Verifier {
        Verifier::new(&self.jwks, &app.app.public_url, self.license["product_id"].as_str().unwrap())
    }

    fn here(&self, now: i64) -> Here<'_> {
        Here { key: self.license["license_key"].as_str().unwrap(), hardware_id: Some(self.machine), now }
    }
}

/// A fresh one, as each request needs.
fn nonce() -> String {
    format!("fresh-nonce-{:010}", unique())
}

fn claims_of(token: &str) -> Value {
    use base64::Engine as _;
    let claims = token.split('.').nth(1).unwrap();
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice(&decoded).unwrap()
}

async fn revoke(app: &TestApp, license: &Value) {
    let path = format!("/dev/v1/licenses/{}", license["id"].as_str().unwrap());
    app.developer().patch(&path, json!({ "status": "REVOKED" })).await.is(200);
}

#[test]
fn a_fake_server_that_always_says_yes_is_not_believed() {
    house(async |app| {
        let license = licenses(app, 1, &json!({})).await.remove(0);
        revoke(app, &license).await;
        let (program, nonce) = (Program::build(app, &license).await, nonce());
        let honest = program.ask(app, &nonce).await;
        assert_eq!(program.believes(app, &honest, &nonce), "LICENSE_REVOKED");

        // It passes the question on, turns the answer, and signs it with keys of its own.
        let mut claims = claims_of(&honest);
        claims["verdict"] = json!("VALID");
        claims["status"] = json!("ACTIVE");
        let fake = ring_of(&[[7; 32], [6; 32]]).sign(VERDICT, &claims).unwrap();
        assert_eq!(program.believes(app, &fake, &nonce), "unknown_key");
        let (header, rest) = honest.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let (_, fakes) = fake.split_once('.').unwrap();
        assert_eq!(program.believes(app, &format!("{header}.{fakes}"), &nonce), "bad_signature");
        let turned = format!("{header}.{}.{signature}", encode(claims.to_string()));
        assert_eq!(program.believes(app, &turned, &nonce), "bad_signature");
        assert_eq!(program.believes(app, "", &nonce), "malformed");
    });
}

#[test]
fn an_answer_that_was_kept_is_good_for_no_other_question() {
    house(async |app| {
        let all = licenses(app, 2, &json!({})).await;
        let [license, other] = [&all[0], &all[1]];
        let (program, first) = (Program::build(app, license).await, nonce());
        let kept = program.ask(app, &first).await;
        assert_eq!(program.believes(app, &kept, &first), "yes");
        revoke(app, license).await;
        let second = nonce();
        assert_eq!(program.believes(app, &kept, &second), "wrong_nonce", "the recorded yes");
        let now = program.ask(app, &second).await;
        assert_eq!(program.believes(app, &now, &second), "LICENSE_REVOKED");

        let neighbour = Program::build(app, other).await;
        let good = neighbour.ask(app, &second).await;
        assert_eq!(neighbour.believes(app, &good, &second), "yes");
        assert_eq!(program.believes(app, &good, &second), "other_license");
        let elsewhere = Program { machine: "Machine-2", ..neighbour };
        assert_eq!(elsewhere.believes(app, &good, &second), "other_hardware");

        let third = nonce();
        let neighbour = Program { machine: MACHINE, ..elsewhere };
        let good = neighbour.ask(app, &third).await;
        app.advance(Duration::seconds(300));
        assert_eq!(neighbour.believes(app, &good, &third), "expired");
    });
}

#[test]
fn a_clock_that_was_set_back_gains_nothing() {
    house(async |app| {
        let license = licenses(app, 1, &json!({})).await.remove(0);
        let program = Program::build(app, &license).await;
        let file = program.fetch(app).await;
        let issued = app.now().timestamp();
        let mut seen = Some(issued);
        let hour = 3_600;
        assert_eq!(program.runs(app, &file, issued + 10 * hour, &mut seen), "yes");
        assert_eq!(program.runs(app, &file, issued + 9 * hour, &mut seen), "yes", "summer time is no fraud");
        assert_eq!(program.runs(app, &file, issued + 9 * hour - 1, &mut seen), "clock_set_back");
        assert_eq!(seen, Some(issued + 10 * hour), "and it is not forgotten");
        assert_eq!(program.runs(app, &file, issued + 24 * hour, &mut seen), "expired");
        assert_eq!(program.runs(app, &file, issued - 301, &mut Some(issued - 301)), "clock_set_back");
        assert_eq!(program.runs(app, &file, issued + hour, &mut None), "ask_online");

        // Which a revoked license does not survive.
        revoke(app, &license).await;
        let nonce = nonce();
        let asked = program.ask(app, &nonce).await;
        assert_eq!(program.believes(app, &asked, &nonce), "LICENSE_REVOKED");
    });
}

#[test]
fn who_has_pinned_the_successor_goes_through_a_rotation() {
    house(async |app| {
        let license = licenses(app, 1, &json!({})).await.remove(0);
        let program = Program::build(app, &license).await;
        let said = rotate(app, &["--json"]).is(0).json();
        app.settle().await;
        let nonce = nonce();
        let answer = program.ask(app, &nonce).await;
        assert_eq!(program.believes(app, &answer, &nonce), "yes");
        let mut seen = Some(app.now().timestamp());
        let file = program.fetch(app).await;
        assert_eq!(program.runs(app, &file, app.now().timestamp(), &mut seen), "yes");

        let mut careless = Program::build(app, &license).await;
        let keys = careless.jwks["keys"].as_array_mut().unwrap();
        keys.retain(|key| key["kid"] == said["before"]);
        assert_eq!(careless.believes(app, &answer, &nonce), "unknown_key", "who pinned one key alone");
    });
}
