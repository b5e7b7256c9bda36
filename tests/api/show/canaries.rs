//! KEY-1: secrets are never recoverable. Every surface is driven with secrets that stand nowhere else, good
//! requests and bad ones, while the server logs all it can; then they are looked for in its log, in its data
//! directory (but the mails that are files, which hold codes by design), and in a dump of the database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};

use super::serve;
use crate::house::process::Server;
use crate::house::socket::{Call, Client};
use crate::house::{TestApp, house};

const PATIENCE: Duration = Duration::from_secs(60);
const CODES: [&str; 4] =
    ["CANARY-CODE-ONE-9f3c", "CANARY-CODE-TWO-9f3c", "CANARY-CODE-TRE-9f3c", "CANARY-CODE-FOR-9f3c"];
const LICENSE: &str = "CANARY-LICENSE-7d21-KEY";
const PASSWORDS: [&str; 3] = ["canary password of ada", "canary password, the next", "canary password, wrong"];

/// What was seen on the way, by what it is.
struct Flight {
    client: Client,
    canaries: BTreeMap<String, String>,
}

impl Flight {
    fn note(&mut self, what: &str, secret: &Value) -> String {
        let secret = secret.as_str().unwrap_or_else(|| panic!("no {what}")).to_owned();
        self.canaries.insert(what.to_owned(), secret.clone());
        secret
    }

    async fn call(&mut self, call: Call, status: u16) -> Value {
        let heard = self.client.send(&call).await.unwrap();
        assert_eq!(heard.status, status, "{} {}: {}", call.method, call.path, heard.text());
        heard.json()
    }
}

#[test]
fn no_secret_is_found_in_the_log_the_data_directory_or_a_dump() {
    house(async |app| {
        let mut server = serve(app, &[("KEYHOUSE_LOG", "trace"), ("KEYHOUSE_ALLOW_PRIVATE_WEBHOOKS", "true")]);
        let mut flight = Flight { client: Client::new(server.address), canaries: BTreeMap::new() };
        for (what, secret) in [
            ("merchant key", &app.shop.live),
            ("merchant test key", &app.shop.test),
            ("developer key", &app.shop.developer),
            ("developer test key", &app.shop.developer_test),
        ] {
            flight.canaries.insert(what.to_owned(), secret.clone());
        }
        for (what, secret) in CODES.iter().chain(&PASSWORDS).chain([&LICENSE]).map(|secret| (*secret, *secret)) {
            flight.canaries.insert(what.to_owned(), secret.to_owned());
        }
        let product = stock_and_sell(app, &mut flight).await;
        licenses(app, &mut flight, &product).await;
        reseller(app, &mut flight, &product).await;
        refusals(app, &mut flight, &product).await;
        forgotten_password(app, &mut flight).await;
        server.signal_to_stop();
        assert_eq!(server.wait(PATIENCE), Some(0));
        found_nowhere(app, &server, &flight.canaries);
    });
}

/// The merchant's surface, the checkout, the page of the order.
async fn stock_and_sell(app: &TestApp, flight: &mut Flight) -> String {
    let merchant = app.shop.test.as_str();
    let body = json!({ "name": "Resold", "type": "license_key", "price_cents": 4900, "currency": "USD" });
    let product = flight.call(Call::post("/v1/products", body).bearer(merchant), 201).await;
    let product = product["id"].as_str().unwrap().to_owned();
    let codes = Call::post(format!("/v1/products/{product}/keys"), json!({ "keys": CODES }));
    flight.call(codes.bearer(merchant).idempotent("import"), 201).await;

    let hook = json!({ "name": "Asked", "type": "dynamic", "price_cents": 0, "currency": "USD",
        "dynamic_webhook": "http://127.0.0.1:49151/goods" });
    let made = flight.call(Call::post("/v1/products", hook).bearer(merchant), 201).await;
    flight.note("dynamic secret", &made["dynamic_webhook_secret"]);
    let minted = json!({ "name": "canary", "mode": "test", "abilities": ["products:read"] });
    let minted = flight.call(Call::post("/v1/api-keys", minted).bearer(merchant).idempotent("mint"), 201).await;
    flight.note("minted key", &minted["secret"]);

    let opened = Call::post("/checkout/v1/sessions", app.cart(&product, 1)).idempotent("a-checkout-of-22-characters");
    let opened = flight.call(opened, 201).await;
    let token = flight.note("checkout token", &opened["token"]);
    let path = format!("/checkout/v1/sessions/{}", opened["id"].as_str().unwrap());
    flight.call(Call::post(format!("{path}/pay"), json!({})).bearer(&token).idempotent("pay"), 200).await;
    flight.call(Call::get(path).bearer(&token), 200).await;
    product
}

