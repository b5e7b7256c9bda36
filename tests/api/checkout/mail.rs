//! The buyer's mail: one for each completed order, with the codes in it.

use serde_json::json;

use super::{lines, on_sale, open, restock};
use crate::house::house;

#[test]
fn a_completed_order_is_mailed_with_its_codes() {
    house(async |app| {
        let product = app.stocked(&["AAAA-1", "AAAA-2"]).await;
        let session = app.checkout(&product, 2).await;
        app.pay(&session).await;
        app.settle().await;
        let mail = app.mails()[0].replace(session["order_id"].as_str().unwrap(), "[order]").replace("\r\n", "\n");
        let (head, text) = mail.split_once("\n\n").unwrap();
        for line in
            ["From: \"Acme Keys\" <shop@localhost>", "To: ada@example.com", "Subject: Your order from Acme Keys"]
        {
            assert!(head.lines().any(|one| one == line), "{line}: {head}");
        }
        insta::assert_snapshot!(text, @r#"
        Thank you for your order from Acme Keys.

        Order [order], 98.00 USD

        2 x Studio Pro
            AAAA-1
            AAAA-2

        Keep this mail: whoever has a code can use it.

        This comes from a sandbox: no money moved, and nothing in it is real.
        "#);
    });
}

#[test]
fn a_mail_is_written_once() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        app.pay(&app.checkout(&product, 1).await).await;
        app.settle().await;
        app.advance(chrono::Duration::hours(1));
        app.settle().await;
        assert_eq!(app.mails().len(), 1);
    });
}

#[test]
fn an_order_in_several_lines_has_one_mail() {
    house(async |app| {
        let (one, two) = (app.stocked(&["ONE-1"]).await, app.stocked(&["TWO-1"]).await);
        let session = open(app, json!({ "items": lines(&[&one, &two]) })).await;
        app.pay(session.is(201).json()).await;
        app.settle().await;
        let mails = app.mails();
        assert_eq!(mails.len(), 1);
        assert!(mails[0].contains("ONE-1") && mails[0].contains("TWO-1"), "{}", mails[0]);
    });
}

#[test]
fn an_unpaid_order_is_not_mailed() {
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        app.checkout(&product, 1).await;
        app.settle().await;
        assert!(app.mails().is_empty());
    });
}

#[test]
fn goods_by_hand_are_not_mailed_as_delivered() {
    house(async |app| {
        let mug = on_sale(app, json!({ "type": "physical" })).await;
        app.pay(&app.checkout(&mug, 1).await).await;
        app.settle().await;
        assert_eq!(app.mails().len(), 1, "the receipt");
        assert!(app.mails()[0].contains("is on its way"), "{}", app.mails()[0]);
    });
}

#[test]
fn a_name_in_any_script_makes_a_mail() {
    house(async |app| {
        let product = on_sale(app, json!({ "name": "スタジオ <b>&amp; {{ shop }}" })).await;
        restock(app, &product, &["KEY-{{ 7 * 7 }}-é"]).await;
        let mut cart = app.cart(&product, 1);
        cart["email"] = json!("jörg@bücher.example");
        let session = app.stranger().post("/checkout/v1/sessions", cart).await.is(201).json().clone();
        app.pay(&session).await;
        app.settle().await;
        assert_eq!(app.mails().len(), 1);
    });
}

#[test]
fn every_address_that_is_accepted_can_be_mailed() {
    house(async |app| {
        let product = on_sale(app, json!({ "price_cents": 0 })).await;
        let mut accepted = Vec::new();
        for email in [
            "a+b.c@sub.example.org",
            "!#$%&'*+-/=?^_`{|}~@example.com",
            "o'neil@example.com",
            "用户@例子.公司",
            "a@xn--bcher-kva.example",
            "ada@EXAMPLE.COM",
            "a..b@example.com",
            ".a@example.com",
            "a.@example.com",
            "a@-example.com",
            "a@example-.com",
            "a@ex_ample.com",
            "a@example.1",
            "a@1.2.3.4",
            "a@example.com.",
            "аda@example.com",
            "a\u{301}@example.com",
            "🔑@example.com",
            "a@🔑.example",
            "(c)a@example.com",
            "a\\b@example.com",
            &format!("{}@example.com", "x".repeat(64)),
            &format!("{}@example.com", "x".repeat(65)),
        ] {
            restock(app, &product, &[email]).await;
            let mut cart = app.cart(&product, 1);
            cart["email"] = json!(email);
            let answer = app.stranger().post("/checkout/v1/sessions", cart).await;
            match answer.status {
                201 => accepted.push(email.to_owned()),
                _ => _ = answer.is(422).blames("email"),
            }
        }
        app.settle().await;
        let unsent: Vec<(String, Option<String>)> =
            sqlx::query_as("select recipient, last_error from mails where state <> 'sent'")
                .fetch_all(&mut app.db().await)
                .await
                .unwrap();
        assert_eq!(unsent, []);
        assert_eq!(app.mails().len(), accepted.len());
    });
}

#[test]
fn a_mail_file_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::MetadataExt as _;
    house(async |app| {
        let product = app.stocked(&["A"]).await;
        app.pay(&app.checkout(&product, 1).await).await;
        app.settle().await;
        let dir = app.app.mailer.files().unwrap();
        let file = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(dir).unwrap().mode() & 0o777, 0o700);
    });
}
