//! Ids that name nothing here.

use axum::http::Method;
use serde_json::{Value, json};

use super::{nothing_is_stored, refused};
use crate::house::actor::{Actor, Answer};
use crate::house::{house, house_with, product_body};
use crate::v1::{id, product};

const UNKNOWN: &str = "01J2PVQR41T4CWXV1C4Y4ZK3M8";

/// Every address with an id in it, `{}` in its place.
const ADDRESSES: &[(Method, &str, &str)] = &[
    (Method::GET, "/v1/products/{}", "prod"),
    (Method::PATCH, "/v1/products/{}", "prod"),
    (Method::DELETE, "/v1/products/{}", "prod"),
    (Method::POST, "/v1/products/{}/keys", "prod"),
    (Method::GET, "/v1/orders/{}", "ord"),
    (Method::GET, "/v1/customers/{}", "cus"),
    (Method::DELETE, "/v1/api-keys/{}", "apik"),
];

async fn ask(caller: &Actor<'_>, method: &Method, address: &str, id: &str) -> Answer {
    let body = match *method {
        Method::PATCH => Some(json!({ "name": "Mine now" })),
        Method::POST => Some(json!({ "keys": ["A"] })),
        _ => None,
    };
    caller.send(method.clone(), &address.replace("{}", id), body.map(|body: Value| body.to_string().into())).await
}

#[test]
fn a_malformed_id_is_not_found() {
    nothing_is_stored(async |app| {
        for (method, address, prefix) in ADDRESSES {
            for wrong in [
                "x".to_owned(),
                "1".into(),
                "null".into(),
                format!("{prefix}_"),
                format!("{prefix}_1"),
                format!("{prefix}_{}", UNKNOWN.to_lowercase()),
                format!("{prefix}_{}", UNKNOWN.replace('V', "U")),
                format!("{prefix}_8{}", &UNKNOWN[1..]),
                format!("{prefix}_{UNKNOWN}A"),
                format!("{prefix}-{UNKNOWN}"),
                UNKNOWN.into(),
                "01890000-0000-7000-8000-00000000000".into(),
                "01890000-0000-7000-8000-00000000000G".into(),
                "01890000-ABCD-7000-8000-000000000000".into(),
                "%7B01890000-0000-7000-8000-000000000000%7D".into(),
                "01890000000070008000000000000000".into(),
                "urn:uuid:01890000-0000-7000-8000-000000000000".into(),
                "00000000-0000-0000-0000-000000000000".into(),
                format!("{prefix}_00000000000000000000000000"),
                format!("{prefix}_{UNKNOWN}%20"),
                "'%20OR%201=1--".into(),
                "x".repeat(4_000),
            ] {
                let answer = ask(&app.merchant(), method, address, &wrong).await;
                refused(29, (address, &wrong), &answer, 404, "not_found");
            }
        }
    });
}

#[test]
fn an_id_of_another_type_is_not_found() {
    nothing_is_stored(async |app| {
        for (method, address, own) in ADDRESSES {
            for prefix in ["prod", "ord", "cus", "apik", "shop", "PROD"].iter().filter(|prefix| *prefix != own) {
                let answer = ask(&app.merchant(), method, address, &format!("{prefix}_{UNKNOWN}")).await;
                refused(30, (address, prefix), &answer, 404, "not_found");
            }
        }
    });
}

#[test]
fn the_right_uuid_under_another_types_name_is_not_found() {
    house(async |app| {
        let made = product(app, json!({})).await;
        let disguised = id(&made).replace("prod_", "ord_");
        app.merchant().get(&format!("/v1/products/{disguised}")).await.is(404);
        app.merchant().get(&format!("/v1/orders/{disguised}")).await.is(404);
    });
}

#[test]
fn what_is_anothers_is_answered_as_what_is_not_there() {
    house_with("rate_limits = \"off\"", async |app| {
        let other = app.another_shop().await;
        let sandbox = app.stocked(&["A"]).await;
        app.checkout(&sandbox, 1).await;
        let theirs = app.bearer(&other.live).post("/v1/products", product_body("Theirs")).await;
        let order = crate::v1::ids(app.test_merchant().get("/v1/orders").await.json()).remove(0);
        let customer = crate::v1::ids(app.test_merchant().get("/v1/customers").await.json()).remove(0);
        let keys = crate::v1::ids(app.bearer(&other.live).get("/v1/api-keys").await.json());
        let theirs = id(theirs.is(201).json()).to_owned();
        let before = app.books().await;
        for (method, address, prefix) in ADDRESSES {
            let foreign: &[&String] = match *prefix {
                "prod" => &[&sandbox, &theirs],
                "ord" => &[&order],
                "cus" => &[&customer],
                _ => &[&keys[0], &keys[1]],
            };
            let nowhere = ask(&app.merchant(), method, address, &format!("{prefix}_{UNKNOWN}")).await;
            for foreign in foreign {
                let answer = ask(&app.merchant(), method, address, foreign).await;
                refused(31, (method, address), &answer, 404, "not_found");
                assert_eq!(answer.masked(), nowhere.masked(), "row 31: {method} {address}");
            }
        }
        assert_eq!(app.books().await, before);
    });
}

#[test]
fn a_malformed_id_in_a_body_is_a_wrong_value() {
    nothing_is_stored(async |app| {
        let nil = "00000000-0000-0000-0000-000000000000";
        let upper = "01890000-ABCD-7000-8000-000000000000";
        let braces = "{01890000-0000-7000-8000-000000000000}";
        let other_type = format!("ord_{UNKNOWN}");
        let unknown = format!("prod_{UNKNOWN}");
        for (row, wrong) in [(29, "x"), (29, nil), (29, upper), (29, braces), (30, &other_type), (31, &unknown)] {
            let answer = app.stranger().post("/checkout/v1/sessions", app.cart(wrong, 1)).await;
            refused(row, wrong, &answer, 422, "unprocessable");
            answer.blames("items[0].product_id");
        }
    });
}
