//! Signed documents that anybody can check and nobody else can make: compact JWS (RFC 7515) with Ed25519
//! (RFC 8037), so that any JOSE library verifies them. The algorithm is fixed and never chosen by what
//! came in. The keys are made and kept by [`crate::domain::data_keys`].

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD; // strict: no padding, no bits left over, no white space
use rand::Rng;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::vault::{Place, Vault};
use crate::error::{Error, Result};

/// The answer to one validation, good for minutes.
pub const VERDICT: &str = "kh-verdict+jwt";
/// A license that can be checked offline, good for days.
pub const LICENSE: &str = "kh-license+jwt";

const ALGORITHM: &str = "EdDSA";

/// What stands before the claims. Nothing else is ever accepted there, `crit` and `jwk` least of all.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// A public key (RFC 8037), as clients pin it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    pub kty: String,
    pub crv: String,
    pub alg: String,
    #[serde(rename = "use")]
    pub usage: String,
    pub kid: String,
    pub x: String,
}

/// A JWK set (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    pub keys: Vec<Jwk>,
}

struct SigningKey {
    kid: String,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    fn from_seed(seed: &[u8]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| Error::Internal("a signing key has the wrong size".into()))?;
        // The key's thumbprint (RFC 7638): its members in this order, without white space.
        let x = encode(pair.public_key());
        let kid = encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)));
        Ok(Self { kid, pair })
    }

    fn public(&self) -> Jwk {
        Jwk {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            alg: ALGORITHM.into(),
            usage: "sig".into(),
            kid: self.kid.clone(),
            x: encode(self.pair.public_key()),
        }
    }
}

/// A signing key as the database keeps it: its seed, sealed.
pub struct Kept {
    pub place: Place,
    pub sealed: Vec<u8>,
}

/// The signing keys at work. They can be replaced while others sign, so that a rotation needs no restart.
pub struct KeyRing {
    /// Opens what the database keeps.
    under: Vault,
    /// Newest first: the successor, the one that signs, and those that signed before.
    live: RwLock<Arc<[SigningKey]>>,
}

impl KeyRing {
    /// Without keys until they are [loaded](Self::load); `under` opens them.
    #[must_use]
    pub fn new(under: Vault) -> Self {
        Self { under, live: RwLock::new(Arc::new([])) }
    }

    /// Takes these keys, newest first, instead of those it had.
    ///
    /// # Errors
    /// [`Error::Internal`] where one does not open, or there is none; the ring then stays as it was.
    pub fn load(&self, kept: &[Kept]) -> Result<()> {
        let open = |kept: &Kept| SigningKey::from_seed(&self.under.open(kept.place, &kept.sealed)?);
        let keys = kept.iter().map(open).collect::<Result<Arc<[_]>>>()?;
        if keys.is_empty() {
            return Err(no_key());
        }
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// A new key, sealed, to be kept in the database.
    ///
    /// # Errors
    /// Never in practice: as [`Vault::seal`].
    pub fn make(&self, place: Place, rng: &mut impl Rng) -> Result<Kept> {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        Ok(Kept { place, sealed: self.under.seal(place, &seed, rng)? })
    }

    /// Signs `claims` as a document of this type.
    ///
    /// # Errors
    /// [`Error::Internal`] where there is no key, or the claims cannot be JSON.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String> {
        let live = self.live();
        // The newest was published just now: clients that pin keys may not have it yet.
        let key = live.get(1).or_else(|| live.first()).ok_or_else(no_key)?;
        let header = Header { alg: ALGORITHM.into(), kid: key.kid.clone(), typ: typ.into() };
        let signed = format!("{}.{}", json(&header)?, json(claims)?);
        let signature = key.pair.sign(signed.as_bytes());
        Ok(format!("{signed}.{}", encode(signature)))
    }

    /// The claims of a document of this type that one of the live keys signed; `None` for anything else.
    #[must_use]
    pub fn verify<T: DeserializeOwned>(&self, typ: &str, jws: &str) -> Option<T> {
        let (signed, signature) = jws.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        if header.alg != ALGORITHM || header.typ != typ {
            return None;
        }
        let live = self.live();
        let key = live.iter().find(|key| key.kid == header.kid)?;
        let public = UnparsedPublicKey::new(&ED25519, key.pair.public_key());
        public.verify(signed.as_bytes(), &decode(signature)?).ok()?;
        serde_json::from_slice(&decode(claims)?).ok()
    }

    /// What clients pin.
    #[must_use]
    pub fn public(&self) -> Jwks {
        Jwks { keys: self.live().iter().map(SigningKey::public).collect() }
    }

    /// The names of the live keys, newest first.
    #[must_use]
    pub fn kids(&self) -> Vec<String> {
        self.live().iter().map(|key| key.kid.clone()).collect()
    }

    fn live(&self) -> Arc<[SigningKey]> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn no_key() -> Error {
    Error::Internal("there is no signing key".into())
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_vec(value).map(encode).map_err(|e| Error::Internal(format!("claims: {e}")))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json as object};
    use uuid::Uuid;

