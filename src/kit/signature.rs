//! Signatures over what we send, so that a receiver knows it is from us and fresh: the current scheme,
//! and the one that receivers in the field still verify (contract 5.1).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Sha256, Sha512};

use super::vault::hex;

/// What goes into `…-Signature-V2-Algorithm` and `…-Signature-Algorithm`.
pub const V2_ALGORITHM: &str = "HMAC-SHA256";
pub const LEGACY_ALGORITHM: &str = "HMAC-SHA512";

/// `v1,t=<timestamp>,h=<hex HMAC-SHA256 of "delivery.timestamp.body">`.
#[must_use]
pub fn v2(secret: &SecretString, delivery: &str, timestamp_s: i64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return String::new(); // HMAC takes a key of any length
    };
    mac.update(format!("{delivery}.{timestamp_s}.").as_bytes());
    mac.update(body);
    format!("v1,t={timestamp_s},h={}", hex(&mac.finalize().into_bytes()))
}

/// Hex HMAC-SHA512 of the body alone.
#[must_use]
pub fn legacy(secret: &SecretString, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    hex(&mac.finalize().into_bytes())
}

/// Of an endpoint's secret; base64 of its bytes follows.
pub const SECRET_PREFIX: &str = "whsec_";

/// `sha256=<hex HMAC-SHA256 of the body>`, keyed with the secret as it was shown (contract 5.4, R20).
#[must_use]
pub fn of_body(secret: &SecretString, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

/// Standard Webhooks 1.0: `v1,<base64 HMAC-SHA256 of "id.timestamp.body">`, keyed with the bytes that the
/// secret's base64 stands for; `None` where it is no such secret.
#[must_use]
pub fn standard(secret: &SecretString, id: &str, timestamp_s: i64, body: &[u8]) -> Option<String> {
    let key = BASE64_STANDARD.decode(secret.expose_secret().strip_prefix(SECRET_PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp_s}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `printf … | openssl dgst -sha256 -hmac whsec_test` (and `-sha512`).
    #[test]
    fn both_schemes_give_what_openssl_gives() {
        let secret = SecretString::from("whsec_test");
        let body = br#"{"event":"order:paid"}"#;
        assert_eq!(
            v2(&secret, "whd_abc123", 1_700_000_000, body),
            "v1,t=1700000000,h=ff723595eef07e9b3d6c172a66ccec32c1bff8548f3fcb1529ce73c0c67a6cb3"
        );
        assert_eq!(
            legacy(&secret, body),
            "6d0762ecdb7aac226daaad98595f4fab538501b8d7a8f857a760641b8a4f2a781b7d1f4ce0d363fe3ef85a53dbbfa2bbb8bd40d87a62197449a6fd6003ca27b2"
        );
    }

    /// The second is the example of the Standard Webhooks specification.
    #[test]
    fn the_body_alone_and_the_standard_give_what_others_give() {
        let body = br#"{"event":"order:paid"}"#;
        assert_eq!(of_body(&SecretString::from("whsec_test"), body).len(), "sha256=".len() + 64);
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = standard(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(standard(&SecretString::from("whsec_test!"), "a", 1, b""), None);
    }

    #[test]
    fn a_signature_is_of_this_delivery_instant_and_body() {
        let secret = SecretString::from("whsec_test");
        let one = v2(&secret, "a", 1, b"x");
        for other in [v2(&secret, "b", 1, b"x"), v2(&secret, "a", 2, b"x"), v2(&secret, "a", 1, b"y")] {
            assert_ne!(one, other);
        }
        assert_ne!(one, v2(&SecretString::from("another"), "a", 1, b"x"));
    }
}
