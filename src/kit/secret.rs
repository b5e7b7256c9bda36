//! Keys and tokens: prefix, random base62, and a six-character checksum, so that garbage is refused
//! without a query and scanners can tell a leak from noise. Only the SHA-256 is ever stored.

use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM_CHARS: usize = 6;

/// What a credential is for. The prefix of each is part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    MerchantLive,
    MerchantTest,
    Developer,
    Reseller,
    Checkout,
    Session,
    PasswordReset,
    Invitation,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::MerchantLive,
        Self::MerchantTest,
        Self::Developer,
        Self::Reseller,
        Self::Checkout,
        Self::Session,
        Self::PasswordReset,
        Self::Invitation,
    ];

    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::MerchantLive => "sx_live_",
            Self::MerchantTest => "sx_test_",
            Self::Developer => "shx_",
            Self::Reseller => "shr_",
            Self::Checkout => "cs_",
            Self::Session => "ses_",
            Self::PasswordReset => "rst_",
            Self::Invitation => "inv_",
        }
    }

    /// What a client calls it, for error texts.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::MerchantLive | Self::MerchantTest => "a merchant API key (sx_…)",
            Self::Developer => "a developer API key (shx_…)",
            Self::Reseller => "a reseller API key (shr_…)",
            Self::Checkout => "a checkout token (cs_…)",
            Self::Session => "a session token (ses_…)",
            Self::PasswordReset => "the token of a password reset (rst_…)",
            Self::Invitation => "the token of an invitation (inv_…)",
        }
    }

    /// Published clients expect 32 characters after `shx_`; the others carry 160 bits and more.
    const fn random_chars(self) -> usize {
        match self {
            Self::Developer => 26,
            _ => 27,
        }
    }
}

/// A freshly made secret: shown once, then only its hash is known.
pub struct Minted {
    pub secret: SecretString,
    pub hash: [u8; 32],
    /// What a list shows, so that people can tell their keys apart.
    pub last4: String,
}

#[must_use]
pub fn mint(kind: Kind, rng: &mut impl Rng) -> Minted {
    let random: String = std::iter::repeat_with(|| rng.next_u32() >> 26)
        .filter(|i| *i < 62) // 6 bits, those beyond the alphabet drawn again, so that every character is equally likely
        .take(kind.random_chars())
        .map(|i| char::from(BASE62[i as usize]))
        .collect();
    let body = format!("{}{random}", kind.prefix());
    let text = format!("{body}{}", checksum(&body));
    Minted { hash: hash(&text), last4: text[text.len() - 4..].to_owned(), secret: text.into() }
}

/// Which kind of credential this is, if it is a well-formed one: the checksum fits.
#[must_use]
pub fn recognise(text: &str) -> Option<Kind> {
    let kind = Kind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
    let body_len = kind.prefix().len() + kind.random_chars();
    let well_formed = text.len() == body_len + CHECKSUM_CHARS
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && checksum(&text[..body_len]) == text[body_len..];
    well_formed.then_some(kind)
}

#[must_use]
pub fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// The number of a key's advisory lock: the first 8 bytes of its hash, so that no look-up comes before.
#[must_use]
pub fn lock_number(hash: &[u8; 32]) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(first)
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|b| char::from(*b)).collect()
}

/// The secret itself, for the one answer that shows it.
#[must_use]
pub fn reveal(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha20Rng;

    #[test]
    fn every_kind_recognises_its_own() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for kind in Kind::ALL {
            let minted = mint(kind, &mut rng);
            let text = reveal(&minted.secret);
            assert_eq!(recognise(&text), Some(kind));
            assert_eq!(hash(&text), minted.hash);
            assert!(text.ends_with(&minted.last4));
        }
        assert_eq!(reveal(&mint(Kind::Developer, &mut rng).secret).len(), 4 + 32);
    }

    proptest! {
        #[test]
        fn random_strings_are_refused(tail in "[0-9A-Za-z]{33}") {
            prop_assert_eq!(recognise(&format!("sx_live_{tail}")), None);
            prop_assert_eq!(recognise(&tail), None);
        }

        #[test]
        fn anything_at_all_is_read_without_panic(text in "\\PC{0,60}") {
            let _ = recognise(&text);
        }
    }
}
