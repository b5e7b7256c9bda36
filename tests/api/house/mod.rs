//! The test app: the real router over a database of its own, with a clock that stands still and a
//! seeded generator. `house` runs a test and then checks that the house is in order.

pub mod actor;
pub mod books;
pub mod browser;
pub mod cluster;
pub mod invariants;
pub mod masked;
pub mod money;
pub mod people;
pub mod process;
pub mod program;
pub mod purse;
pub mod python;
pub mod receiver;
pub mod reseller;
pub mod smtp;
pub mod socket;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use chrono::{DateTime, Duration, Utc};
use keyhouse::app::App;
use keyhouse::cli::MIGRATIONS;
use keyhouse::config::Config;
use keyhouse::domain::data_keys;
use keyhouse::domain::files::{self, FileId};
use keyhouse::domain::keys::{self, NewKey, Surface};
use keyhouse::domain::shops::{self, Mode, NewShop, Shop, Tenant};
use keyhouse::kit::clock::Clock;
use keyhouse::kit::env::Env;
use keyhouse::kit::money::Currency;
use keyhouse::kit::pool;
use keyhouse::kit::secret::reveal;
use keyhouse::kit::vault::MasterKey;
use keyhouse::outbound::{Outbound, Webhooks};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::OnceCell;

use actor::Actor;
use cluster::TestDb;
use receiver::{Names, calling};
use reseller::TestReseller;

/// 64 digits, as `KEYHOUSE_MASTER_KEY` takes them.
pub const MASTER_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Runs a test on an app of its own, then checks the house, unless the test failed.
pub fn house(test: impl AsyncFn(&TestApp)) {
    house_with("", test);
}

/// The same with a client of the test's own for calls to merchants: another deadline, another resolver.
pub fn house_calling(outbound: Outbound, test: impl AsyncFn(&TestApp)) {
    run("", Some(outbound), test);
}

/// The same with settings: TOML, as in `config/default.toml`.
pub fn house_with(settings: &str, test: impl AsyncFn(&TestApp)) {
    run(settings, None, test);
}

fn run(settings: &str, outbound: Option<Outbound>, test: impl AsyncFn(&TestApp)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let app = TestApp::open(settings, outbound).await;
        test(&app).await;
        app.settle().await;
        invariants::check(&mut app.db().await).await;
        app.close().await;
    });
}

/// A new database, migrated and with its data keys, and nothing else in it.
pub async fn empty_database() -> TestDb {
    let digest = MIGRATIONS.iter().fold(0_u64, |sum, m| {
        m.checksum.iter().fold(sum, |sum, byte| sum.wrapping_mul(1_099_511_628_211).wrapping_add(u64::from(*byte)))
    });
    cluster::database(&format!("template_{digest:016x}"), async |url| {
        let mut db = PgConnection::connect(url).await.unwrap();
        MIGRATIONS.run(&mut db).await.unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(0);
        let mut transaction = db.begin().await.unwrap();
        data_keys::create(&mut transaction, &master(), &mut rng, start_of_time()).await.unwrap();
        data_keys::open(&mut transaction, &master(), &mut rng, start_of_time()).await.unwrap();
        transaction.commit().await.unwrap();
        db.close().await.unwrap();
    })
    .await
}

pub fn master() -> MasterKey {
    MasterKey::parse(MASTER_KEY).unwrap()
}

/// Where the fixed clock stands when a test begins.
pub fn start_of_time() -> DateTime<Utc> {
    "2026-05-26T07:18:03.250Z".parse().unwrap()
}

pub struct TestApp {
    pub app: Arc<App>,
    router: Router,
    database: TestDb,
    /// The shop that `merchant()` and the others belong to.
    pub shop: TestShop,
}

/// A shop, its twin, and keys that hold every ability.
pub struct TestShop {
    pub row: Shop,
    pub live: String,
    pub test: String,
    pub developer: String,
    pub developer_test: String,
    /// One of each side, made when it is first needed.
    pub relationships: [OnceCell<TestReseller>; 2],
}