    /// A ring of the keys of these seeds, newest first.
    fn ring(seeds: &[[u8; 32]]) -> KeyRing {
        let ring = KeyRing::new(Vault::for_tests());
        *ring.live.write().unwrap() = seeds.iter().map(|seed| SigningKey::from_seed(seed).unwrap()).collect();
        ring
    }

    /// A document with any header, signed by the first key.
    fn signed_as(ring: &KeyRing, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", json(header).unwrap(), json(claims).unwrap());
        format!("{signed}.{}", encode(ring.live()[0].pair.sign(signed.as_bytes())))
    }

    /// RFC 8037, appendix A.
    #[test]
    fn the_published_example_comes_out() {
        let seed = decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = SigningKey::from_seed(&seed).unwrap();
        assert_eq!(key.public().x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let signature = key.pair.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
        let published = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(encode(signature), published);
    }

    #[test]
    fn a_document_is_of_its_type_alone() {
        let ring = ring(&[[1; 32], [2; 32]]);
        let verdict = ring.sign(VERDICT, &object!({ "verdict": "VALID" })).unwrap();
        assert!(ring.verify::<Value>(VERDICT, &verdict).is_some());
        assert!(ring.verify::<Value>(LICENSE, &verdict).is_none());
    }

    #[test]
    fn the_algorithm_is_not_chosen_by_what_came_in() {
        let ring = ring(&[[1; 32]]);
        let kid = &ring.kids()[0];
        let good = object!({ "alg": "EdDSA", "kid": kid, "typ": VERDICT });
        assert!(ring.verify::<Value>(VERDICT, &signed_as(&ring, &good, &object!({}))).is_some());
        for alg in ["none", "HS256", "ES256", "Ed25519", "eddsa", ""] {
            let bad = object!({ "alg": alg, "kid": kid, "typ": VERDICT });
            let jws = signed_as(&ring, &bad, &object!({}));
            assert!(ring.verify::<Value>(VERDICT, &jws).is_none(), "{alg}");
            let (unsigned, _) = jws.rsplit_once('.').unwrap();
            assert!(ring.verify::<Value>(VERDICT, &format!("{unsigned}.")).is_none(), "{alg}, unsigned");
        }
        for bad in [
            object!({ "alg": "EdDSA", "kid": kid, "typ": VERDICT, "crit": ["exp"] }),
            object!({ "alg": "EdDSA", "kid": "another", "typ": VERDICT }),
            object!({ "alg": "EdDSA", "typ": VERDICT }),
        ] {
            assert!(ring.verify::<Value>(VERDICT, &signed_as(&ring, &bad, &object!({}))).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_successor_does_not_sign_yet_and_all_live_ones_verify() {
        let before = ring(&[[2; 32], [1; 32]]);
        let after = ring(&[[3; 32], [2; 32], [1; 32]]);
        let (old, new) = (before.sign(VERDICT, &1).unwrap(), after.sign(VERDICT, &2).unwrap());
        for ring in [&before, &after] {
            assert_eq!(ring.verify(VERDICT, &old), Some(1));
            assert_eq!(ring.verify(VERDICT, &new), Some(2), "who pinned the keys before the rotation");
        }
        let later = ring(&[[4; 32], [3; 32], [2; 32]]);
        assert_eq!(later.verify::<i32>(VERDICT, &old), None);
    }

    #[test]
    fn a_ring_that_cannot_be_loaded_keeps_its_keys() {
        let ring = ring(&[[1; 32]]);
        let kids = ring.kids();
        let place = |id| Place { shop: Uuid::nil(), table: "data_keys", id: Uuid::from_u128(id) };
        let mut kept = ring.make(place(1), &mut rand::rngs::ChaCha20Rng::from_seed([5; 32])).unwrap();
        kept.place = place(2);
        assert!(ring.load(&[kept]).is_err() && ring.load(&[]).is_err());
        assert_eq!(ring.kids(), kids);
    }

    use rand::SeedableRng as _;

    proptest! {
        #[test]
        fn any_altered_byte_is_refused(text in "\\PC{0,40}", at in any::<prop::sample::Index>(), to in "[ -~]") {
            let ring = ring(&[[8; 32], [7; 32]]);
            let jws = ring.sign(VERDICT, &object!({ "text": text })).unwrap();
            prop_assert_eq!(ring.verify(VERDICT, &jws), Some(object!({ "text": text })));
            let at = at.index(jws.len());
            let altered = format!("{}{to}{}", &jws[..at], &jws[at + 1..]);
            prop_assert!(altered == jws || ring.verify::<Value>(VERDICT, &altered).is_none());
        }

        #[test]
        fn anything_at_all_is_read_without_panic(text in "\\PC{0,60}|[A-Za-z0-9_-]{0,20}\\.[A-Za-z0-9_-]{0,20}\\.[A-Za-z0-9_-]{0,20}") {
            prop_assert!(ring(&[[1; 32]]).verify::<Value>(VERDICT, &text).is_none());
        }
    }
}
