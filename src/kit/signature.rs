//! Signatures over what we send, so that a receiver knows it is from us and fresh: the current scheme,
//! and the one that receivers in the field still verify (contract 5.1).

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