impl TestApp {
    async fn open(settings: &str, outbound: Option<Outbound>) -> Self {
        let database = empty_database().await;
        let dir = std::env::temp_dir().join(format!("keyhouse-{}-{}", std::process::id(), unique()));
        let config = Config::parse(&format!("data_dir = {dir:?}\n{settings}")).unwrap();
        let options = pool::options(&database.url).unwrap();
        let mut db = PgConnection::connect_with(&options).await.unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (vault, signing) = data_keys::open(&mut db, &master(), &mut rng, start_of_time()).await.unwrap();
        let env = Env::new(Clock::fixed(start_of_time()), rng, vault, Arc::new(signing));
        let shop = open_shop(&mut db, &env, "acme").await;
        db.close().await.unwrap();
        let (requests, worker) = (pool::open(options.clone(), 8), pool::open(options, 4));
        let files = App::file_store(&config).unwrap();
        let mut app = App::new(config, env, requests, worker, files, "http://keyhouse.test".into(), None).unwrap();
        app.outbound = outbound.unwrap_or_else(|| calling(app.reach(), Names::none()));
        app.webhooks = Webhooks::new(app.outbound.clone());
        let app = Arc::new(app);
        let router = keyhouse::http::router(&app);
        Self { app, router, database, shop }
    }

    async fn close(self) {
        self.app.requests.close().await;
        self.app.worker.close().await;
        let _ = std::fs::remove_dir_all(&self.app.config.data_dir);
        self.database.discard().await;
    }

    pub fn router(&self) -> Router {
        self.router.clone()
    }

    pub fn database_url(&self) -> &str {
        &self.database.url
    }

    /// A connection of the test's own.
    pub async fn db(&self) -> PgConnection {
        PgConnection::connect(&self.database.url).await.unwrap()
    }

    /// Holds every ability, live.
    pub fn merchant(&self) -> Actor<'_> {
        Actor::new(self, Some(self.shop.live.clone()))
    }

    /// Holds every ability, in the sandbox.
    pub fn test_merchant(&self) -> Actor<'_> {
        Actor::new(self, Some(self.shop.test.clone()))
    }

    pub fn developer(&self) -> Actor<'_> {
        Actor::new(self, Some(self.shop.developer.clone()))
    }

    /// Holds every scope, in the sandbox.
    pub fn test_developer(&self) -> Actor<'_> {
        Actor::new(self, Some(self.shop.developer_test.clone()))
    }

    /// Has no credential.
    pub fn stranger(&self) -> Actor<'_> {
        Actor::new(self, None)
    }

    /// Sends whatever is given as `Authorization: Bearer …`.
    pub fn bearer(&self, token: impl Into<String>) -> Actor<'_> {
        Actor::new(self, Some(token.into()))
    }

    /// A live merchant key with these abilities alone.
    pub async fn merchant_with(&self, abilities: &[&str]) -> Actor<'_> {
        self.key_with(Surface::Merchant, Mode::Live, abilities).await
    }

    pub async fn key_with(&self, surface: Surface, mode: Mode, scopes: &[&str]) -> Actor<'_> {
        let new = NewKey { name: "narrow".into(), surface, mode, scopes: scopes.iter().map(|s| (*s).into()).collect() };
        let minted = keys::mint(&mut self.db().await, self.shop.row.tenant, &self.app.env, new).await.unwrap();
        Actor::new(self, Some(reveal(&minted.secret)))
    }

    /// Another tenant, with everything of its own.
    pub async fn another_shop(&self) -> TestShop {
        open_shop(&mut self.db().await, &self.app.env, &format!("other-{}", unique())).await
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.app.env.now()
    }

    pub fn advance(&self, by: Duration) {
        self.app.env.clock.advance(by);
    }

    /// Runs the worker until nothing is due. On a loaded machine a connection may be late; it is asked for again.
    pub async fn settle(&self) {
        for _ in 0..30 {
            match keyhouse::worker::settle(&self.app).await {
                Err(e) if e.is_passing() => tokio::time::sleep(std::time::Duration::from_millis(500)).await,
                settled => return settled.unwrap(),
            }
        }
        panic!("the worker found no connection in 30 tries");
    }

    /// The mails written so far, oldest first: their headers and their text.
    pub fn mails(&self) -> Vec<String> {
        let Ok(dir) = std::fs::read_dir(self.app.mailer.files().unwrap()) else { return Vec::new() };
        let mut files: Vec<_> = dir.map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
        files.sort();
        files.iter().map(|file| readable(&std::fs::read_to_string(file).unwrap())).collect()
    }

    /// Topics of the events written so far, oldest first.
    pub async fn events(&self) -> Vec<String> {
        sqlx::query_scalar("select topic from events order by id").fetch_all(&mut self.db().await).await.unwrap()
    }

    /// A product of the sandbox shop with these codes; answers its `/v1` id.
    pub async fn stocked(&self, codes: &[&str]) -> String {
        let product = self.test_merchant().post("/v1/products", product_body("Studio Pro")).await;
        let id = product.is(201).json()["id"].as_str().unwrap().to_owned();
        if !codes.is_empty() {
            let path = format!("/v1/products/{id}/keys");
            self.test_merchant().post(&path, json!({ "keys": codes })).await.is(201);
        }
        id
    }

    /// A sandbox product that sells this file; answers its `/v1` id.
    pub async fn sells_file(&self, name: &str, bytes: &[u8]) -> String {
        let body = json!({ "name": "Field Guide", "type": "file_download", "price_cents": 4900, "currency": "USD" });
        self.sells_file_as(&self.test_merchant(), self.shop.row.twin, body, name, bytes).await
    }

    /// The same of any shop, by a merchant of it, as any product.
    pub async fn sells_file_as(
        &self,
        merchant: &Actor<'_>,
        shop: Tenant,
        product: Value,
        name: &str,
        bytes: &[u8],
    ) -> String {
        let product = merchant.post("/v1/products", product).await.is(201).json()["id"].as_str().unwrap().to_owned();
        let file = self.stores_file(shop, name, bytes).await;
        let patch = json!({ "file_id": file.to_string(), "status": "active" });
        merchant.patch(&format!("/v1/products/{product}"), patch).await.is(200);
        product
    }

    /// A file in the store of this shop, as `keyhouse files put` leaves it.
    pub async fn stores_file(&self, shop: Tenant, name: &str, bytes: &[u8]) -> FileId {
        let id = self.app.env.id();
        let stored = self.app.files.put(files::key(shop, id), bytes, 1 << 30).await.unwrap();
        files::put(&mut self.db().await, shop, &self.app.env, id, name, stored).await.unwrap().id
    }

    /// Opens a sandbox checkout of one line; answers the session, with its token.
    pub async fn checkout(&self, product: &str, quantity: i64) -> Value {
        let answer = self.stranger().post("/checkout/v1/sessions", self.cart(product, quantity)).await;
        answer.is(201).json().clone()
    }

    /// The body of a sandbox checkout of one line.
    pub fn cart(&self, product: &str, quantity: i64) -> Value {
        json!({
            "shop": self.shop.row.slug, "mode": "test", "email": "ada@example.com",
            "items": [{ "product_id": product, "quantity": quantity }],
        })
    }

    /// Pays a session; answers it.
    pub async fn pay(&self, session: &Value) -> Value {
        let path = format!("/checkout/v1/sessions/{}/pay", session["id"].as_str().unwrap());
        let buyer = self.bearer(session["token"].as_str().unwrap());
        buyer.post(&path, json!({})).await.is(200).json().clone()
    }
}

