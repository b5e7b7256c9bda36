//! `keyhouse files put`: a file becomes what a product sells.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::{alone, on, on_with};
use crate::house::process::{Dir, Server};
use crate::house::{TestApp, house};

/// A product of the sandbox that sells files, and has none yet.
async fn draft(app: &TestApp) -> String {
    let body = json!({ "name": "Field Guide", "type": "file_download", "price_cents": 0, "currency": "USD" });
    let made = app.test_merchant().post("/v1/products", body).await;
    assert_eq!(made.is(201).json()["status"], "draft");
    made.json()["id"].as_str().unwrap().to_owned()
}

fn file(dir: &Dir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.0.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn put<'a>(product: &'a str, file: &'a Path) -> Vec<&'a str> {
    vec!["files", "put", "--shop", "acme", "--product", product, "--json", file.to_str().unwrap()]
}

async fn product(app: &TestApp, id: &str) -> Value {
    app.test_merchant().get(&format!("/v1/products/{id}")).await.is(200).json().clone()
}

#[test]
fn put_stores_a_file_and_the_product_sells_it() {
    house(async |app| {
        let (dir, id) = (Dir::new(), draft(app).await);
        let path = file(&dir, "Field Guide.pdf", b"all about keys");
        let json = on(app, &put(&id, &path)).is(0).json();
        assert_eq!((&json["name"], &json["size_bytes"]), (&json!("Field Guide.pdf"), &json!(14)));
        assert_eq!(json["sha256"], "575cfd3db21a44884b5dab41141e890cac922c1e6414b215e345144203e1cb64");
        assert_eq!(json["product"], json!({ "id": id, "status": "draft" }));
        assert_eq!(product(app, &id).await["file_id"], json["id"]);
        app.test_merchant().patch(&format!("/v1/products/{id}"), json!({ "status": "active" })).await.is(200);
        let session = app.checkout(&id, 1).await;
        let path = format!("/checkout/v1/sessions/{}", session["id"].as_str().unwrap());
        let seen = app.bearer(session["token"].as_str().unwrap()).get(&path).await;
        let link = seen.json()["items"][0]["download_url"].as_str().unwrap().replace("http://keyhouse.test", "");
        assert_eq!(app.stranger().get(&link).await.is(200).bytes, b"all about keys");
    });
}

#[test]
fn put_for_people_says_how_to_put_the_product_on_sale() {
    house(async |app| {
        let (dir, id) = (Dir::new(), draft(app).await);
        let path = file(&dir, "guide.pdf", b"all about keys");
        let arguments: Vec<&str> = put(&id, &path).into_iter().filter(|one| *one != "--json").collect();
        let said = on(app, &arguments).is(0).output.clone();
        assert!(said.contains("guide.pdf (14 bytes)") && said.contains("\"status\":\"active\""), "{said}");
    });
}

#[test]
fn a_name_is_made_safe_on_its_way_in() {
    house(async |app| {
        let (dir, id) = (Dir::new(), draft(app).await);
        let path = file(&dir, "..in\u{202E}voice\n.exe", b"x");
        assert_eq!(on(app, &put(&id, &path)).is(0).json()["name"], "invoice.exe");
    });
}

#[test]
fn only_a_product_that_sells_files_takes_one() {
    house(async |app| {
        let (dir, id) = (Dir::new(), app.stocked(&[]).await);
        let path = file(&dir, "guide.pdf", b"x");
        on(app, &put(&id, &path)).is(1).complains_of(&["license_key", "file_download"]);
    });
}

#[test]
fn what_cannot_be_put_leaves_the_product_as_it_was() {
    house(async |app| {
        let (dir, id) = (Dir::new(), draft(app).await);
        let small = [("KEYHOUSE_FILES__SIZE_MIB_MAX", "1")];
        let large = file(&dir, "large.bin", &vec![7; (1 << 20) + 1]);
        on_with(app, &put(&id, &large), &small).is(1).complains_of(&["more than 1 MiB"]);
        on(app, &put(&id, &file(&dir, "empty.bin", b""))).is(1).complains_of(&["empty"]);
        on(app, &put(&id, &dir.0.join("nowhere.bin"))).is(1).complains_of(&["cannot read", "nowhere.bin"]);
        on(app, &put(&id, &dir.0)).is(1).complains_of(&["not a file"]);
        let unknown = "prod_01J2PVQR41T4CWXV1C4Y4ZK3M8";
        on(app, &put(unknown, &large)).is(1).complains_of(&["no product", unknown]);
        assert_eq!(product(app, &id).await["file_id"], Value::Null);
        let kept = std::fs::read_dir(app.app.config.data_dir.join("files"))
            .unwrap()
            .flat_map(|shop| std::fs::read_dir(shop.unwrap().path()).unwrap().map(|object| object.unwrap().path()));
        assert_eq!(kept.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "no object is left behind");
    });
}

#[test]
fn settings_of_a_bucket_that_make_no_sense_are_refused_by_name() {
    let dir = Dir::new();
    for (settings, named) in [
        (vec![("KEYHOUSE_FILES__ENDPOINT", "http://127.0.0.1:9000")], "bucket"),
        (vec![("KEYHOUSE_FILES__BUCKET", "goods")], "secret_access_key"),
        (
            vec![
                ("KEYHOUSE_FILES__BUCKET", "goods"),
                ("KEYHOUSE_FILES__ACCESS_KEY_ID", "123456"),
                ("KEYHOUSE_FILES__SECRET_ACCESS_KEY", "0123456789"),
                ("KEYHOUSE_FILES__ENDPOINT", "http://127.0.0.1:9000"),
            ],
            "allow_http",
        ),
    ] {
        let refused = alone(&dir.0, &["doctor"], &settings);
        refused.is(1).complains_of(&["files", named]);
        assert!(!refused.log.contains("0123456789"), "{}", refused.log);
    }
}

#[test]
fn put_works_beside_a_running_server_on_the_embedded_database() {
    let dir = Dir::new();
    let server = Server::start_embedded(&dir.0);
    let key =
        server.wait_for("sx_test_").split_whitespace().find(|word| word.starts_with("sx_test_")).unwrap().to_owned();
    let url = format!("http://{}", server.address);
    let body = r#"{"name":"Field Guide","type":"file_download","price_cents":0,"currency":"USD"}"#;
    let made = std::process::Command::new("curl")
        .args(["-s", &format!("{url}/v1/products"), "-H", "content-type: application/json", "-d", body])
        .args(["-H", &format!("authorization: Bearer {key}")])
        .output()
        .unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let product = made["id"].as_str().unwrap().to_owned();
    let path = file(&dir, "guide.pdf", b"all about keys");
    let arguments = ["files", "put", "--shop", "demo", "--product", &product, "--json", path.to_str().unwrap()];
    assert_eq!(alone(&dir.0, &arguments, &[]).is(0).json()["size_bytes"], 14);
}
