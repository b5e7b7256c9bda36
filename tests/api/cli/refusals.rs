//! What is wrong is said in one line, by name, and with exit status 1.

use std::path::Path;

use crate::cli::{OTHER_MASTER_KEY, alone, on, on_with};
use crate::house::{house, master};

#[test]
fn a_slug_that_is_taken() {
    house(async |app| {
        let made = on(app, &["shop", "create", "--name", "Another", "--slug", "acme", "--json"]);
        made.is(1).complains_of(&["slug", "taken"]);
        assert_eq!(made.output, "");
    });
}

#[test]
fn a_shop_that_makes_no_sense() {
    house(async |app| {
        let create = |rest: &[&str]| on(app, &[&["shop", "create"], rest].concat());
        create(&["--name", "  "]).is(1).complains_of(&["--name"]);
        create(&["--name", "A", "--slug", "Not a slug"]).is(1).complains_of(&["--slug", "Not a slug"]);
        create(&["--name", "A", "--currency", "DOLLAR"]).is(1).complains_of(&["--currency", "DOLLAR"]);
        create(&["--name", "A", "--email", "nobody"]).is(1).complains_of(&["--email", "nobody"]);
    });
}

#[test]
fn a_scope_that_nobody_knows() {
    house(async |app| {
        for (surface, scopes) in [("merchant", "products:read,nonsense:read"), ("developer", "nonsense.read")] {
            let minted = on(app, &["keys", "mint", "--shop", "acme", "--surface", surface, "--scopes", scopes]);
            minted.is(1).complains_of(&["--scopes", "nonsense", "must be one or more of"]);
            assert_eq!(minted.output, "");
        }
    });
}

#[test]
fn a_shop_that_is_not_there() {
    house(async |app| {
        let minted = on(app, &["keys", "mint", "--shop", "nowhere", "--surface", "merchant", "--scopes", "all"]);
        minted.is(1).complains_of(&["nowhere", "no such shop"]);
    });
}

#[test]
fn a_document_that_is_not_there() {
    alone(Path::new("/nowhere"), &["openapi", "v9"], &[]).is(1).complains_of(&["v9", "v1, dev, reseller, checkout"]);
}

#[test]
fn settings_that_make_no_sense() {
    let refused = |name: &str, value: &str| alone(Path::new("/nowhere"), &["serve"], &[(name, value)]);
    refused("KEYHOUSE_LISTEN", "here").is(1).complains_of(&["listen", "here"]);
    refused("KEYHOUSE_TYPO", "1").is(1).complains_of(&["typo"]);
    refused("KEYHOUSE_RATE_LIMITS", "maybe").is(1).complains_of(&["RATE_LIMITS", "maybe"]);
    refused("KEYHOUSE_HTTP__CONNECTIONS", "0").is(1).complains_of(&["connections"]);
    refused("KEYHOUSE_CONFIG", "/nowhere/keyhouse.toml").is(1).complains_of(&["KEYHOUSE_CONFIG", "/nowhere"]);
}

#[test]
fn a_port_that_is_taken() {
    house(async |app| {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        on_with(app, &["serve"], &[("KEYHOUSE_LISTEN", &address)]).is(1).complains_of(&["KEYHOUSE_LISTEN", &address]);
    });
}

#[test]
fn a_master_key_that_opens_nothing_here() {
    house(async |app| {
        let settings = [("KEYHOUSE_MASTER_KEY", OTHER_MASTER_KEY), ("KEYHOUSE_LISTEN", "127.0.0.1:0")];
        let refused = on_with(app, &["serve"], &settings);
        refused.is(1).complains_of(&["needs the master key", &master().id(), "KEYHOUSE_MASTER_KEY"]);
        assert!(!refused.log.contains(OTHER_MASTER_KEY) && !refused.log.contains(crate::house::MASTER_KEY));
    });
}

#[test]
fn a_master_key_that_is_missing_or_no_key() {
    house(async |app| {
        let missing = on_with(app, &["serve"], &[("KEYHOUSE_MASTER_KEY", ""), ("KEYHOUSE_LISTEN", "127.0.0.1:0")]);
        missing.is(1).complains_of(&["needs the master key", &master().id(), "master.key"]);
        let short = on_with(app, &["serve"], &[("KEYHOUSE_MASTER_KEY", "secret"), ("KEYHOUSE_LISTEN", "127.0.0.1:0")]);
        short.is(1).complains_of(&["64 hexadecimal digits"]);
        assert!(!short.log.contains("secret"));
    });
}

#[test]
fn a_database_that_is_not_there() {
    house(async |app| {
        let url = app.database_url().replace(app.database_url().rsplit('/').next().unwrap(), "");
        let (_, host) = app.database_url().split_once('?').unwrap();
        let nowhere = [("DATABASE_URL", format!("{url}nowhere?{host}"))];
        let nowhere = [("DATABASE_URL", nowhere[0].1.as_str())];
        on_with(app, &["migrate"], &nowhere).is(1).complains_of(&["DATABASE_URL", "nowhere"]);
        on_with(app, &["migrate"], &[("DATABASE_URL", "no address")]).is(1).complains_of(&["DATABASE_URL"]);
    });
}

/// It is given fifteen seconds to come up.
#[test]
fn a_database_that_does_not_answer() {
    let nobody = [("DATABASE_URL", "postgres://keyhouse:hunter2@127.0.0.1:1/keyhouse")];
    let refused = alone(Path::new("/nowhere"), &["migrate"], &nobody);
    refused.is(1).complains_of(&["the database does not answer", "DATABASE_URL", "refused"]);
    assert!(!refused.log.contains("hunter2"), "{}", refused.log);
}

#[test]
fn an_embedded_command_where_there_is_no_embedded_database() {
    house(async |app| {
        for command in ["url", "start", "stop"] {
            on(app, &["db", command]).is(1).complains_of(&["DATABASE_URL"]);
        }
    });
}
