//! Test vectors: fixed keys, a fixed clock, documents, and what a client must make of each. They lie in
//! `vectors.json` for whoever writes a verifier in another language.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyhouse::kit::jws::{Kept, KeyRing, LICENSE, VERDICT};
use keyhouse::kit::vault::{Place, hex};
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use ring::signature::Ed25519KeyPair;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::keyhouse_verify::{Here, Verifier};
use crate::house::master;

/// 2027-01-15T08:00:00Z.
const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://keys.example.com";
const PRODUCT: &str = "0199d7a8-5c00-7a10-8000-000000000001";
const KEY: &str = "KEYH-7Q2M-XA4D-9TRP";
const MACHINE: &str = "4C4C4544-0051-3510-8052-B4C04F564433";
const NONCE: &str = "q7Xv1nT0c9LrZk2e";
const DAY: i64 = 86_400;
/// Seeds of the successor, and of the key that signs.
const SEEDS: [[u8; 32]; 2] = [[2; 32], [1; 32]];

/// A document, what the program that gets it knows of itself, and what it must make of the two: `ok`
/// (with the next `last_seen`, for a file), or the code of a refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    pub name: String,
    pub expect: String,
    pub document: String,
    pub key: String,
    pub hardware_id: Option<String>,
    pub now: i64,
    pub nonce: Option<String>,
    pub last_seen: Option<i64>,
    pub signed: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vectors {
    pub jwks: Value,
    pub issuer: String,
    pub product_id: String,
    pub cases: Vec<Case>,
}

pub fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

pub fn ring_of(seeds: &[[u8; 32]]) -> KeyRing {
    let (under, mut rng) = (master().vault().unwrap(), ChaCha20Rng::seed_from_u64(1));
    let place = Place { shop: Uuid::nil(), table: "data_keys", id: Uuid::nil() };
    let kept: Vec<Kept> =
        seeds.iter().map(|seed| Kept { place, sealed: under.seal(place, seed, &mut rng).unwrap() }).collect();
    let ring = KeyRing::new(under);
    ring.load(&kept).unwrap();
    ring
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Signed by the right key, under any header.
fn signed_under(header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEEDS[1]).unwrap();
    format!("{signed}.{}", encode(pair.sign(signed.as_bytes())))
}

/// `base` with these members in place of its own.
fn but(base: &Value, other: Value) -> Value {
    let mut changed = base.clone();
    changed.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    changed
}

fn verdict() -> Value {
    json!({
        "iss": ISSUER, "license_id": "0199d7a8-5c00-7a10-8000-000000000002", "product_id": PRODUCT,
        "key_hash": sha256(KEY), "hardware_id_hash": sha256(&MACHINE.to_lowercase()), "verdict": "VALID",
        "status": "ACTIVE", "expires_at": null, "nonce": NONCE, "iat": NOW, "exp": NOW + 300,
    })
}

fn file() -> Value {
    let mut claims = but(&verdict(), json!({ "entitlements": ["export"], "exp": NOW + 30 * DAY }));
    claims.as_object_mut().unwrap().retain(|name, _| name != "nonce" && name != "verdict");
    claims
}

fn verdict_case(name: &str, expect: &str, signed: String) -> Case {
    let (name, expect, document) = (name.into(), expect.into(), "verdict".into());
    let (key, hardware_id) = (KEY.into(), Some(MACHINE.into()));
    Case { name, expect, document, key, hardware_id, now: NOW + 2, nonce: Some(NONCE.into()), last_seen: None, signed }
}

fn file_case(name: &str, expect: &str, signed: String) -> Case {
    let case = verdict_case(name, expect, signed);
    Case { document: "license_file".into(), now: NOW + DAY, nonce: None, last_seen: Some(NOW + DAY - 60), ..case }
}