/// A mail without its second part, and without the folds of the transport.
fn readable(mail: &str) -> String {
    let (head, parts) = mail.split_once("\r\n\r\n").unwrap();
    let text = parts.split("--part-").nth(1).unwrap().split_once("\r\n\r\n").unwrap().1;
    format!("{head}\r\n\r\n{}", text.trim_end().replace("=\r\n", "").replace("=3D", "="))
}

/// The least that a product needs.
pub fn product_body(name: &str) -> Value {
    json!({ "name": name, "type": "license_key", "price_cents": 4900, "currency": "USD" })
}

pub fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn open_shop(db: &mut PgConnection, env: &Env, slug: &str) -> TestShop {
    let currency = Currency::parse("USD").unwrap();
    let new = NewShop { name: "Acme Keys".into(), slug: slug.into(), currency, owner_email: None };
    let row = shops::create(db, env, new).await.unwrap();
    let mut secrets = Vec::new();
    for (surface, mode) in [
        (Surface::Merchant, Mode::Live),
        (Surface::Merchant, Mode::Test),
        (Surface::Developer, Mode::Live),
        (Surface::Developer, Mode::Test),
    ] {
        let scopes = match surface {
            Surface::Merchant => surface.scopes().iter().map(|s| (*s).to_owned()).collect(),
            Surface::Developer | Surface::Reseller => vec!["*".to_owned()],
        };
        let new = NewKey { name: format!("{} key", mode.word()), surface, mode, scopes };
        secrets.push(reveal(&keys::mint(db, row.tenant, env, new).await.unwrap().secret));
    }
    let [live, test, developer, developer_test] = <[String; 4]>::try_from(secrets).unwrap();
    TestShop { row, live, test, developer, developer_test, relationships: Default::default() }
}
