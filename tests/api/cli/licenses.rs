//! `keyhouse licenses import`: licenses from elsewhere go on as they were, and every line is accounted for.

use serde_json::{Value, json};

use crate::cli::on;
use crate::house::process::{Dir, Ended};
use crate::house::{TestApp, house};

/// Imports a CSV into a sandbox product.
fn import(app: &TestApp, product: &str, csv: impl AsRef<[u8]>) -> Ended {
    let dir = Dir::new();
    let file = dir.0.join("licenses.csv");
    std::fs::write(&file, csv).unwrap();
    on(app, &["licenses", "import", "--shop", "acme", "--product", product, "--json", file.to_str().unwrap()])
}

/// What was imported, known already, and refused.
#[track_caller]
fn counts(ended: &Ended) -> [i64; 3] {
    let json = ended.json();
    ["imported", "duplicates", "refused"].map(|name| json[name].as_i64().unwrap())
}

/// The license with this key.
async fn found(app: &TestApp, key: &str) -> Value {
    let list = app.test_developer().get(&format!("/dev/v1/licenses?search={key}")).await;
    list.is(200).json()["data"]["productLicenses"][0].clone()
}

#[test]
fn a_license_goes_on_as_it_was() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let csv = "customer_email,license_key,hardware_id,allowed_ips,uses,max_uses,expires_at,status,invoice_id\r\n\
            ada@example.com,OLD-1,machine-1,\"10.0.0.0/8 ::ffff:192.0.2.7\",4,5,2027-01-01T00:00:00+02:00,ACTIVE,\r\n\
            ,OLD-2,,,,,,SUSPENDED,0190a000-0000-7000-8000-000000000001\r\n";
        assert_eq!(counts(import(app, &product, csv).is(0)), [2, 0, 0]);
        let one = found(app, "OLD-1").await;
        assert_eq!((&one["hardware_id"], &one["uses"], &one["max_uses"]), (&json!("machine-1"), &json!(4), &json!(5)));
        assert_eq!(one["allowed_ips"], json!(["10.0.0.0/8", "192.0.2.7"]));
        assert_eq!(one["expires_at"], "2026-12-31T22:00:00.000Z");
        assert_eq!((&found(app, "OLD-2").await["status"], &one["status"]), (&json!("SUSPENDED"), &json!("ACTIVE")));
        let check = json!({ "key": "OLD-1", "product_id": product, "hardware_id": "machine-1", "ip": "10.1.2.3" });
        app.test_developer().post("/dev/v1/licenses/validate", check.clone()).await.is(200);
        let refused = app.test_developer().post("/dev/v1/licenses/validate", check).await;
        refused.is(400).has_code("LICENSE_MAX_USES_REACHED");
    });
}

#[test]
fn running_it_again_changes_nothing() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let csv = "license_key\nA\nB\nA\n";
        assert_eq!(counts(import(app, &product, csv).is(0)), [2, 1, 0]);
        assert_eq!(counts(import(app, &product, csv).is(0)), [0, 3, 0]);
        let written: i64 = sqlx::query_scalar("select count(*) from license_events where type = 'CREATED'")
            .fetch_one(&mut app.db().await)
            .await
            .unwrap();
        assert_eq!(written, 2);
    });
}

#[test]
fn it_is_told_to_nobody() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        import(app, &product, "license_key\nA\n").is(0);
        assert!(!app.events().await.contains(&"license:created".to_owned()));
    });
}

#[test]
fn an_active_license_that_has_run_out_comes_in_expired() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        import(app, &product, "license_key,expires_at\nA,2020-01-01T00:00:00Z\n").is(0);
        let license = found(app, "A").await;
        assert_eq!(
            (&license["status"], &license["expires_at"]),
            (&json!("EXPIRED"), &json!("2020-01-01T00:00:00.000Z"))
        );
    });
}

#[test]
fn a_bad_line_is_named_and_the_others_are_taken() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let mut csv =
            b"license_key,uses,max_uses,status,expires_at,allowed_ips,hardware_id,customer_email,invoice_id\n".to_vec();
        let bad: [(&[u8], &str); 11] = [
            (b",,,,,,,,", "license_key must not be empty"),
            (b"SECRET-KEY,-1,,,,,,,", "uses must be a whole number from 0"),
            (b"SECRET-KEY,,0,,,,,,", "max_uses must be a whole number from 1"),
            (b"SECRET-KEY,,,active,,,,,", "status must be ACTIVE"),
            (b"SECRET-KEY,,,,2026-02-30T00:00:00Z,,,,", "expires_at must be a date-time"),
            (b"SECRET-KEY,,,,,10.0.0.0/33,,,", "allowed_ips must be an address"),
            (b"SECRET-KEY,,,,,,\xc3\xbc,,", "hardware_id must hold printable ASCII"),
            (b"SECRET-KEY,,,,,,,nobody,", "customer_email must be"),
            (b"SECRET-KEY,,,,,,,,17", "invoice_id must be a UUID"),
            (b"SECRET-KEY", "has 1 columns, and the header 9"),
            (b"\xff\xfe,,,,,,,,", "is not UTF-8"),
        ];
        for (line, _) in bad {
            csv.extend_from_slice(line);
            csv.push(b'\n');
        }
        csv.extend_from_slice(b"GOOD,,,,,,,,\n");
        let ended = import(app, &product, csv);
        assert_eq!(counts(ended.is(1)), [1, 0, 11]);
        for (at, (_, why)) in bad.iter().enumerate() {
            assert!(ended.log.contains(&format!("line {}: {why}", at + 2)), "{why}: {}", ended.log);
        }
        assert!(!ended.log.contains("SECRET-KEY"), "{}", ended.log);
    });
}

#[test]
fn a_header_that_is_not_understood_is_refused_before_anything_is_written() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        for header in ["license_key,hwid", "key", "license_key,license_key", ""] {
            let ended = import(app, &product, format!("{header}\nA,B\n"));
            assert!(ended.status == Some(1) && ended.log.contains("column"), "{header}: {}", ended.log);
        }
        let written: i64 =
            sqlx::query_scalar("select count(*) from licenses").fetch_one(&mut app.db().await).await.unwrap();
        assert_eq!(written, 0);
    });
}

#[test]
fn more_than_one_batch_is_taken_whole() {
    house(async |app| {
        let product = app.stocked(&[]).await;
        let keys: String = (0..2_500).map(|n| format!("KEY-{n}\n")).collect();
        assert_eq!(counts(import(app, &product, format!("\u{feff}License_Key\n{keys}")).is(0)), [2_500, 0, 0]);
        assert_eq!(found(app, "KEY-2499").await["status"], "ACTIVE");
    });
}
