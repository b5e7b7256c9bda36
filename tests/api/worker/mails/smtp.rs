//! How mails get to the server: under TLS, with a password, or not at all.

use super::{header, queue, states};
use crate::house::house_with;
use crate::house::smtp::{Smtp, Tls, USER};

#[test]
fn a_mail_goes_out_under_tls_from_who_knows_the_password() {
    for tls in [Tls::Start, Tls::AtOnce] {
        let server = Smtp::secure(tls);
        for host in ["localhost", "127.0.0.1"] {
            let login = "shop%40example.com:hunter%2F2%20%23%25@";
            house_with(&server.settings_with(host, login, ""), async |app| {
                queue(app, &["ada@example.com"]).await;
                app.settle().await;
                assert_eq!(states(app).await, [("sent".into(), None)]);
            });
        }
        let received = server.received();
        assert_eq!(received.len(), 2);
        for mail in &received {
            assert_eq!((&mail["from"], &mail["to"]), (&"shop@example.com".into(), &"ada@example.com".into()));
            assert_eq!((&mail["tls"], &mail["user"]), (&true.into(), &USER.into()));
        }
    }
}

#[test]
fn a_server_on_this_machine_needs_no_tls() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        queue(app, &["ada@example.com"]).await;
        app.settle().await;
    });
    assert_eq!(server.received()[0]["tls"], false);
}

#[test]
fn nothing_is_said_in_the_clear_where_tls_is_required() {
    let server = Smtp::start();
    let settings = server.settings().replace("\"\n[mail]", "?tls=required\"\n[mail]");
    house_with(&settings, async |app| {
        queue(app, &["ada@example.com"]).await;
        app.settle().await;
        let (state, error) = states(app).await.remove(0);
        assert_eq!(state, "queued");
        assert!(error.as_deref().unwrap().contains("STARTTLS"), "{error:?}");
    });
    assert!(!server.was_spoken_to());
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_trusted() {
    for tls in [Tls::Start, Tls::AtOnce] {
        let server = Smtp::secure(tls);
        house_with(&server.settings_without_trust(), async |app| {
            queue(app, &["ada@example.com"]).await;
            app.settle().await;
            let (state, error) = states(app).await.remove(0);
            assert_eq!(state, "queued");
            assert!(error.as_deref().unwrap().contains("ertificate"), "{error:?}");
        });
        assert!(!server.was_spoken_to());
    }
}

#[test]
fn a_wrong_password_loses_no_mail() {
    let server = Smtp::secure(Tls::AtOnce);
    house_with(&server.settings_with("localhost", "shop%40example.com:wrong@", ""), async |app| {
        queue(app, &["ada@example.com"]).await;
        app.settle().await;
        let (state, error) = states(app).await.remove(0);
        assert_eq!(state, "queued");
        assert!(error.as_deref().unwrap().contains("password was not taken"), "{error:?}");
        let checked = app.app.mailer.check().await.unwrap_err();
        assert!(checked.contains("password was not taken") && !checked.contains("wrong@"), "{checked}");
    });
}

#[test]
fn a_check_reaches_the_server_and_sends_nothing() {
    let server = Smtp::secure(Tls::Start);
    house_with(&server.settings(), async |app| {
        let found = app.app.mailer.check().await.unwrap();
        assert_eq!(found, format!("localhost:{} takes mail from shop@example.com", server.port));
    });
    assert!(!server.was_spoken_to());
}

#[test]
fn connections_are_used_again_and_one_that_was_closed_is_made_anew() {
    let server = Smtp::start();
    house_with(&server.settings_with("localhost", "", "concurrency = 1"), async |app| {
        queue(app, &["one@example.com", "hangup@example.com", "two@example.com"]).await;
        app.settle().await;
        app.advance(chrono::Duration::minutes(1));
        app.settle().await;
        assert_eq!(states(app).await, vec![("sent".to_owned(), None); 3]);
    });
    assert_eq!(server.received().len(), 3);
}

#[test]
fn addresses_beyond_ascii_reach_a_server_that_takes_them() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        queue(app, &["jörg@bücher.example", "ada@bücher.example"]).await;
        app.settle().await;
    });
    let mut to: Vec<_> = server.received().iter().map(|mail| mail["to"].as_str().unwrap().to_owned()).collect();
    to.sort();
    assert_eq!(to, ["ada@xn--bcher-kva.example", "jörg@xn--bcher-kva.example"]);
}

#[test]
fn addresses_beyond_ascii_are_given_up_at_once_where_the_server_takes_none() {
    let server = Smtp::old();
    house_with(&server.settings(), async |app| {
        queue(app, &["jörg@example.com", "ada@bücher.example"]).await;
        app.settle().await;
        let states = states(app).await;
        assert_eq!(states[0].0, "failed");
        assert!(states[0].1.as_deref().unwrap().contains("ASCII"));
        assert_eq!(states[1], ("sent".into(), None));
    });
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_mail_names_no_program_and_comes_from_the_operators_domain() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        queue(app, &["ada@example.com"]).await;
        app.settle().await;
    });
    let mail = &server.received()[0];
    let mut names: Vec<&str> =
        mail["headers"].as_array().unwrap().iter().map(|header| header[0].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]);
    assert!(header(mail, "Message-ID").unwrap().ends_with("@example.com>"));
}
