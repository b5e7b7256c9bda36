//! `/docs/errors`; that every error has its place there is a law (`laws/errors.rs`).

use crate::house::house;

#[test]
fn the_address_in_an_error_leads_to_its_words() {
    house(async |app| {
        let refused = app.bearer("shx_nonsense").get("/dev/v1/me").await;
        let url = refused.is(401).json()["error"]["doc_url"].as_str().unwrap().to_owned();
        let mut page = app.browse().await;
        page.open(url.strip_prefix(&app.app.public_url).unwrap()).await;
        assert!(page.text(":target").await.contains("Missing or invalid credential"));
        page.is_clean().await;
    });
}