/// The developer's surface.
async fn licenses(app: &TestApp, flight: &mut Flight, product: &str) {
    let developer = app.shop.developer_test.as_str();
    let body = json!({ "product_id": product, "license_key": LICENSE, "customer_email": "ada@example.com" });
    flight.call(Call::post("/dev/v1/licenses", body).bearer(developer).idempotent("license"), 200).await;
    let body = json!({ "product_id": product, "key": LICENSE, "hardware_id": "HW-1" });
    flight.call(Call::post("/dev/v1/licenses/validate", body).bearer(developer), 200).await;
}

/// The portal and the resellers' surface, with the key in a query too.
async fn reseller(app: &TestApp, flight: &mut Flight, product: &str) {
    let developer = app.shop.developer_test.as_str();
    let on = Call { method: Method::PATCH, ..Call::post("/dev/v1/reseller-program", json!({ "is_enabled": true })) };
    flight.call(on.bearer(developer), 200).await;
    let body = json!({ "email": "ada@example.com", "mode": "STOCK",
        "product_access": [{ "product_id": product, "wholesale_price_override": 1 }] });
    let invited = Call::post("/dev/v1/resellers/invite", body).bearer(developer).idempotent("invite");
    let invited = flight.call(invited, 201).await;
    let token = flight.note("invitation", &invited["data"]["invitation"]["token"]);
    flight.call(Call::get(format!("/portal/v1/invitations/{token}")), 200).await;
    let page = flight.client.send(&Call::get(format!("/portal/invitations/{token}"))).await.unwrap();
    assert_eq!(page.status, 200);
    let accept = json!({ "name": "Ada", "password": PASSWORDS[0] });
    let accepted = Call::post(format!("/portal/v1/invitations/{token}/accept"), accept).idempotent("accept");
    let relationship = flight.call(accepted, 201).await["data"]["id"].as_str().unwrap().to_owned();
    let body = json!({ "email": "ada@example.com", "password": PASSWORDS[0] });
    let signed_in = flight.call(Call::post("/portal/v1/sessions", body).idempotent("sign-in"), 201).await;
    let session = flight.note("session", &signed_in["data"]["token"]);
    let minted = Call::post(format!("/portal/v1/programs/{relationship}/api-keys"), json!({ "name": "till" }));
    let minted = flight.call(minted.bearer(&session).idempotent("till"), 201).await;
    let key = flight.note("reseller key", &minted["data"]["secret"]);
    let credit = json!({ "amount": 100, "reason": "to begin with" });
    let credit = Call::post(format!("/dev/v1/resellers/{relationship}/balance/adjustments"), credit);
    flight.call(credit.bearer(developer), 201).await;

    let order = crate::house::reseller::order("canary-1", product, 1);
    let order = Call::post("/reseller/v1/fulfillments", order).bearer(&key).idempotent("fulfil");
    flight.call(order, 201).await;
    for (method, order, status) in
        [(Method::GET, "canary-2", 200), (Method::POST, "canary-3", 200), (Method::GET, "canary-4", 409)]
    {
        let path = format!(
            "/reseller/v1/fulfillments/dynamic?api_key={key}&external_order_id={order}&customer_email=ada@example.com\
             &product_id={product}&quantity=1"
        );
        flight.call(Call { method, ..Call::get(path) }, status).await;
    }
    let elsewhere = format!("/reseller/v1/me?api_key={key}");
    flight.call(Call::get(elsewhere), 401).await;
}

