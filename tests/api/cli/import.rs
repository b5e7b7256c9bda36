//! `keyhouse import`: a file of codes becomes stock, and every line of it is accounted for.

use std::fs::File;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::{on, on_with};
use crate::house::process::{Dir, Ended, keyhouse, run};
use crate::house::{MASTER_KEY, TestApp, house, product_body};

/// Imports a file of this content and name into a sandbox product.
fn import(app: &TestApp, product: &str, name: &str, content: impl AsRef<[u8]>) -> Ended {
    let dir = Dir::new();
    let file = dir.0.join(name);
    std::fs::write(&file, content).unwrap();
    on(app, &["import", "--shop", "acme", "--product", product, "--json", file.to_str().unwrap()])
}

/// What was imported, known already, refused, and is in stock now.
#[track_caller]
fn counts(ended: &Ended) -> [i64; 4] {
    let json = ended.json();
    ["imported", "duplicates", "refused", "stock_after"].map(|name| json[name].as_i64().unwrap())
}

/// The codes that the next buyer gets.
async fn bought(app: &TestApp, product: &str, quantity: i64) -> Value {
    app.pay(&app.checkout(product, quantity).await).await["items"][0]["codes"].clone()
}

#[test]
fn every_line_is_a_code_and_they_go_out_in_their_order() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let ended = import(app, &product, "codes.txt", "AAAA-1\n  BBBB-2\t\r\n\n   \nCC,CC \"3\"");
        assert_eq!(counts(ended.is(0)), [3, 0, 0, 3]);
        assert_eq!(bought(app, &product, 3).await, json!(["AAAA-1", "BBBB-2", "CC,CC \"3\""]));
    });
}

#[test]
fn quotes_of_a_csv_are_undone_and_what_they_held_is_kept_verbatim() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let csv = "serial,variant\r\n\
            PLAIN-1,\r\n\
            \"say \"\"please\"\", twice\"\r\n\
            \"=HYPERLINK(\"\"http://example.com\"\",\"\"Click\"\")\",\r\n\
            +1-2@3,\r\n\
            \"first line\r\nsecond line\"\r\n";
        assert_eq!(counts(import(app, &product, "codes.csv", csv).is(0)), [5, 0, 0, 5]);
        assert_eq!(
            bought(app, &product, 5).await,
            json!([
                "PLAIN-1",
                "say \"please\", twice",
                "=HYPERLINK(\"http://example.com\",\"Click\")",
                "+1-2@3",
                "first line\r\nsecond line",
            ])
        );
    });
}

#[test]
fn a_csv_needs_no_header_and_has_one_at_most() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        assert_eq!(counts(import(app, &product, "bare.csv", "A\nB\n").is(0)), [2, 0, 0, 2]);
        assert_eq!(counts(import(app, &product, "one.CSV", "Serial\nC\nserial\n").is(0)), [2, 0, 0, 4]);
        assert_eq!(bought(app, &product, 4).await, json!(["A", "B", "C", "serial"]));
    });
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_code() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        import(app, &product, "codes.txt", "\u{feff}A\nB").is(0);
        import(app, &product, "codes.csv", "\u{feff}serial\nC").is(0);
        assert_eq!(bought(app, &product, 3).await, json!(["A", "B", "C"]));
    });
}

#[test]
fn a_variant_is_refused_by_its_line_and_the_other_lines_go_in() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let ended = import(app, &product, "codes.csv", "serial,variant\nA,\nSECRET-B,gold\n\"C\nC\",\nSECRET-D,blue\n");
        assert_eq!(counts(ended.is(1)), [2, 0, 2, 2]);
        assert!(ended.log.contains("line 3: names a variant") && ended.log.contains("line 6: "), "{}", ended.log);
        assert!(!ended.log.contains("SECRET"), "{}", ended.log);
    });
}

