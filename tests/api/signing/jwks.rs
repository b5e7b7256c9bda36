//! `GET /.well-known/jwks.json`.

use axum::http::Method;
use keyhouse::kit::jws::VERDICT;
use serde_json::{Value, json};

use super::keyhouse_verify::{Here, Verifier};
use crate::house::{house, house_with};

const PATH: &str = "/.well-known/jwks.json";

#[test]
fn it_lists_the_public_half_of_the_key_that_signs_and_of_its_successor() {
    house(async |app| {
        let set = app.stranger().get(PATH).await;
        assert_eq!(set.is(200).header("content-type"), Some("application/json"));
        let keys = set.json()["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 2);
        for key in keys {
            let members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"], "and no private member");
            assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
            assert_eq!((key["kid"].as_str().unwrap().len(), key["x"].as_str().unwrap().len()), (43, 43));
        }
        assert_ne!(keys[0], keys[1]);
    });
}

#[test]
fn what_the_server_signs_is_believed_by_who_has_pinned_it() {
    house(async |app| {
        let pinned = app.stranger().get(PATH).await.is(200).json().clone();
        let claims = json!({
            "iss": app.app.public_url, "product_id": "prod", "nonce": "n".repeat(16), "verdict": "VALID",
            "key_hash": super::vectors::sha256("AAAA-1111"), "hardware_id_hash": null, "iat": 1000, "exp": 1300,
        });
        let signed = app.app.env.signing.sign(VERDICT, &claims).unwrap();
        let verifier = Verifier::new(&pinned, &app.app.public_url, "prod");
        let here = Here { key: "AAAA-1111", hardware_id: None, now: 1000 };
        assert_eq!(verifier.verdict(&signed, here, &"n".repeat(16)), Ok(claims));
    });
}

#[test]
fn it_may_be_cached_and_is_only_looked_at() {
    house(async |app| {
        let set = app.stranger().get(PATH).await;
        assert_eq!(set.is(200).header("cache-control"), Some("public, max-age=300"));
        assert!(app.stranger().send(Method::HEAD, PATH, None).await.is(200).bytes.is_empty());
        app.stranger().post(PATH, json!({})).await.is(405);
    });
}

#[test]
fn asking_for_it_counts_against_the_address() {
    house_with("[limits]\nvisitors = 1", async |app| {
        app.stranger().get(PATH).await.is(200);
        assert!(app.stranger().get(PATH).await.is(429).header("retry-after").is_some());
    });
}

#[test]
fn every_process_of_a_database_lists_the_same_keys() {
    house(async |app| {
        let listed = app.stranger().get(PATH).await.is(200).json().clone();
        let other = super::rotation::another_process(app).await;
        assert_eq!(serde_json::to_value(other.public()).unwrap(), listed);
        assert_eq!(other.verify(VERDICT, &app.app.env.signing.sign(VERDICT, &1).unwrap()), Some(1));
        assert_eq!(other.verify::<Value>(VERDICT, "a.b.c"), None);
    });
}