fn verdicts(ring: &KeyRing) -> Vec<Case> {
    let sign = |other: Value| ring.sign(VERDICT, &but(&verdict(), other)).unwrap();
    let good = sign(json!({}));
    let at = |name: &str, expect: &str, now| Case { now, ..verdict_case(name, expect, good.clone()) };
    let nobody = sign(json!({ "hardware_id_hash": null }));
    vec![
        verdict_case("a verdict", "ok", good.clone()),
        Case {
            key: format!(" {KEY}\n"),
            hardware_id: Some(format!(" {} ", MACHINE.to_lowercase())),
            ..verdict_case("the same key and machine in another spelling", "ok", good.clone())
        },
        Case { hardware_id: None, ..verdict_case("no machine was named", "ok", nobody.clone()) },
        verdict_case("a refusal is signed as well", "LICENSE_REVOKED", sign(json!({ "verdict": "LICENSE_REVOKED" }))),
        Case { nonce: Some("another-nonce-01".into()), ..verdict_case("replayed", "wrong_nonce", good.clone()) },
        verdict_case("without a nonce", "wrong_nonce", sign(json!({ "nonce": null }))),
        Case {
            nonce: Some(String::new()),
            ..verdict_case("none asked for", "wrong_nonce", sign(json!({ "nonce": "" })))
        },
        at("the last second", "ok", NOW + 299),
        at("expired", "expired", NOW + 300),
        at("the clock is slow", "ok", NOW - 300),
        at("the clock was set back", "clock_set_back", NOW - 301),
        verdict_case("lives longer than a verdict does", "malformed", sign(json!({ "exp": NOW + 301 }))),
        verdict_case("without an end", "malformed", sign(json!({ "exp": null }))),
        verdict_case("of another server", "wrong_issuer", sign(json!({ "iss": "https://keys.example.org" }))),
        verdict_case("of another product", "other_product", sign(json!({ "product_id": "another" }))),
        Case { key: "KEYH-AAAA-BBBB-CCCC".into(), ..verdict_case("of another license", "other_license", good.clone()) },
        Case { hardware_id: Some("another".into()), ..verdict_case("other hardware", "other_hardware", good.clone()) },
        Case { hardware_id: None, ..verdict_case("machine not named", "other_hardware", good) },
        verdict_case("machine not in the verdict", "other_hardware", nobody),
        verdict_case("a license file for a verdict", "wrong_type", ring.sign(LICENSE, &verdict()).unwrap()),
    ]
}

fn files(ring: &KeyRing) -> Vec<Case> {
    let sign = |other: Value| ring.sign(LICENSE, &but(&file(), other)).unwrap();
    let good = sign(json!({}));
    let at =
        |name: &str, expect: &str, now, last_seen| Case { now, last_seen, ..file_case(name, expect, good.clone()) };
    let next = |seen: i64| format!("ok {seen}");
    vec![
        file_case("a license file", &next(NOW + DAY), good.clone()),
        at("just fetched", &next(NOW), NOW, Some(NOW)),
        at("its last second", &next(NOW + 30 * DAY - 1), NOW + 30 * DAY - 1, Some(NOW)),
        at("a file that ran out", "expired", NOW + 30 * DAY, Some(NOW)),
        at("set back by an hour", &next(NOW + DAY), NOW + DAY - 3_600, Some(NOW + DAY)),
        at("set back by more than an hour", "clock_set_back", NOW + DAY - 3_601, Some(NOW + DAY)),
        at("set back before it was issued", "clock_set_back", NOW - 301, Some(NOW - 301)),
        at("a little before it was issued", &next(NOW - 300), NOW - 300, Some(NOW - 300)),
        at("what was seen is gone", "ask_online", NOW + DAY, None),
        Case {
            hardware_id: Some("another".into()),
            ..file_case("a file of other hardware", "other_hardware", good.clone())
        },
        Case {
            hardware_id: None,
            ..file_case("a file of no machine", "other_hardware", sign(json!({ "hardware_id_hash": null })))
        },
        file_case("lives longer than a file does", "malformed", sign(json!({ "exp": NOW + 90 * DAY + 1 }))),
        file_case("ninety days", &next(NOW + DAY), sign(json!({ "exp": NOW + 90 * DAY }))),
        file_case("a verdict for a license file", "wrong_type", ring.sign(VERDICT, &file()).unwrap()),
    ]
}

