//! `keyhouse mail preview`, and what the doctor says of mail.

use super::{alone, on_with};
use crate::house::house;
use crate::house::process::Dir;
use crate::house::smtp::{Smtp, Tls};

#[test]
fn a_preview_writes_every_mail_in_three_forms_and_needs_no_database() {
    let dir = Dir::new();
    let out = dir.0.join("mails");
    let done = alone(&dir.0, &["mail", "preview", out.to_str().unwrap()], &[]);
    assert!(done.is(0).output.starts_with("11 mails"), "{}", done.output);
    let files: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 33);
    let whole = std::fs::read_to_string(out.join("order_delivered.eml")).unwrap();
    assert!(whole.contains("multipart/alternative") && whole.contains("From: \"Acme Keys\""), "{whole}");
    assert!(!dir.0.join("postgres").exists());
}

#[test]
fn the_doctor_tries_the_mail_server_and_sends_nothing() {
    let server = Smtp::secure(Tls::AtOnce);
    house(async |app| {
        let (url, ca) = (server.url(), server.ca());
        let mut settings = vec![
            ("KEYHOUSE_SMTP_URL", url.as_str()),
            ("KEYHOUSE_MAIL__FROM", "shop@example.com"),
            ("KEYHOUSE_MAIL__CA_FILE", ca.as_str()),
        ];
        let well = on_with(app, &["doctor", "--json"], &settings);
        let checks = well.is(0).json()["checks"].as_array().unwrap().clone();
        let mail = checks.iter().find(|check| check["check"] == "mail").unwrap().clone();
        assert!(mail["detail"].as_str().unwrap().contains("takes mail from shop@example.com"), "{mail}");

        let wrong = url.replace("hunter", "gatherer");
        settings[0].1 = &wrong;
        let sick = on_with(app, &["doctor"], &settings);
        let said = sick.is(1).output.clone();
        assert!(said.contains("password was not taken") && !said.contains("gatherer"), "{said}");
        settings[0].1 = "smtp://127.0.0.1:1";
        on_with(app, &["doctor"], &settings).is(1);
    });
    assert!(!server.was_spoken_to());
}

#[test]
fn a_mail_server_without_an_address_to_send_from_is_refused_by_name() {
    let dir = Dir::new();
    let refused = alone(&dir.0, &["serve"], &[("KEYHOUSE_SMTP_URL", "smtp://u:hunter2@mail.example.com")]);
    assert!(refused.log.contains("mail.from") && !refused.log.contains("hunter2"), "{}", refused.log);
    assert_ne!(refused.status, Some(0));
}
