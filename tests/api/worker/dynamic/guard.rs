//! Where no call goes, whatever the merchant's address says or resolves to (promises WHK-9).

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use keyhouse::kit::web_address::Reach;
use serde_json::json;

use super::{bought, bought_of, call, is_failed, product_at, seen};
use crate::house::receiver::{Names, Receiver, Reply, calling};
use crate::house::{house, house_calling};

#[test]
fn an_address_of_this_machine_is_not_taken() {
    house(async |app| {
        for url in
            ["http://127.0.0.1:8080/", "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://0x7f.1/"]
        {
            let body = json!({
                "name": "Inside", "type": "dynamic", "price_cents": 0, "currency": "USD", "dynamic_webhook": url,
            });
            app.merchant().post("/v1/products", body).await.is(422).blames("dynamic_webhook");
        }
    });
}

#[test]
fn an_address_taken_while_development_was_allowed_is_not_called_once_it_is_not() {
    house_calling(calling(Reach::Public, Names::none()), async |app| {
        let receiver = Receiver::start(vec![Reply::text("goods")]).await;
        let product = product_at(app, "https://hook.example/").await;
        let session = bought_of(app, &product).await;
        sqlx::query("update products set dynamic_webhook = $1 where dynamic_webhook is not null")
            .bind(receiver.url())
            .execute(&mut app.db().await)
            .await
            .unwrap();
        app.settle().await;
        is_failed(call(app).await, &seen(app, &session).await, "not on the open internet");
        assert_eq!(receiver.connections(), 0);
    });
}

#[test]
fn a_name_that_resolves_to_this_machine_is_not_dialled() {
    for inside in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "127.0.0.2"] {
        house_calling(calling(Reach::Public, Names::flipping(vec![vec![inside]])), async |app| {
            let receiver = Receiver::start(vec![Reply::text("goods")]).await;
            let product = product_at(app, &format!("https://hook.example:{}/", receiver.port)).await;
            let session = bought_of(app, &product).await;
            app.settle().await;
            is_failed(call(app).await, &seen(app, &session).await, "not on the open internet");
            assert_eq!(receiver.connections(), 0, "{inside}");
        });
    }
}

/// The name led where it may once, and then into the network behind: each call looks for itself.
#[test]
fn a_name_that_is_changed_after_it_was_good_is_not_dialled() {
    let names = Names::flipping(vec![vec!["10.0.0.1", "127.0.0.1"], vec!["169.254.169.254"], vec!["10.0.0.1", "::"]]);
    house_calling(calling(Reach::Loopback, names), async |app| {
        let receiver = Receiver::start(vec![Reply::text("goods")]).await;
        let product = product_at(app, &format!("http://hook.example:{}/", receiver.port)).await;
        let first = bought_of(app, &product).await;
        app.settle().await;
        assert_eq!(seen(app, &first).await["status"], "completed");
        for _ in 0..2 {
            let session = bought_of(app, &product).await;
            app.settle().await;
            assert_eq!(seen(app, &session).await["status"], "delivering");
        }
        let reasons: Vec<Option<String>> = sqlx::query_scalar("select error from dynamic_calls order by item_id")
            .fetch_all(&mut app.db().await)
            .await
            .unwrap();
        let blocked = Some("the address is not on the open internet".to_owned());
        assert_eq!(reasons, [None, blocked.clone(), blocked]);
        assert_eq!(receiver.connections(), 1);
    });
}

/// Listens with a certificate of its own making, and says what became of the first connection.
const SELF_SIGNED: &str = r#"
import os, socket, ssl, subprocess, sys, tempfile
with tempfile.TemporaryDirectory() as d:
    key, cert = os.path.join(d, "key"), os.path.join(d, "cert")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
stream, _ = listener.accept()
try:
    stream = context.wrap_socket(stream, server_side=True)
    print("got", stream.recv(4096), flush=True)
except ssl.SSLError as e:
    print("refused", e.reason, flush=True)
"#;

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_trusted() {
    let python = std::process::Command::new("python3").args(["-c", SELF_SIGNED]).stdout(Stdio::piped()).spawn();
    let mut python = python.unwrap();
    let mut lines = BufReader::new(python.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap();
    house_calling(calling(Reach::Loopback, Names::none()), async |app| {
        let product = product_at(app, &format!("https://127.0.0.1:{port}/")).await;
        let session = bought_of(app, &product).await;
        app.settle().await;
        is_failed(call(app).await, &seen(app, &session).await, "no connection");
    });
    let said = lines.next().unwrap().unwrap();
    assert!(said.starts_with("refused"), "{said}");
    python.wait().unwrap();
}

#[test]
fn a_proxy_of_the_environment_is_not_used() {
    // Read when a client is built: this process has no other test that looks at it.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker::dynamic::guard::through_no_proxy", "--nocapture", "--include-ignored"])
        .env("HTTP_PROXY", "http://127.0.0.1:9/")
        .env("http_proxy", "http://127.0.0.1:9/")
        .env("ALL_PROXY", "http://127.0.0.1:9/")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "runs in a process of its own, whose environment names a proxy"]
fn through_no_proxy() {
    house_calling(calling(Reach::Loopback, Names::none()), async |app| {
        let receiver = Receiver::start(vec![Reply::text("goods")]).await;
        let session = bought(app, &receiver).await;
        app.settle().await;
        assert_eq!(seen(app, &session).await["status"], "completed");
    });
}
