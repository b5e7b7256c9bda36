//! Signed verdicts and license files, verified as a client does: with the published keys alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};

use super::{license, path, validate};
use crate::house::actor::Answer;
use crate::house::{TestApp, house};

const NONCE: &str = "0123456789abcdef0123";

/// The claims, if a published key signed them as this type.
async fn verified(app: &TestApp, token: &str, r#type: &str) -> Value {
    let jwks = app.stranger().get("/.well-known/jwks.json").await;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!(r#type)));
    let keys = jwks.is(200).json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 2, "the signer and its successor");
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let public: [u8; 32] = decode(key["x"].as_str().unwrap()).try_into().unwrap();
    let signature = Signature::from_slice(&decode(signature)).unwrap();
    VerifyingKey::from_bytes(&public).unwrap().verify_strict(signed.as_bytes(), &signature).unwrap();
    serde_json::from_slice(&decode(claims)).unwrap()
}

fn signed_refusal(answer: &Answer) -> &str {
    let details = answer.json()["error"]["details"].as_array().unwrap();
    assert_eq!(details.last().unwrap()["field"], "signed");
    details.last().unwrap()["message"].as_str().unwrap()
}

#[test]
fn a_verdict_is_signed_where_a_nonce_asks_for_it() {
    house(async |app| {
        let license = license(app, json!({ "license_key": "KEY-1", "expires_at": "2030-01-01T00:00:00Z" })).await;
        let answer = validate(app, &license, json!({ "hardware_id": "M1", "nonce": NONCE })).await;
        let token = answer.is(200).json()["data"]["signed"].as_str().unwrap();
        let claims = verified(app, token, "kh-verdict+jwt").await;
        let iat = app.now().timestamp();
        assert_eq!(
            claims,
            json!({
                "iss": "http://keyhouse.test", "license_id": license["id"], "product_id": license["product_id"],
                "key_hash": sha256("KEY-1"), "hardware_id_hash": sha256("m1"), "verdict": "VALID",
                "status": "ACTIVE", "expires_at": "2030-01-01T00:00:00.000Z", "nonce": NONCE, "iat": iat, "exp": iat + 300,
            })
        );
    });
}

#[test]
fn refusals_are_signed_as_well() {
    house(async |app| {
        let license = license(app, json!({ "hardware_id": "M1" })).await;
        let other = validate(app, &license, json!({ "hardware_id": "M2", "nonce": NONCE })).await;
        let claims = verified(app, signed_refusal(other.is(400)), "kh-verdict+jwt").await;
        assert_eq!(claims["verdict"], "LICENSE_HWID_MISMATCH");
        assert_eq!((&claims["hardware_id_hash"], &claims["status"]), (&json!(sha256("m2")), &json!("ACTIVE")));
        let unknown = validate(app, &license, json!({ "key": "nobody", "nonce": NONCE })).await;
        let claims = verified(app, signed_refusal(unknown.is(404)), "kh-verdict+jwt").await;
        assert_eq!((&claims["verdict"], &claims["license_id"]), (&json!("LICENSE_NOT_FOUND"), &Value::Null));
    });
}

#[test]
fn a_license_file_is_bound_to_its_machine_and_ends_with_its_license() {
    house(async |app| {
        let end = app.now() + Duration::days(3);
        let license = license(app, json!({ "expires_at": end.to_rfc3339() })).await;
        let file = format!("{}/file", path(&license));
        app.developer().post(&file, json!({})).await.is(422);
        let answer = app.developer().post(&file, json!({ "hardware_id": "M1", "ttl_hours": 24 })).await;
        let token = answer.is(200).json()["data"]["license_file"].as_str().unwrap().to_owned();
        assert!(token.len() < 1_024, "{} bytes", token.len());
        let claims = verified(app, &token, "kh-license+jwt").await;
        assert_eq!((&claims["hardware_id_hash"], &claims["license_id"]), (&json!(sha256("m1")), &license["id"]));
        let at = |claims: &Value| DateTime::<Utc>::from_timestamp(claims["exp"].as_i64().unwrap(), 0).unwrap();
        assert_eq!(at(&claims).timestamp(), (app.now() + Duration::hours(24)).timestamp());
        let longest = app.developer().post(&file, json!({ "ttl_hours": 2160 })).await;
        let token = longest.is(200).json()["data"]["license_file"].as_str().unwrap();
        assert_eq!(at(&verified(app, token, "kh-license+jwt").await).timestamp(), end.timestamp());
        app.developer().post(&file, json!({ "hardware_id": "M2" })).await.is(400).has_code("LICENSE_HWID_MISMATCH");
        app.developer().post(&file, json!({ "ttl_hours": 2161 })).await.is(422);
        app.developer().patch(&path(&license), json!({ "status": "REVOKED" })).await.is(200);
        app.developer().post(&file, json!({})).await.is(400).has_code("LICENSE_REVOKED");
    });
}

fn sha256(text: &str) -> String {
    keyhouse::kit::vault::hex(&keyhouse::kit::secret::hash(text))
}
