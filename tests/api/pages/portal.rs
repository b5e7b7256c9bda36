//! The portal's pages: the addresses that mails name, and signing in.

use chrono::Duration;
use serde_json::json;

use crate::house::people::PASSWORD;
use crate::house::{TestApp, house};

/// The token of the newest mail, behind `prefix`.
async fn mailed(app: &TestApp, prefix: &str) -> String {
    app.settle().await;
    let mail = app.mails().pop().expect("a mail").replace("=\r\n", "");
    let at = mail.find(prefix).expect("a token");
    mail[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn who_is_new_accepts_an_invitation_by_its_link_and_is_in() {
    house(async |app| {
        app.invites(app.shop.row.tenant, "ada@example.com").await;
        let token = mailed(app, "inv_").await;
        let mut page = app.browse().await;
        page.open(&format!("/portal/invitations/{token}")).await;
        assert_eq!(page.text("h1").await, "Acme Keys invites you to sell its products");
        page.fill("#name", "Ada Lovelace").await;
        page.fill("#password", PASSWORD).await;
        page.click("#accept button").await;
        page.wait_for("#programs").await;
        assert!(page.text("#programs").await.contains("Acme Keys"));
        assert_eq!(page.text("#programs b").await, "0.00 USD");
        page.click("#sign-out button").await;
        page.wait_for("#sign-in").await;
        page.is_clean().await;
    });
}

#[test]
fn who_has_an_account_accepts_with_its_password() {
    house(async |app| {
        app.person_of("ada@example.com").await;
        let token = app.invites(app.shop.row.tenant, "ada@example.com").await;
        let mut page = app.browse().await;
        page.open(&format!("/portal/invitations/{token}")).await;
        page.fill("#password", "not the password at all").await;
        page.click("#accept button").await;
        page.wait_for("#accept [role=alert]").await;
        page.forgive("status of 401").await;
        page.fill("#password", PASSWORD).await;
        page.click("#accept button").await;
        page.wait_for("#programs").await;
        page.is_clean().await;
    });
}

#[test]
fn a_password_that_anybody_would_guess_is_refused_in_words() {
    house(async |app| {
        let token = app.invites(app.shop.row.tenant, "ada@example.com").await;
        let mut page = app.browse().await;
        page.open(&format!("/portal/invitations/{token}")).await;
        page.fill("#name", "Ada").await;
        page.fill("#password", "password123").await;
        page.click("#accept button").await;
        page.wait_for("#accept [role=alert]").await;
        assert!(page.text("#accept [role=alert]").await.contains("password"), "the refusal names its field");
    });
}

#[test]
fn who_is_signed_in_accepts_with_a_click_and_somebody_else_cannot() {
    house(async |app| {
        let (ada, bob) = (app.person_of("ada@example.com").await, app.person_of("bob@example.com").await);
        let token = app.invites(app.shop.row.tenant, "ada@example.com").await;
        let path = format!("/portal/invitations/{token}");
        let as_person = |token: &str| app.stranger().header("cookie", &format!("kh_session={token}"));
        let seen = as_person(&ada.token).get(&path).await.is(200).text();
        assert!(seen.contains("signed in with this address") && !seen.contains("type=\"password\""), "{seen}");
        let seen = as_person(&bob.token).get(&path).await.is(200).text();
        assert!(seen.contains("bob@example.com") && !seen.contains("id=\"accept\""), "{seen}");
    });
}

#[test]
fn who_forgot_the_password_sets_another_and_signs_in_with_it() {
    house(async |app| {
        app.person_of("rae@example.com").await;
        let mut page = app.browse().await;
        page.open("/portal").await;
        page.click("summary").await;
        page.fill("#forgotten", "rae@example.com").await;
        page.click("#forgot button").await;
        page.wait_for("#forgot [role=alert]").await;
        let token = mailed(app, "rst_").await;
        page.open(&format!("/portal/password-resets/{token}")).await;
        page.fill("#password", "staple battery horse correct").await;
        page.click("#reset button").await;
        page.wait_for("#reset [role=alert]").await;
        page.open("/portal").await;
        page.fill("#email", "rae@example.com").await;
        page.fill("#password", "staple battery horse correct").await;
        page.click("#sign-in button").await;
        page.wait_for("#sign-out").await;
        page.is_clean().await;
    });
}

#[test]
fn a_wrong_password_and_an_unknown_address_are_refused_alike() {
    house(async |app| {
        app.person_of("rae@example.com").await;
        let mut page = app.browse().await;
        let mut said = Vec::new();
        for email in ["rae@example.com", "nobody@example.com"] {
            page.open("/portal").await;
            page.fill("#email", email).await;
            page.fill("#password", "not the password at all").await;
            page.click("#sign-in button").await;
            page.wait_for("#sign-in [role=alert]").await;
            said.push(page.text("#sign-in [role=alert]").await);
        }
        assert_eq!(said[0], said[1]);
    });
}

#[test]
fn a_link_that_was_used_or_is_too_old_or_never_was_opens_one_and_the_same_page() {
    house(async |app| {
        let used = app.invites(app.shop.row.tenant, "ada@example.com").await;
        let accept = json!({ "name": "Ada", "password": PASSWORD });
        app.stranger().post(&format!("/portal/v1/invitations/{used}/accept"), accept).await.is(201);
        let late = app.invites(app.shop.row.tenant, "bob@example.com").await;
        app.stranger().post("/portal/v1/password-resets", json!({ "email": "ada@example.com" })).await.is(202);
        let reset = mailed(app, "rst_").await;
        app.advance(Duration::days(7));
        let shape = used.replacen("inv_", "inv_x", 1);
        let mut pages = Vec::new();
        for path in ["invitations", "password-resets"] {
            for token in [&used, &late, &reset, &shape, &app.shop.live, &"x".repeat(300)] {
                let page = app.stranger().get(&format!("/portal/{path}/{token}")).await;
                pages.push(page.is(404).text());
                assert!(page.header("content-type").unwrap().starts_with("text/html"));
            }
        }
        pages.dedup();
        assert_eq!(pages.len(), 1);
    });
}

#[test]
fn the_pages_fit_a_small_phone_and_say_what_they_may_load() {
    house(async |app| {
        let person = app.person().await;
        app.joins(app.shop.row.twin, &person).await;
        let token = app.invites(app.shop.row.tenant, "ada@example.com").await;
        let mut page = app.browse().await;
        page.viewport(320, 700).await;
        for path in ["/portal", "/portal/password-resets/nothing", &format!("/portal/invitations/{token}")] {
            page.open(path).await;
            page.fits().await;
            let policy = app.stranger().get(path).await.header("content-security-policy").unwrap().to_owned();
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        }
        page.open("/portal").await;
        page.fill("#email", person.account.email.as_str()).await;
        page.fill("#password", PASSWORD).await;
        page.click("#sign-in button").await;
        page.wait_for("#programs").await;
        page.fits().await;
    });
}
