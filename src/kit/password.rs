//! What a person signs in with. It is compared in Unicode's composed form (NFC), so that the same letters
//! are the same password on every keyboard, and is never shown, not even in a log of ours.

use icu_normalizer::ComposingNormalizerBorrowed;
use secrecy::{ExposeSecret as _, SecretString};

use super::json::{Json, Reading, text, wrong};

const CHARS_MIN: usize = 10;
/// Far beyond any sentence; a bound, so that nobody has us hash megabytes (promises section 9, row 81).
const BYTES_MAX: usize = 1_024;
/// Of those long enough, what people choose first and guessers try first; in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }

    /// As a new one.
    ///
    /// # Errors
    /// Where it is too short, or among the first that anybody would try.
    pub fn choose(self) -> Reading<Self> {
        let chosen = self.0.expose_secret();
        if chosen.chars().count() < CHARS_MIN {
            return Err(wrong(format!("must have at least {CHARS_MIN} characters")));
        }
        let mut letters = chosen.chars();
        let first = letters.next();
        if letters.all(|letter| Some(letter) == first) || COMMON.lines().any(|common| common == chosen.to_lowercase()) {
            return Err(wrong("is too easily guessed; take another one"));
        }
        Ok(self)
    }
}

/// A password as somebody signs in with it.
///
/// # Errors
/// Where it is longer than any password of ours.
pub fn password(value: Json) -> Reading<Password> {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&text(value)?).into_owned();
    if composed.len() > BYTES_MAX {
        return Err(wrong(format!("must have at most {BYTES_MAX} bytes")));
    }
    Ok(Password(composed.into()))
}

/// A password that somebody chooses.
///
/// # Errors
/// Where it is too short, too long, or among the first that anybody would try.
pub fn new_password(value: Json) -> Reading<Password> {
    password(value)?.choose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chosen(text: &str) -> Reading<Password> {
        new_password(Json::Text(text.into()))
    }

    #[test]
    fn a_password_is_neither_short_nor_endless_nor_everybodys() {
        assert!(chosen("correct horse").is_ok());
        assert!(chosen(&"ab".repeat(512)).is_ok());
        let endless = "ab".repeat(513);
        for bad in ["", "a", "123456789", "1234567890", "Password123", "aaaaaaaaaaaaaaaa", &endless] {
            assert!(chosen(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_the_same_composed_and_decomposed() {
        let (composed, decomposed) = (chosen("zw\u{f6}lfzylinder").unwrap(), chosen("zwo\u{308}lfzylinder").unwrap());
        assert_eq!(composed.bytes(), decomposed.bytes());
        assert!(!format!("{composed:?}").contains("zylinder"));
    }

    #[test]
    fn the_common_ones_are_such_as_would_be_taken_otherwise() {
        for common in COMMON.lines() {
            assert!(common.len() >= CHARS_MIN && common == common.to_lowercase(), "{common}");
            assert!(chosen(common).is_err(), "{common}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "\\PC{0,60}") {
            let _ = chosen(&text);
        }
    }
}
