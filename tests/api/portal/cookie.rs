//! The portal in a browser: a cookie does what the token does, for pages of ours alone.

use super::sign_in;
use crate::house::actor::Actor;
use crate::house::people::PASSWORD;
use crate::house::{TestApp, house};

async fn signed_in(app: &TestApp) -> (Actor<'_>, String) {
    app.person_of("rae@example.com").await;
    let answer = sign_in(app, "rae@example.com", PASSWORD).await;
    let cookie = answer.is(201).header("set-cookie").unwrap().to_owned();
    (app.stranger().header("cookie", cookie.split(';').next().unwrap()), cookie)
}

#[test]
fn the_cookie_of_who_signs_in_goes_to_the_portal_alone() {
    house(async |app| {
        let (browser, cookie) = signed_in(app).await;
        let attributes = cookie.split_once(';').unwrap().1;
        assert_eq!(attributes, " Path=/portal; Max-Age=2592000; HttpOnly; SameSite=Strict");
        browser.get("/portal/v1/programs").await.is(200);
        browser.get("/v1/products").await.is(401);
    });
}

#[test]
fn another_site_makes_the_browser_change_nothing() {
    house(async |app| {
        let (browser, _) = signed_in(app).await;
        let evil = browser.header("sec-fetch-site", "cross-site").header("origin", "https://evil.example");
        evil.delete("/portal/v1/sessions/current").await.is(401);
        evil.get("/portal/v1/programs").await.is(200);
    });
}

#[test]
fn a_page_of_ours_signs_out_and_takes_the_cookie_along() {
    house(async |app| {
        let (browser, _) = signed_in(app).await;
        let ours = browser.header("sec-fetch-site", "same-origin");
        let out = ours.delete("/portal/v1/sessions/current").await;
        assert!(out.is(200).header("set-cookie").unwrap().starts_with("kh_session=; Path=/portal; Max-Age=0;"));
        ours.get("/portal/v1/programs").await.is(401);
    });
}
