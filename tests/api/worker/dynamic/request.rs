//! What a merchant's address is asked, and how it knows who asks.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{bought_of, product_at};
use crate::house::house_with;
use crate::house::receiver::{Asked, Receiver, Reply};

const NEARBY: &str = "allow_private_webhooks = true";

#[test]
fn the_request_says_what_was_sold_in_both_spellings() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("goods")]).await;
        let product = product_at(app, &receiver.url()).await;
        bought_of(app, &product).await;
        app.settle().await;
        let asked = &receiver.asked()[0];
        assert!(asked.head.starts_with("POST /hook?of=acme HTTP/1.1"), "{}", asked.head);
        insta::assert_snapshot!(masked(asked));
        let body = asked.json();
        let object = body.as_object().unwrap();
        for (name, value) in object.iter().filter(|(name, _)| name.contains('_')) {
            let camel: String = name
                .split('_')
                .enumerate()
                .map(|(i, word)| if i == 0 { word.to_owned() } else { capital(word) })
                .collect();
            assert_eq!(object.get(&camel), Some(value), "{name} and {camel}");
        }
        let delivery = body["delivery_id"].as_str();
        assert_eq!(asked.header("x-shoppex-delivery-id"), delivery);
        assert_eq!(asked.header("x-shoppex-idempotency-key"), delivery);
        assert_eq!(asked.header("x-shoppex-timestamp"), Some(app.now().timestamp().to_string().as_str()));
    });
}

/// Checked by Python's own `hmac`, with the secret that the merchant was shown once.
#[test]
fn both_signatures_hold_for_a_receiver_that_is_not_ours() {
    house_with(NEARBY, async |app| {
        let receiver = Receiver::start(vec![Reply::text("goods")]).await;
        let product = product_at(app, &receiver.url()).await;
        bought_of(app, &product).await;
        app.settle().await;
        let asked = &receiver.asked()[0];
        let secret = product["dynamic_webhook_secret"].as_str().unwrap();
        let sent = |body: &[u8]| {
            let text = |name: &str| asked.header(name).unwrap().to_owned();
            json!({
                "secret": secret, "body": String::from_utf8(body.to_vec()).unwrap(),
                "delivery": text("x-shoppex-delivery-id"), "timestamp": text("x-shoppex-timestamp"),
                "v2": text("x-shoppex-signature-v2"), "legacy": text("x-shoppex-signature"),
            })
        };
        assert_eq!(verified(&sent(&asked.body)), "True True");
        let forged = [&asked.body[..], b" "].concat();
        assert_eq!(verified(&sent(&forged)), "False False");
        assert_eq!(asked.header("x-shoppex-signature-v2-algorithm"), Some("HMAC-SHA256"));
        assert_eq!(asked.header("x-shoppex-signature-algorithm"), Some("HMAC-SHA512"));
    });
}

const VERIFIER: &str = r#"
import hashlib, hmac, json, sys
sent = json.load(sys.stdin)
key, body = sent["secret"].encode(), sent["body"].encode()
signed = (sent["delivery"] + "." + sent["timestamp"] + ".").encode() + body
version, stamp, digest = sent["v2"].split(",")
v2 = hmac.compare_digest(digest, "h=" + hmac.new(key, signed, hashlib.sha256).hexdigest())
legacy = hmac.compare_digest(sent["legacy"], hmac.new(key, body, hashlib.sha512).hexdigest())
print(v2 and version == "v1" and stamp == "t=" + sent["timestamp"], legacy)
"#;

fn verified(sent: &Value) -> String {
    let mut python =
        Command::new("python3").args(["-c", VERIFIER]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(sent.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn capital(word: &str) -> String {
    if word == "db" {
        return "Db".to_owned();
    }
    word[..1].to_uppercase() + &word[1..]
}

/// Headers and body, what differs from run to run by its kind.
fn masked(asked: &Asked) -> String {
    let mut lines: Vec<String> = asked
        .head
        .lines()
        .skip(1)
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            let own = [
                "host",
                "content-length",
                "x-shoppex-delivery-id",
                "x-shoppex-idempotency-key",
                "x-shoppex-signature",
                "x-shoppex-signature-v2",
            ]
            .contains(&name);
            if own { format!("{name}: [{name}]") } else { format!("{name}:{value}") }
        })
        .collect();
    lines.sort();
    format!("{}\n\n{:#}", lines.join("\n"), by_kind(asked.json()))
}

/// Ids by what they look like.
fn by_kind(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, by_kind(value))).collect(),
        Value::String(text) if uuid::Uuid::try_parse(&text).is_ok() => json!("[uuid]"),
        Value::String(text) => match text.split_once('_') {
            Some((prefix, id)) if id.len() == 26 => json!(format!("[{prefix}_…]")),
            _ => json!(text),
        },
        other => other,
    }
}
