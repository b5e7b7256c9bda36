//! What each command does, on a database of the operator's own.

use std::path::Path;

use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

use crate::cli::{OTHER_MASTER_KEY, on, on_with};
use crate::house::process::{Dir, Server, free_port, keyhouse, run};
use crate::house::socket::{Call, Client};
use crate::house::{MASTER_KEY, TestApp, cluster, house, master, product_body};

fn server(app: &TestApp, settings: &[(&str, &str)]) -> Server {
    Server::start(app.database_url(), &app.app.config.data_dir, settings)
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn shop_create_prints_the_shop_its_sandbox_and_four_keys_as_json() {
    house(async |app| {
        let made = on(app, &["shop", "create", "--name", "Byte Bazaar", "--currency", "EUR", "--json"]);
        let json = made.is(0).json();
        assert_eq!(members(&json), ["keys", "sandbox", "shop"]);
        assert_eq!(members(&json["shop"]), ["currency", "id", "name", "slug"]);
        assert_eq!((&json["shop"]["name"], &json["shop"]["slug"]), (&"Byte Bazaar".into(), &"byte-bazaar".into()));
        assert_eq!(json["shop"]["currency"], "EUR");
        assert_eq!(members(&json["sandbox"]), ["id"]);
        let prefixes = [("live", "sx_live_"), ("test", "sx_test_"), ("developer", "shx_"), ("developer_test", "shx_")];
        for (key, prefix) in prefixes {
            assert!(json["keys"][key].as_str().unwrap().starts_with(prefix), "{key}");
        }
        assert_eq!(members(&json["keys"]).len(), 4);
    });
}

#[test]
fn the_first_keys_of_a_shop_hold_every_ability() {
    house(async |app| {
        let keys = on(app, &["shop", "create", "--name", "Byte Bazaar", "--json"]).is(0).json()["keys"].clone();
        for key in ["live", "test"] {
            let merchant = app.bearer(keys[key].as_str().unwrap());
            merchant.get("/v1/orders").await.is(200);
            merchant.get("/v1/customers").await.is(200);
            merchant.post("/v1/products", product_body("First")).await.is(201);
        }
        for key in ["developer", "developer_test"] {
            app.bearer(keys[key].as_str().unwrap()).get("/dev/v1/me").await.is(200);
        }
    });
}

#[test]
fn shop_create_for_people_shows_the_keys_too() {
    house(async |app| {
        let made = on(app, &["shop", "create", "--name", "Byte Bazaar", "--slug", "bytes"]);
        assert!(made.is(0).output.contains("slug bytes") && made.output.contains("sx_live_"), "{}", made.output);
    });
}

#[test]
fn keys_mint_makes_a_narrow_merchant_key() {
    house(async |app| {
        let minted = on(
            app,
            &[
                "keys",
                "mint",
                "--shop",
                "acme",
                "--surface",
                "merchant",
                "--mode",
                "test",
                "--scopes",
                "products:read,orders:read",
                "--json",
            ],
        );
        let json = minted.is(0).json();
        assert_eq!(members(&json), ["id", "secret"]);
        let secret = json["secret"].as_str().unwrap();
        assert!(secret.starts_with("sx_test_"));
        app.bearer(secret).get("/v1/products").await.is(200);
        app.bearer(secret).post("/v1/products", product_body("Not mine")).await.is(403);
    });
}

#[test]
fn keys_mint_makes_a_developer_key_by_the_shops_id() {
    house(async |app| {
        let id = app.shop.row.tenant.id().to_string();
        let minted =
            on(app, &["keys", "mint", "--shop", &id, "--surface", "developer", "--scopes", "all", "--name", "Desk"]);
        let secret = minted.is(0).output.lines().find(|line| line.starts_with("shx_")).unwrap().to_owned();
        app.bearer(secret).get("/dev/v1/me").await.is(200);
    });
}

#[test]
fn openapi_prints_a_document_for_every_surface() {
    for surface in ["v1", "dev", "reseller", "checkout", "portal"] {
        let document = run(keyhouse(Path::new("/nowhere"), &["openapi", surface])).is(0).json();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{surface}");
        assert!(!document["paths"].as_object().unwrap().is_empty(), "{surface}");
    }
}

#[test]
fn migrate_twice_is_as_good_as_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = cluster::database("template_of_nothing", async |_| {}).await;
        let dir = Dir::new();
        let migrate = || {
            let mut command = keyhouse(&dir.0, &["migrate"]);
            command.env("DATABASE_URL", &database.url);
            run(command).is(0).output.clone()
        };
        let first = migrate();
        assert!(first.starts_with("the database is at migration "), "{first}");
        assert_eq!(migrate(), first);
        let mut db = PgConnection::connect(&database.url).await.unwrap();
        let shops: i64 = sqlx::query_scalar("select count(*) from shops").fetch_one(&mut db).await.unwrap();
        assert_eq!(shops, 0);
        db.close().await.unwrap();
        database.discard().await;
    });
}