/// What is refused leaves no more behind than what is not.
async fn refusals(app: &TestApp, flight: &mut Flight, product: &str) {
    let body = json!({ "email": "ada@example.com", "password": PASSWORDS[2] });
    flight.call(Call::post("/portal/v1/sessions", body), 401).await;
    let import = format!("/v1/products/{product}/keys");
    let twice = json!({ "keys": [CODES[0], { "nested": CODES[1] }], "password": PASSWORDS[2] });
    flight.call(Call::post(&import, twice).bearer(&app.shop.test), 422).await;
    let key = app.shop.live.as_str();
    for call in [
        Call::get(format!("/v1/products?api_key={key}")),
        Call::get(format!("/v1/nowhere/{key}")).bearer(key),
        Call::get(format!("/portal/invitations/{key}")),
        Call::get("/dev/v1/me").bearer(key),
        Call::post("/reseller/v1/fulfillments", json!({ "api_key": key })).bearer(key),
        Call::post("/checkout/v1/sessions", json!({ "shop": key, "email": key })),
    ] {
        let heard = flight.client.send(&call).await.unwrap();
        assert!((400..500).contains(&heard.status) && !heard.text().contains(key), "{}", heard.text());
    }
    // Not even JSON, with a secret in it.
    let mut wire = crate::house::socket::Wire::open(flight.client.address());
    let broken = format!("{{\"keys\": [\"{}\", ", CODES[2]);
    let head = format!(
        "POST {import} HTTP/1.1\r\nHost: keyhouse.test\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{broken}",
        app.shop.test,
        broken.len()
    );
    assert_eq!(wire.send(head).listen(PATIENCE).statuses(), [400]);
}

/// The one token that only its mail shows.
async fn forgotten_password(app: &TestApp, flight: &mut Flight) {
    flight.call(Call::post("/portal/v1/password-resets", json!({ "email": "ada@example.com" })), 202).await;
    let deadline = Instant::now() + PATIENCE;
    let token = loop {
        let mails = app.mails().into_iter().map(|mail| mail.replace("=\r\n", ""));
        let found = mails.filter_map(|mail| mail.find("rst_").map(|at| mail[at..].to_owned())).next();
        if let Some(text) = found {
            break text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
        }
        assert!(Instant::now() < deadline, "no mail came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    flight.note("password reset", &json!(token));
    let set = Call::post(format!("/portal/v1/password-resets/{token}"), json!({ "password": PASSWORDS[1] }));
    flight.call(set.idempotent("reset"), 200).await;
}

fn found_nowhere(app: &TestApp, server: &Server, canaries: &BTreeMap<String, String>) {
    let log = server.log();
    assert!(log.contains("answered"), "the log is empty, so nothing is shown by it");
    let dump = dump(app.database_url());
    assert!(dump.contains("ada@example.com"), "the dump is empty, so nothing is shown by it");
    let mut places = vec![("the log".to_owned(), log.into_bytes()), ("the dump".to_owned(), dump.into_bytes())];
    places.extend(files(&app.app.config.data_dir));
    assert!(canaries.len() >= 16, "{:?}", canaries.keys());
    let mut found = Vec::new();
    for (what, secret) in canaries {
        for (place, bytes) in &places {
            if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                found.push(format!("{what}, in {place}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Every file below, but mails.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.ends_with("mail") {
            continue;
        }
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    files
}

fn dump(url: &str) -> String {
    let done = Command::new(pg_dump()).arg("--inserts").arg(url).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Beside the server's own programs, which are the newest.
fn pg_dump() -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin/pg_dump"))
        .filter(|path| path.exists())
        .collect();
    versions.sort();
    versions.pop().unwrap_or_else(|| "pg_dump".into())
}
