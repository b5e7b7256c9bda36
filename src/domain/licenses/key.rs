//! A license's key: made here, or given by the merchant; never logged.

use rand::{Rng, RngExt as _};

use crate::domain::products::Product;
use crate::error::{Error, Result};

/// Crockford's alphabet: nothing in it is taken for anything else. 32 characters, 5 bits each.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const KEY_BYTES_MAX: usize = 512;
const PATTERN_CHARS_MAX: usize = 128;
/// Of a pattern: 25 characters are 125 bits.
const RANDOM_CHARS_MIN: usize = 25;

#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// # Errors
    /// What is wrong with it, in words for the client; never the key itself.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("must not be empty");
        }
        if text.len() > KEY_BYTES_MAX {
            return Err("must have at most 512 bytes");
        }
        if text.chars().any(char::is_control) {
            return Err("must not hold control characters");
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Key {
    /// As the database keeps it: it was read before it was sealed.
    pub(super) const fn kept(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// How a product's keys look: `X` is a random character, everything else stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Default for Pattern {
    fn default() -> Self {
        Self("XXXXX-XXXXX-XXXXX-XXXXX-XXXXX".into())
    }
}

impl Pattern {
    /// How this product's generated keys look.
    ///
    /// # Errors
    /// [`Error::Internal`] where what is kept is no pattern.
    pub(super) fn of(product: &Product) -> Result<Self> {
        let fault = |what| Error::Internal(format!("the key pattern of {} {what}", product.id));
        product
            .licensing
            .key_pattern
            .as_deref()
            .map_or_else(|| Ok(Self::default()), |text| Self::parse(text).map_err(fault))
    }

    /// # Errors
    /// What is wrong with it, in words for the client.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > PATTERN_CHARS_MAX || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
            return Err("must have at most 128 letters, digits, hyphens, dots and underscores");
        }
        if text.bytes().filter(|b| *b == b'X').count() < RANDOM_CHARS_MIN {
            return Err("must have at least 25 times X, each a random character");
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn make(&self, rng: &mut impl Rng) -> Key {
        let mut random = || char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]);
        Key(self.0.chars().map(|c| if c == 'X' { random() } else { c }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha20Rng;

    #[test]
    fn a_made_key_follows_its_pattern() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = Pattern::parse("ACME-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX").unwrap().make(&mut rng);
        assert_eq!((key.as_str().len(), &key.as_str()[..5]), (34, "ACME-"));
        assert!(Key::parse(key.as_str()).is_ok());
        assert_ne!(key, Pattern::default().make(&mut rng));
        assert_eq!(format!("{key:?}"), "Key(…)");
    }

    #[test]
    fn a_pattern_has_125_bits_at_least() {
        assert!(Pattern::parse(Pattern::default().as_str()).is_ok());
        for bad in ["", "XXXXX-XXXXX-XXXXX-XXXXX-XXXX", &"X".repeat(129), "XXXXX XXXXX XXXXX XXXXX XXXXX"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