#[test]
fn the_doctor_finds_nothing_on_a_healthy_database() {
    house(async |app| {
        let seen = on(app, &["doctor", "--books"]);
        assert!(!seen.is(0).output.contains("MEND") && seen.output.contains("master key"), "{}", seen.output);
    });
}

#[test]
fn the_doctor_speaks_json() {
    house(async |app| {
        let json = on(app, &["doctor", "--json"]).is(0).json();
        let checks = json["checks"].as_array().unwrap();
        assert!(checks.len() >= 6 && checks.iter().all(|check| check["ok"] == true), "{json}");
    });
}

#[test]
fn the_doctor_says_which_master_key_is_needed() {
    house(async |app| {
        let other = [("KEYHOUSE_MASTER_KEY", OTHER_MASTER_KEY)];
        let json = on_with(app, &["doctor", "--json"], &other).is(1).json();
        let sick: Vec<_> = json["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
        assert_eq!((sick.len(), &sick[0]["check"]), (1, &"master key".into()), "{json}");
        assert!(sick[0]["detail"].as_str().unwrap().contains(&master().id()), "{json}");
        let seen = on_with(app, &["doctor"], &other);
        assert!(seen.is(1).output.contains("MEND") && seen.output.contains(&master().id()), "{}", seen.output);
    });
}

#[test]
fn health_tells_a_running_server_from_a_stopped_one() {
    house(async |app| {
        let listen = format!("127.0.0.1:{}", free_port());
        let listen = [("KEYHOUSE_LISTEN", listen.as_str())];
        let running = server(app, &listen);
        assert_eq!(on_with(app, &["health"], &listen).is(0).output, "ready\n");
        running.kill();
        on_with(app, &["health"], &listen).is(1).complains_of(&["nothing answers at", listen[0].1]);
    });
}

#[test]
fn a_server_on_a_database_of_its_own_makes_a_demo_only_when_asked() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = crate::house::empty_database().await;
        let dir = Dir::new();
        let without = Server::start(&database.url, &dir.0, &[]);
        assert_eq!(shops(&database.url).await, 0);
        without.kill();
        let mut with = keyhouse(&dir.0, &["serve", "--demo"]);
        with.env("DATABASE_URL", &database.url).env("KEYHOUSE_MASTER_KEY", MASTER_KEY);
        let with = Server::spawn(with.env("KEYHOUSE_LISTEN", "127.0.0.1:0"));
        with.wait_for("sx_live_");
        assert_eq!(shops(&database.url).await, 2, "the demo shop and its sandbox");
        with.kill();
        database.discard().await;
    });
}

async fn shops(url: &str) -> i64 {
    let mut db = PgConnection::connect(url).await.unwrap();
    let count = sqlx::query_scalar("select count(*) from shops").fetch_one(&mut db).await.unwrap();
    db.close().await.unwrap();
    count
}

#[test]
fn a_worker_alone_tells_how_it_is_and_serves_nothing_else() {
    house(async |app| {
        let mut command = keyhouse(&app.app.config.data_dir, &["worker"]);
        command.env("DATABASE_URL", app.database_url()).env("KEYHOUSE_MASTER_KEY", MASTER_KEY);
        let worker = Server::spawn(command.env("KEYHOUSE_WORKER_LISTEN", "127.0.0.1:0"));
        let mut client = Client::new(worker.address);
        for (path, status) in
            [("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/v1/products", 404), ("/docs", 404)]
        {
            assert_eq!(client.send(&Call::get(path)).await.unwrap().status, status, "{path}");
        }
    });
}