/// What a fake server, or a library that is too kind, might let through.
fn forgeries(ring: &KeyRing) -> Vec<Case> {
    let good = ring.sign(VERDICT, &verdict()).unwrap();
    let kid = &ring.kids()[1];
    let header = json!({ "alg": "EdDSA", "kid": kid, "typ": VERDICT });
    let (head, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let refused = ring.sign(VERDICT, &but(&verdict(), json!({ "verdict": "LICENSE_EXPIRED" }))).unwrap();
    let (_, refused_signature) = refused.rsplit_once('.').unwrap();
    // The last character holds two bits of the signature, and four that say nothing and must be zero.
    let last = good.chars().last().unwrap();
    assert!("AQgw".contains(last));
    let spare = format!("{}{}", &good[..good.len() - 1], char::from(last as u8 + 1));
    let foreign = ring_of(&[[9; 32], [8; 32]]).sign(VERDICT, &verdict()).unwrap();
    vec![
        verdict_case("any header", "ok", signed_under(&header, &verdict())),
        verdict_case("signed by a key that is not pinned", "unknown_key", foreign),
        verdict_case("no kid", "unknown_key", signed_under(&json!({ "alg": "EdDSA", "typ": VERDICT }), &verdict())),
        verdict_case("alg none", "bad_signature", {
            let header = encode(but(&header, json!({ "alg": "none" })).to_string());
            format!("{header}.{body}.")
        }),
        verdict_case("alg HS256", "bad_signature", signed_under(&but(&header, json!({ "alg": "HS256" })), &verdict())),
        verdict_case(
            "a critical extension",
            "malformed",
            signed_under(&but(&header, json!({ "crit": ["b64"], "b64": false })), &verdict()),
        ),
        verdict_case("the signature of another answer", "bad_signature", format!("{head}.{body}.{refused_signature}")),
        verdict_case("an altered byte", "bad_signature", {
            let claims = but(&verdict(), json!({ "iat": NOW + 1 }));
            format!("{head}.{}.{signature}", encode(claims.to_string()))
        }),
        verdict_case("another spelling of the signature", "malformed", spare),
        verdict_case("padded", "malformed", format!("{good}==")),
        verdict_case("cut short", "bad_signature", format!("{head}.{body}.{}", &signature[..84])),
        verdict_case("one part too many", "malformed", format!("{good}.AAAA")),
        verdict_case("no signature at all", "malformed", format!("{head}.{body}")),
        verdict_case("nothing", "malformed", String::new()),
    ]
}

pub fn vectors() -> Vectors {
    let ring = ring_of(&SEEDS);
    let jwks = serde_json::to_value(ring.public()).unwrap();
    let cases = [verdicts(&ring), files(&ring), forgeries(&ring)].concat();
    Vectors { jwks, issuer: ISSUER.into(), product_id: PRODUCT.into(), cases }
}

/// Every document that differs from a good one in one character.
pub fn alterations() -> Vectors {
    let all = vectors();
    let mut cases = Vec::new();
    for good in all.cases.iter().filter(|case| ["a verdict", "a license file"].contains(&case.name.as_str())) {
        for at in 0..good.signed.len() {
            for to in ["A", "B", "_", ".", "=", "é", ""] {
                let signed = format!("{}{to}{}", &good.signed[..at], &good.signed[at + 1..]);
                if signed != good.signed {
                    let name = format!("{}: {to:?} at {at}", good.name);
                    cases.push(Case { name, signed, expect: String::new(), ..good.clone() });
                }
            }
        }
    }
    Vectors { cases, ..all }
}

/// What the verifier in Rust makes of each.
pub fn in_rust(vectors: &Vectors) -> Vec<String> {
    let verifier = Verifier::new(&vectors.jwks, &vectors.issuer, &vectors.product_id);
    let judge = |case: &Case| {
        let here = Here { key: &case.key, hardware_id: case.hardware_id.as_deref(), now: case.now };
        let judged = match case.document.as_str() {
            "verdict" => verifier.verdict(&case.signed, here, case.nonce.as_deref().unwrap()).map(|_| "ok".to_owned()),
            _ => verifier.license_file(&case.signed, here, case.last_seen).map(|(_, seen)| format!("ok {seen}")),
        };
        judged.unwrap_or_else(|refused| refused.0)
    };
    vectors.cases.iter().map(judge).collect()
}

/// Asserts that each case was taken for what it is.
pub fn check(vectors: &Vectors, judged: &[String]) {
    assert_eq!(judged.len(), vectors.cases.len());
    for (case, judged) in vectors.cases.iter().zip(judged) {
        if case.expect.is_empty() {
            assert!(!judged.starts_with("ok"), "{} was believed: {}", case.name, case.signed);
        } else {
            assert_eq!(*judged, case.expect, "{}", case.name);
        }
    }
}

#[test]
fn the_vectors_are_what_they_were() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/signing/vectors.json");
    let made = serde_json::to_string_pretty(&vectors()).unwrap() + "\n";
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&file, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept == made, "clients in the field verify these; INSTA_UPDATE=always writes others");
}

#[test]
fn the_verifier_in_rust_takes_each_for_what_it_is() {
    check(&vectors(), &in_rust(&vectors()));
}

#[test]
fn the_verifier_in_rust_refuses_any_altered_character() {
    check(&alterations(), &in_rust(&alterations()));
}

#[test]
fn a_license_file_is_small() {
    let file = vectors().cases.into_iter().find(|case| case.document == "license_file").unwrap();
    assert!(file.signed.len() < 1_024, "{} bytes (promises LIC-4)", file.signed.len());
}
