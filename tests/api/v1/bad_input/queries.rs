//! Queries that cannot be read, or ask for what cannot be.

use serde_json::json;

use super::{nothing_is_stored, refused};
use crate::house::{TestApp, house, house_with, product_body};
use crate::v1::product;

const LISTS: [&str; 4] = ["/v1/products", "/v1/orders", "/v1/customers", "/v1/api-keys"];

#[test]
fn a_fragment_of_sql_in_a_query_is_only_text() {
    nothing_is_stored(async |app| {
        for text in ["'%20OR%201=1--", "active'--", "%25", "_", "active%27%20or%20%271"] {
            for list in ["/v1/products?status=", "/v1/products?type=", "/v1/orders?status=", "/v1/orders?from="] {
                let answer = app.merchant().get(&format!("{list}{text}")).await;
                refused(28, (list, text), &answer, 422, "unprocessable");
            }
            for list in LISTS {
                let answer = app.merchant().get(&format!("{list}?cursor={text}")).await;
                refused(28, (list, text), &answer, 400, "invalid_request");
                app.merchant().get(&format!("{list}?search={text}")).await.is(200);
            }
        }
    });
}

#[test]
fn a_limit_beyond_1_to_100_is_refused() {
    nothing_is_stored(async |app| {
        for limit in
            ["0", "-1", "101", "1000000000", "99999999999999999999", "abc", "", "1.0", "1e1", "0x10", "%20", "١"]
        {
            for list in LISTS {
                let answer = app.merchant().get(&format!("{list}?limit={limit}")).await;
                refused(32, (list, limit), &answer, 422, "unprocessable");
                answer.blames("limit");
            }
        }
    });
}

/// The cursor of a first page of one product.
async fn cursor(app: &TestApp, query: &str) -> String {
    let page = app.merchant().get(&format!("/v1/products?limit=1{query}")).await;
    page.is(200).json()["next_cursor"].as_str().unwrap().to_owned()
}

#[test]
fn a_cursor_opens_its_own_list_and_no_other() {
    house_with("rate_limits = \"off\"", async |app| {
        let other = app.another_shop().await;
        for _ in 0..2 {
            product(app, json!({})).await;
            app.bearer(&other.live).post("/v1/products", product_body("Theirs")).await.is(201);
        }
        let (plain, filtered) = (cursor(app, "").await, cursor(app, "&status=active").await);
        let merchant = app.merchant();
        merchant.get(&format!("/v1/products?cursor={plain}")).await.is(200);
        merchant.get(&format!("/v1/products?limit=7&cursor={plain}")).await.is(200);
        merchant.get(&format!("/v1/products?status=active&cursor={filtered}")).await.is(200);
        for (caller, path) in [
            (app.merchant(), format!("/v1/products?status=active&cursor={plain}")),
            (app.merchant(), format!("/v1/products?cursor={filtered}")),
            (app.merchant(), format!("/v1/products?status=draft&cursor={filtered}")),
            (app.merchant(), format!("/v1/orders?cursor={plain}")),
            (app.merchant(), format!("/v1/customers?cursor={plain}")),
            (app.merchant(), format!("/v1/api-keys?cursor={plain}")),
            (app.test_merchant(), format!("/v1/products?cursor={plain}")),
            (app.bearer(&other.live), format!("/v1/products?cursor={plain}")),
        ] {
            let answer = caller.get(&path).await;
            refused(33, &path, &answer, 400, "invalid_request");
        }
    });
}

#[test]
fn a_cursor_that_nobody_gave_is_refused() {
    house(async |app| {
        for _ in 0..2 {
            product(app, json!({})).await;
        }
        let good = cursor(app, "").await;
        let flipped = format!("{}{}", if good.starts_with('A') { "B" } else { "A" }, &good[1..]);
        let swapped: String = good.chars().rev().collect();
        let uuid = "01890000-0000-7000-8000-000000000000";
        for bad in [&flipped, &swapped, &good[..37], &format!("{good}A"), &format!("{good}="), "", "1", "null", uuid] {
            let answer = app.merchant().get(&format!("/v1/products?cursor={bad}")).await;
            refused(33, bad, &answer, 400, "invalid_request");
        }
        let long = app.merchant().get(&format!("/v1/products?cursor={}", "A".repeat(4_096))).await;
        refused(33, "4 KiB", &long, 400, "invalid_request");
        let longer = app.merchant().get(&format!("/v1/products?cursor={}", "A".repeat(10_240))).await;
        refused(33, "10 KiB", &longer, 414, "uri_too_long");
    });
}

#[test]
fn a_period_that_is_none_is_refused() {
    nothing_is_stored(async |app| {
        for (query, field) in [
            ("from=2026-05-27&to=2026-05-26", "from"),
            ("from=2026-05-26T08:00:00Z&to=2026-05-26T07:59:59Z", "from"),
            ("from=2026-02-30", "from"),
            ("to=2026-13-01", "to"),
            ("from=0000-01-01", "from"),
            ("to=9999999-01-01", "to"),
            ("from=2026-05-26T07:00:00", "from"),
            ("from=2026-06-30T23:59:60Z", "from"),
            ("to=2026-05-26T25:00:00Z", "to"),
            ("to=2026-05-26T07:00:00%2B99:00", "to"),
            ("from=", "from"),
            ("to=today", "to"),
            ("from=1779779883", "from"),
            ("from=26.05.2026", "from"),
        ] {
            let answer = app.merchant().get(&format!("/v1/orders?{query}")).await;
            refused(34, query, &answer, 422, "unprocessable");
            answer.blames(field);
        }
    });
}

#[test]
fn a_parameter_given_twice_is_refused() {
    nothing_is_stored(async |app| {
        for query in [
            "limit=1&limit=1",
            "status=active&status=draft",
            "limit[]=1",
            "status%5B%5D=active",
            "limit=1&%6Cimit=2",
            "x=1&x=2",
        ] {
            let answer = app.merchant().get(&format!("/v1/products?{query}")).await;
            refused(35, query, &answer, 400, "invalid_request");
        }
    });
}

#[test]
fn an_unknown_parameter_is_ignored() {
    house(async |app| {
        for list in LISTS {
            app.merchant().get(&format!("{list}?color=red&page=2&sort=secret")).await.is(200);
        }
        app.merchant().post("/v1/products?dry_run=true", product_body("Studio Pro")).await.is(201);
    });
}

#[test]
fn percent_encoding_that_is_none_is_refused() {
    nothing_is_stored(async |app| {
        for query in ["status=%", "status=%zz", "status=%4", "status=%00", "status=%c0%af", "status=%ff", "%=1", "%zz"]
        {
            let answer = app.merchant().get(&format!("/v1/products?{query}")).await;
            refused(37, query, &answer, 400, "invalid_request");
        }
        for id in ["%", "%zz", "%00", "%c0%af", "..%2f", "..%2f..%2fetc%2fpasswd", "%2e%2e", ".", "..", "%F0%9F%94%91"]
        {
            let answer = app.merchant().get(&format!("/v1/products/{id}")).await;
            refused(37, id, &answer, 404, "not_found");
        }
    });
}