#[test]
fn what_is_no_code_is_refused_by_its_line() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let mut file = b"GOOD-1\n".to_vec();
        file.extend_from_slice("x".repeat(4_097).as_bytes());
        file.extend_from_slice(b"\nSECRET\0\nSECRET\xff\n");
        file.extend_from_slice("y".repeat(300_000).as_bytes());
        file.extend_from_slice("\n\u{a0}\n".as_bytes());
        file.extend_from_slice("\u{e9}".repeat(2_048).as_bytes());
        file.extend_from_slice(b"\nGOOD-2");
        let ended = import(app, &product, "codes.txt", file);
        assert_eq!(counts(ended.is(1)), [3, 0, 5, 3]);
        let said: Vec<&str> = ended.log.lines().collect();
        let too_long = "must have at most 4096 bytes";
        assert_eq!(
            said,
            [
                &format!("line 2: {too_long}"),
                "line 3: must not hold a NUL character",
                "line 4: is not UTF-8",
                &format!("line 5: {too_long}"),
                "line 6: must not be empty",
            ]
        );
    });
}

#[test]
fn a_hundred_refusals_are_shown_and_the_rest_counted() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let ended = import(app, &product, "codes.csv", "A,gold\n".repeat(150) + "B\n");
        assert_eq!(counts(ended.is(1)), [1, 0, 150, 1]);
        assert_eq!(ended.log.lines().filter(|line| line.starts_with("line ")).count(), 100);
        assert!(ended.log.lines().last().unwrap().contains("only counted"), "{}", ended.log);
    });
}

#[test]
fn a_code_that_was_ever_there_is_a_duplicate() {
    house(async |app| {
        let product = app.stocked(&["FREE", "SOLD"]).await;
        bought(app, &product, 2).await;
        let ended = import(app, &product, "codes.txt", "NEW\nFREE\nSOLD\nNEW\n NEW \nOTHER\n");
        assert_eq!(counts(ended.is(0)), [2, 4, 0, 2]);
    });
}

#[test]
fn running_it_again_adds_nothing() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let file: String = (0..12_345).map(|n| format!("CODE-{n}\n")).collect();
        assert_eq!(counts(import(app, &product, "codes.txt", &file).is(0)), [12_345, 0, 0, 12_345]);
        assert_eq!(counts(import(app, &product, "codes.txt", &file).is(0)), [0, 12_345, 0, 12_345]);
    });
}

#[test]
fn an_import_that_was_killed_is_run_again_and_every_code_is_there_once() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let file: String = (0..17_000).map(|n| format!("CODE-{n}\n")).collect();
        let mut killed = pipe_into(app, &product);
        // Half of the file, and then the pipe stays open: it waits for more.
        killed.stdin.as_mut().unwrap().write_all(&file.as_bytes()[..file.len() / 2 + 3]).unwrap();
        let before = until_imported(app, 5_000).await;
        killed.kill().unwrap();
        killed.wait().unwrap();
        assert_eq!((before, codes(app).await), (5_000, 5_000), "whole batches");

        assert_eq!(counts(import(app, &product, "codes.txt", &file).is(0)), [12_000, 5_000, 0, 17_000]);
        assert_eq!(codes(app).await, 17_000);
    });
}

/// An import that reads what this process writes.
fn pipe_into(app: &TestApp, product: &str) -> Child {
    let arguments = ["import", "--shop", "acme", "--product", product, "-"];
    let mut command = keyhouse(&app.app.config.data_dir, &arguments);
    command.env("DATABASE_URL", app.database_url()).env("KEYHOUSE_MASTER_KEY", MASTER_KEY);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn codes(app: &TestApp) -> i64 {
    sqlx::query_scalar("select count(*) from serials").fetch_one(&mut app.db().await).await.unwrap()
}

/// Waits for this many codes.
async fn until_imported(app: &TestApp, wanted: i64) -> i64 {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let there = codes(app).await;
        if there >= wanted || Instant::now() > deadline {
            return there;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn standard_input_is_read_as_lines_or_as_csv() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let dir = Dir::new();
        let read = |content: &str, flags: &[&str]| {
            let file = dir.0.join("input");
            std::fs::write(&file, content).unwrap();
            let arguments = [&["import", "--shop", "acme", "--product", &product, "--json"], flags, &["-"]].concat();
            let mut command = keyhouse(&app.app.config.data_dir, &arguments);
            command.env("DATABASE_URL", app.database_url()).env("KEYHOUSE_MASTER_KEY", MASTER_KEY);
            command.stdin(File::open(file).unwrap());
            run(command)
        };
        assert_eq!(counts(read("A,1\n", &[]).is(0)), [1, 0, 0, 1]);
        assert_eq!(counts(read("serial\n\"B,2\"\n", &["--csv"]).is(0)), [1, 0, 0, 2]);
        assert_eq!(bought(app, &product, 2).await, json!(["A,1", "B,2"]));
    });
}

