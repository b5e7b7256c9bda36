//! The README's calls, as printed.

use std::process::{Command, Stdio};

use crate::house::house;
use crate::house::process::Server;

/// The fenced block below this heading.
fn block(heading: &str) -> String {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let after = readme.split_once(heading).expect(heading).1;
    let block = after.split_once("```sh\n").unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_first_sale_in_five_calls_works_as_printed() {
    house(async |app| {
        let dir = app.app.config.data_dir.join("server");
        let server = Server::start(app.database_url(), &dir, &[]);
        let script = block("### The first sale, in five calls")
            .replace("http://127.0.0.1:8080", &format!("http://{}", server.address))
            .replace("sx_test_…", &app.shop.test)
            .replace("\"shop\":\"demo\"", &format!("\"shop\":\"{}\"", app.shop.row.slug));
        let done = Command::new("sh").args(["-euc", &script]).stderr(Stdio::inherit()).output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success(), "{said}");
        assert!(said.contains(r#""imported":2"#), "{said}");
        assert!(said.contains(r#""codes":["AAAA-1111"]"#), "{said}");
        assert!(said.contains(r#""status":"completed""#), "{said}");
        assert_eq!(server.terminate(std::time::Duration::from_secs(30)), Some(0));
    });
}

#[test]
fn money_goes_back_and_out_as_printed() {
    house(async |app| {
        let dir = app.app.config.data_dir.join("server");
        let server = Server::start(app.database_url(), &dir, &[]);
        let ends = |field: &str, word: &str| {
            format!("\nfor _ in $(seq 300); do {field} | grep -q '{word}' && break; sleep 0.1; done\n")
        };
        let (refund, payout) = (block("### Giving money back"), block("### Paying out"));
        let last = |block: &str| block.trim().rsplit_once('\n').unwrap().1.to_owned();
        let script = [
            block("### The first sale, in five calls"),
            refund.clone(),
            ends(&last(&refund), "\"refunded_cents\":900"),
            last(&refund),
            payout.clone(),
            ends(&last(&payout), "\"status\":\"confirmed\""),
            last(&payout),
        ];
        let script = script
            .join("\n")
            .replace("http://127.0.0.1:8080", &format!("http://{}", server.address))
            .replace("sx_test_…", &app.shop.test)
            .replace("\"shop\":\"demo\"", &format!("\"shop\":\"{}\"", app.shop.row.slug));
        let done = Command::new("sh").args(["-euc", &script]).stderr(Stdio::inherit()).output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success(), "{said}");
        for words in [
            r#""status":"processing","amount_cents":900"#,
            r#""refunded_cents":900"#,
            r#""status":"queued","chain":"tron""#,
            r#""status":"confirmed","chain":"tron""#,
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(server.terminate(std::time::Duration::from_secs(30)), Some(0));
    });
}

#[test]
fn every_variable_of_the_settings_table_is_a_setting() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let defaults = keyhouse::config::DEFAULTS;
    let named = readme.split('`').filter_map(|word| word.strip_prefix("KEYHOUSE_")).filter(|name| *name != "CONFIG");
    for name in named {
        let key = name.rsplit("__").next().unwrap().to_lowercase();
        assert!(defaults.contains(&format!("{key} =")), "KEYHOUSE_{name}");
    }
}
