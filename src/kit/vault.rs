//! The house's secrets at work: sealing (XChaCha20-Poly1305, bound to shop, table and id), keyed
//! hashes for look-up, and tags for cursors. The keys themselves are made and kept by
//! [`crate::domain::data_keys`], sealed by the operator's master key.

use std::fmt::Write as _;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::{Error, Result};

const NONCE_BYTES: usize = 24;
/// The first byte of every sealed value: which layout follows.
const FORMAT: u8 = 1;

/// What a sealed value belongs to; it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub shop: Uuid,
    pub table: &'static str,
    pub id: Uuid,
}

impl Place {
    fn associated(self) -> Vec<u8> {
        [self.shop.as_bytes(), self.table.as_bytes(), self.id.as_bytes()].concat()
    }
}

/// One data key: its short id travels in each ciphertext, so that keys can rotate.
#[derive(Clone)]
pub struct SealingKey {
    pub id: u32,
    pub key: [u8; 32],
}

#[derive(Clone)]
pub struct Vault {
    /// Newest first: the first seals, all open.
    sealing: Vec<(u32, XChaCha20Poly1305)>,
    /// Never rotates: hashes made with it are stored.
    lookup: [u8; 32],
}

impl Vault {
    /// # Errors
    /// [`Error::Internal`] without a sealing key.
    pub fn new(sealing: &[SealingKey], lookup: [u8; 32]) -> Result<Self> {
        if sealing.is_empty() {
            return Err(Error::Internal("no sealing key".into()));
        }
        let sealing = sealing.iter().map(|k| (k.id, XChaCha20Poly1305::new(&Key::from(k.key)))).collect();
        Ok(Self { sealing, lookup })
    }

    /// # Errors
    /// [`Error::Internal`] if the cipher refuses, which it does only beyond 256 GiB.
    pub fn seal(&self, place: Place, plain: &[u8], rng: &mut impl Rng) -> Result<Vec<u8>> {
        let (id, cipher) = &self.sealing[0];
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload { msg: plain, aad: &place.associated() };
        let sealed =
            cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Error::Internal("sealing failed".into()))?;
        Ok([&[FORMAT][..], &id.to_be_bytes(), &nonce, &sealed].concat())
    }

    /// # Errors
    /// [`Error::Internal`] where the value was not sealed for this place, or its key is gone.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Vec<u8>> {
        let fault = |what: &str| Error::Internal(format!("{}: {what}", place.table));
        let header = 1 + 4 + NONCE_BYTES;
        if sealed.len() < header || sealed[0] != FORMAT {
            return Err(fault("not a sealed value"));
        }
        let mut id = [0; 4];
        id.copy_from_slice(&sealed[1..5]);
        let id = u32::from_be_bytes(id);
        let (_, cipher) =
            self.sealing.iter().find(|(k, _)| *k == id).ok_or_else(|| fault("sealed with a key that is gone"))?;
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&sealed[5..header]);
        let payload = Payload { msg: &sealed[header..], aad: &place.associated() };
        cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| fault("does not open here"))
    }

    /// A keyed hash by which a stored secret is found and compared: the first 16 bytes of HMAC-SHA-256.
    #[must_use]
    pub fn lookup_hash(&self, shop: Uuid, text: &str) -> [u8; 16] {
        let full = self.mac("lookup", &[shop.as_bytes(), text.as_bytes()]);
        let mut hash = [0; 16];
        hash.copy_from_slice(&full[..16]);
        hash
    }

    /// A tag over `parts` that only this house can make. Each part is framed by its length.
    #[must_use]
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.lookup, purpose, parts)
    }

    /// Fixed keys, so that a unit test needs no database.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::new(&[SealingKey { id: 1, key: [1; 32] }], [2; 32]).unwrap()
    }
}

fn mac(key: &[u8; 32], purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] }; // HMAC takes a key of any length
    for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The operator's key: it seals the data keys and nothing else.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    #[must_use]
    pub fn generate(rng: &mut impl Rng) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self(key)
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut key = [0; 32];
        for (i, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(Self(key))
    }

    /// As [`MasterKey::parse`] reads it: for the key file, and nowhere else.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Which key this is, safe to show: eight digits of its hash.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&Sha256::digest([b"keyhouse master".as_slice(), &self.0].concat())[..4])
    }

    /// A vault that seals data keys.
    ///
    /// # Errors
    /// Never in practice: one key is enough for a vault.
    pub fn vault(&self) -> Result<Vault> {
        Vault::new(
            &[SealingKey { id: 0, key: mac(&self.0, "seal data keys", &[]) }],
            mac(&self.0, "master lookup", &[]),
        )
    }
}

/// Lower-case digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha20Rng;

    fn place(id: u128) -> Place {
        Place { shop: Uuid::from_u128(1), table: "serials", id: Uuid::from_u128(id) }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_its_place_alone(plain in proptest::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>()) {
            let vault = Vault::for_tests();
            let mut sealed = vault.seal(place(1), &plain, &mut ChaCha20Rng::seed_from_u64(3)).unwrap();
            prop_assert_eq!(vault.open(place(1), &sealed).unwrap(), plain);
            prop_assert!(vault.open(place(2), &sealed).is_err());
            let at = at.index(sealed.len());
            sealed[at] ^= 1;
            prop_assert!(vault.open(place(1), &sealed).is_err());
        }
    }

    #[test]
    fn a_master_key_is_read_back_from_its_file_form() {
        let key = MasterKey::generate(&mut ChaCha20Rng::seed_from_u64(3));
        let again = MasterKey::parse(&format!("{}\n", key.to_hex())).unwrap();
        assert_eq!(again.id(), key.id());
        assert!(MasterKey::parse("short").is_none());
    }
}
