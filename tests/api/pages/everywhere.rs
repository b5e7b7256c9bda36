//! What holds for every page.

use super::paths;
use crate::house::house;

#[test]
fn every_page_fits_a_phone_and_asks_for_nothing_elsewhere() {
    house(async |app| {
        let mut page = app.browse().await;
        for (width, height) in [(320, 700), (768, 1024), (1440, 900)] {
            page.viewport(width, height).await;
            for path in paths() {
                page.open(&path).await;
                page.eval("document.querySelectorAll('details').forEach(details => details.open = true)").await;
                page.fits().await;
            }
        }
        page.is_clean().await;
    });
}

#[test]
fn a_page_says_what_it_may_load_and_that_is_nothing_from_elsewhere() {
    house(async |app| {
        for path in paths() {
            let page = app.stranger().get(&path).await;
            let policy = page.is(200).header("content-security-policy").unwrap().to_owned();
            assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
            assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{policy}");
            assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
            let text = page.text();
            assert!(!text.contains(" style=") && !text.contains(" onclick="), "{path}");
        }
    });
}

#[test]
fn an_asset_is_kept_for_good_and_an_old_one_is_gone() {
    house(async |app| {
        let page = app.stranger().get("/docs/v1").await.text();
        let (_, rest) = page.split_once("/assets/").unwrap();
        let (hash, _) = rest.split_once('/').unwrap();
        let asset = app.stranger().get(&format!("/assets/{hash}/icon.svg")).await;
        assert!(asset.is(200).header("cache-control").unwrap().contains("immutable"));
        app.stranger().get("/assets/0000000000000000/icon.svg").await.is(404);
        app.stranger().get(&format!("/assets/{hash}/..%2ficon.svg")).await.is(404);
    });
}

#[test]
fn every_page_can_be_walked_with_the_keyboard() {
    house(async |app| {
        let mut page = app.browse().await;
        for path in paths() {
            page.open(&path).await;
            page.press("Tab").await;
            assert_eq!(page.eval("document.activeElement.className").await, "skip", "{path}");
            let nameless = "[...document.querySelectorAll('button, input, textarea, a')].filter(one => \
                !(one.labels?.length || one.innerText.trim() || one.ariaLabel || one.closest('[hidden], details:not([open])')))\
                .map(one => one.outerHTML)";
            assert_eq!(page.eval(nameless).await, serde_json::json!([]), "{path}");
            assert_eq!(page.eval("document.querySelectorAll('h1').length").await, 1, "{path}");
            assert_eq!(page.eval("document.querySelectorAll('main#main').length").await, 1, "{path}");
        }
    });
}

/// To be looked at: `cargo test --test api pictures -- --ignored` writes them into /tmp/keyhouse-pictures.
#[test]
#[ignore = "takes pictures for people"]
fn pictures_of_every_page() {
    house(async |app| {
        let dir = std::path::Path::new("/tmp/keyhouse-pictures");
        std::fs::create_dir_all(dir).unwrap();
        for (look, dark) in [("light", false), ("dark", true)] {
            for (width, height) in [(320, 1400), (1440, 1400)] {
                let mut page = app.browse().await;
                page.viewport(width, height).await;
                if dark {
                    page.dark().await;
                }
                page.open("/docs/v1").await;
                page.fill("#key", &app.shop.test).await;
                page.eval("document.querySelector('#products_create form details').open = true").await;
                page.click("#products_create [type=submit]").await;
                page.wait_for("#products_create .status").await;
                page.screenshot(dir.join(format!("tried-{width}-{look}.png"))).await;
                for path in paths() {
                    page.open(&path).await;
                    page.screenshot(dir.join(format!("{}-{width}-{look}.png", path.replace('/', "_")))).await;
                }
            }
        }
    });
}