#[test]
fn buyers_who_wait_are_served_first() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        let late = app.checkout(&product, 1).await;
        app.advance(chrono::Duration::minutes(30));
        app.settle().await;
        bought(app, &product, 1).await;
        assert_eq!(app.pay(&late).await["delivery"]["state"], "awaiting_stock");

        assert_eq!(counts(import(app, &product, "codes.txt", "B\nC\n").is(0)), [2, 0, 0, 1]);
        let path = format!("/checkout/v1/sessions/{}", late["id"].as_str().unwrap());
        let seen = app.bearer(late["token"].as_str().unwrap()).get(&path).await;
        assert_eq!(seen.is(200).json()["items"][0]["codes"], json!(["B"]));
    });
}

#[test]
fn a_live_products_codes_are_live_stock() {
    house(async |app| {
        let made = app.merchant().post("/v1/products", product_body("Live")).await;
        let id = made.is(201).json()["id"].as_str().unwrap().to_owned();
        let file = Dir::new();
        let path = file.0.join("codes.txt");
        std::fs::write(&path, "A\nB\n").unwrap();
        let ended = on(app, &["import", "--shop", "acme", "--product", &id, path.to_str().unwrap()]);
        assert_eq!(ended.is(0).output, "2 imported, 0 duplicates, 0 refused; 2 in stock\n");
        assert_eq!(app.merchant().get(&format!("/v1/products/{id}")).await.json()["stock"], 2);
    });
}

#[test]
fn a_file_without_a_code_changes_nothing() {
    house(async |app| {
        let mut body = product_body("By hand");
        body["type"] = json!("account");
        let made = app.test_merchant().post("/v1/products", body).await;
        let by_hand = made.is(201).json()["id"].as_str().unwrap().to_owned();
        let pooled = app.stocked(&["A"]).await;
        let before = app.books().await;
        assert_eq!(counts(import(app, &by_hand, "codes.txt", "\n \n").is(0)), [0, 0, 0, 0]);
        assert_eq!(counts(import(app, &by_hand, "codes.csv", "A,gold\n").is(1)), [0, 0, 1, 0]);
        assert_eq!(counts(import(app, &pooled, "codes.txt", "").is(0)), [0, 0, 0, 1]);
        assert_eq!(app.books().await, before);
    });
}

#[test]
fn where_it_cannot_begin_it_says_why() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let other = app.another_shop().await;
        let theirs = app.bearer(&other.live).post("/v1/products", product_body("Theirs")).await;
        let theirs = theirs.is(201).json()["id"].as_str().unwrap().to_owned();
        let mut mug = product_body("Mug");
        mug["type"] = json!("physical");
        let mug = app.test_merchant().post("/v1/products", mug).await;
        let mug = mug.is(201).json()["id"].as_str().unwrap().to_owned();
        let dir = Dir::new();
        let file = dir.0.join("codes.txt");
        std::fs::write(&file, "A\n").unwrap();
        let (file, folder) = (file.to_str().unwrap(), dir.0.to_str().unwrap());
        let before = app.books().await;

        let refused = |shop: &str, product: &str, file: &str, words: &[&str]| {
            let ended = on(app, &["import", "--shop", shop, "--product", product, file]);
            ended.is(1).complains_of(words);
            assert_eq!(ended.output, "");
        };
        refused("acme", &product, "/nowhere/codes.txt", &["cannot read /nowhere/codes.txt"]);
        refused("acme", &product, folder, &["directory"]);
        refused("nowhere", &product, file, &["no such shop"]);
        refused("acme", "prod_01KSHJBM7JEA18GVV5V717FVG5", file, &["acme", "has no product"]);
        refused("acme", &theirs, file, &["acme", "has no product", &theirs]);
        refused("acme", "codes.txt", file, &["--product", "codes.txt", "not a product id"]);
        refused("acme", &mug, file, &[&mug, "physical", "takes no codes"]);
        let nowhere = [("DATABASE_URL", "no address")];
        let arguments = ["import", "--shop", "acme", "--product", &product, file];
        on_with(app, &arguments, &nowhere).is(1).complains_of(&["DATABASE_URL"]);
        assert_eq!(app.books().await, before);
    });
}
