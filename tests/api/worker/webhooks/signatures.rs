//! Whoever receives an event can tell that it is ours, with libraries that are not (promises WHK-14).

use std::io::Write as _;
use std::process::{Command, Stdio};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{NEARBY, happens, hears};
use crate::house::python;
use crate::house::receiver::{Receiver, Reply};
use crate::house::{TestApp, house_with};

const STANDARD: [&str; 1] = ["standardwebhooks==1.1.0"];

/// As a merchant writes it: `X-Signature` with the language's own library, the rest with the standard's.
const IN_PYTHON: &str = r#"
import hashlib, hmac, json, sys
from standardwebhooks import Webhook, WebhookVerificationError
def judge(sent):
    body = sent["body"].encode()
    own = "sha256=" + hmac.new(sent["secret"].encode(), body, hashlib.sha256).hexdigest()
    try:
        Webhook(sent["secret"]).verify(body, sent["headers"])
        standard = True
    except WebhookVerificationError:
        standard = False
    return [hmac.compare_digest(own, sent["headers"]["x-signature"]), standard]
json.dump([judge(sent) for sent in json.load(sys.stdin)], sys.stdout)
"#;

const IN_JAVASCRIPT: &str = r#"
const { createHmac, timingSafeEqual } = require("node:crypto");
const equal = (a, b) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
const judge = ({ secret, body, headers }) => {
    const own = "sha256=" + createHmac("sha256", secret).update(body).digest("hex");
    const key = Buffer.from(secret.slice("whsec_".length), "base64");
    const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
    const standard = "v1," + createHmac("sha256", key).update(signed).digest("base64");
    return [equal(own, headers["x-signature"]), equal(standard, headers["webhook-signature"])];
};
const sent = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(sent.map(judge)));
"#;

const HEADERS: [&str; 4] = ["webhook-id", "webhook-timestamp", "webhook-signature", "x-signature"];

/// What was received; and the same with another body, id, timestamp and secret, each by itself.
async fn received(app: &TestApp) -> Vec<Value> {
    // Libraries refuse what is older than five minutes, so this house's clock shows the right time.
    let now: DateTime<Utc> = sqlx::query_scalar("select now()").fetch_one(&mut app.db().await).await.unwrap();
    app.advance(now - app.now());
    let receiver = Receiver::start(vec![Reply::text("ok")]).await;
    let endpoint = hears(app, &receiver).await;
    happens(app).await;
    app.settle().await;
    let asked = &receiver.asked()[0];
    let headers: Value = HEADERS
        .iter()
        .map(|name| ((*name).to_owned(), json!(asked.header(name).unwrap())))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let genuine = json!({
        "secret": endpoint["signing_secret"], "headers": headers,
        "body": String::from_utf8(asked.body.clone()).unwrap(),
    });
    let mut forged = vec![genuine.clone(); 4];
    forged[0]["body"] = json!(format!("{} ", genuine["body"].as_str().unwrap()));
    forged[1]["headers"]["webhook-id"] = json!("evt_01KSHJC5A2E0080002T7GG0001");
    forged[2]["headers"]["webhook-timestamp"] = json!((now.timestamp() - 1).to_string());
    forged[3]["secret"] = json!("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    [vec![genuine], forged].concat()
}

/// `X-Signature` is of the body alone, so an altered id or timestamp shows in the standard's alone.
const VERDICTS: [[bool; 2]; 5] = [[true, true], [false, false], [true, false], [true, false], [false, false]];

fn judged(command: &mut Command, sent: &[Value]) -> Vec<[bool; 2]> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|e| panic!("this test needs python3-venv and nodejs: {e}"));
    child.stdin.take().unwrap().write_all(json!(sent).to_string().as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "the verifier did not end well");
    serde_json::from_slice(&ended.stdout).unwrap()
}

#[test]
fn both_signatures_hold_in_python_by_the_standards_library() {
    house_with(NEARBY, async |app| {
        let sent = received(app).await;
        assert_eq!(judged(Command::new(python::with(&STANDARD)).args(["-c", IN_PYTHON]), &sent), VERDICTS);
    });
}

#[test]
fn both_signatures_hold_in_javascript_by_its_own_library() {
    house_with(NEARBY, async |app| {
        let sent = received(app).await;
        assert_eq!(judged(Command::new("node").args(["-e", IN_JAVASCRIPT]), &sent), VERDICTS);
    });
}
