//! `/`, and `/llms.txt`.

use axum::http::Method;
use keyhouse::http::openapi::SURFACES;

use super::paths;
use crate::house::{house, house_with};

/// What stands between an opening and a closing mark, everywhere.
fn between(text: &str, open: &str, close: &str) -> Vec<String> {
    let parts = text.split(open).skip(1);
    parts.filter_map(|part| part.split_once(close)).map(|(inner, _)| inner.to_owned()).collect()
}

#[test]
fn llms_txt_lists_every_page_and_document_and_each_is_there() {
    house(async |app| {
        let text = app.stranger().get("/llms.txt").await.is(200).text();
        let listed: Vec<String> = between(&text, "](", ")")
            .iter()
            .map(|url| url.strip_prefix(&app.app.public_url).expect(url).to_owned())
            .collect();
        for path in &listed {
            app.stranger().get(path).await.is(200);
        }
        let documents = SURFACES.map(|surface| format!("/openapi/{}.json", surface.name()));
        let pages = paths().into_iter().filter(|path| path != "/"); // which says the same to people
        for path in pages.chain(documents) {
            assert!(listed.contains(&path), "{path} is not in llms.txt");
        }
    });
}

#[test]
fn no_link_of_a_page_leads_nowhere() {
    house(async |app| {
        for path in paths() {
            let page = app.stranger().get(&path).await.is(200).text().replace("&#x2f;", "/");
            for link in between(&page, "href=\"", "\"").into_iter().chain(between(&page, "src=\"", "\"")) {
                let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
                let there =
                    if target.is_empty() { page.clone() } else { app.stranger().get(target).await.is(200).text() };
                assert!(anchor.is_empty() || there.contains(&format!("id=\"{anchor}\"")), "{path}: {link}");
            }
        }
    });
}

#[test]
fn a_page_is_looked_at_and_nothing_else() {
    house(async |app| {
        for path in paths() {
            assert!(app.stranger().send(Method::HEAD, &path, None).await.is(200).bytes.is_empty(), "{path}");
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                app.stranger().send(method, &path, None).await.is(405);
            }
        }
    });
}

#[test]
fn a_visit_counts_against_its_address() {
    house_with("[limits]\nvisitors = 2", async |app| {
        for _ in 0..2 {
            app.stranger().get("/docs").await.is(200);
        }
        let refused = app.stranger().get("/docs/errors").await;
        assert!(refused.is(429).header("retry-after").is_some());
    });
}
