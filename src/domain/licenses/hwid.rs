//! What a machine says it is.
//!
//! Normalisation, the same for every client: white space around it is cut; what is left is 1 to 256
//! printable ASCII characters (so no look-alikes of other alphabets); two are the same machine where they
//! are equal without regard to the case of ASCII letters. It is kept and shown as it was first given.

use sha2::{Digest, Sha256};

use crate::kit::vault::hex;

const CHARS_MAX: usize = 256;

#[derive(Clone, Debug)]
pub struct Hwid(String);

impl Hwid {
    /// # Errors
    /// What is wrong with it, in words for the client.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("must not be empty");
        }
        if text.len() > CHARS_MAX {
            return Err("must have at most 256 characters");
        }
        if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Err("must hold printable ASCII characters only");
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As signed verdicts name it: SHA-256 of the lower-case form, in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.0.to_ascii_lowercase()))
    }

    /// As the database keeps it: it was read before it was written.
    pub(super) fn kept(text: String) -> Self {
        Self(text)
    }
}

impl PartialEq for Hwid {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Hwid {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_machine_has_many_spellings() {
        let hwid = Hwid::parse("AB-12-cd").unwrap();
        assert_eq!(hwid, Hwid::parse("  ab-12-CD\t").unwrap());
        assert_eq!(hwid.hash(), Hwid::parse("ab-12-cd").unwrap().hash());
        assert_ne!(hwid, Hwid::parse("ab-12-ce").unwrap());
    }

    #[test]
    fn what_is_no_machine_is_refused() {
        let long = "x".repeat(CHARS_MAX + 1);
        for bad in ["", "   ", "a\0b", "a\nb", "АВ-12", "ab\u{200b}", "\u{ff21}B", long.as_str()] {
            assert!(Hwid::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Hwid::parse(&"x".repeat(CHARS_MAX)).is_ok());
    }

    proptest! {
        #[test]
        fn equal_is_equal_hash(a in "[ -~]{1,6}", b in "[ -~]{1,6}") {
            if let (Ok(a), Ok(b)) = (Hwid::parse(&a), Hwid::parse(&b)) {
                prop_assert_eq!(a == b, a.hash() == b.hash());
            }
        }
    }
}
