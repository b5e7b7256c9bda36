//! Values that can only be parsed: holding one means that it is right. Bounds are in characters.

use serde::{Serialize, Serializer};

use super::json::{Json, Reading, text, wrong};
use super::money::{Cents, Currency, Percent};
use super::web_address::{Reach, WebAddress};

/// RFC 5321: 256 octets for a path, less the angle brackets.
const EMAIL_CHARS_MAX: usize = 254;
const NAME_CHARS_MAX: usize = 200;
/// A price is at most 999,999,999.99 of a currency with two decimals.
pub const PRICE_CENTS_MAX: i64 = 99_999_999_999;

/// One mailbox, as typed. Compared without case ([`Email::key`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let options =
            email_address::Options::default().without_display_text().without_domain_literal().with_required_tld();
        let plain = text.chars().count() <= EMAIL_CHARS_MAX
            && !text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, ',' | '"'));
        (plain && email_address::EmailAddress::parse_with_options(text, options).is_ok()).then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// By which two addresses are the same person's.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// # Errors
/// Where it is not one plain address.
pub fn email(value: Json) -> Reading<Email> {
    Email::parse(&text(value)?).ok_or_else(|| wrong("must be one e-mail address, such as ada@example.com"))
}

/// A line that people read: trimmed, with something visible in it.
///
/// # Errors
/// Where it is empty, too long, or holds control characters.
pub fn name(value: Json) -> Reading<String> {
    let name = text(value)?.trim().to_owned();
    if !name.chars().any(is_visible) {
        return Err(wrong("must not be empty"));
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(wrong(format!("must have at most {NAME_CHARS_MAX} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(wrong("must not hold control characters"));
    }
    Ok(name)
}

/// Zero-width and direction marks show nothing by themselves.
fn is_visible(c: char) -> bool {
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// Text of several lines, up to `max` characters.
pub fn prose(max: usize) -> impl FnOnce(Json) -> Reading<String> {
    move |value| {
        let prose = text(value)?;
        if prose.chars().count() > max {
            return Err(wrong(format!("must have at most {max} characters")));
        }
        if prose.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(wrong("must not hold control characters"));
        }
        Ok(prose)
    }
}

/// # Errors
/// Where it is not an ISO 4217 code in upper case.
pub fn currency(value: Json) -> Reading<Currency> {
    Currency::parse(&text(value)?).ok_or_else(|| wrong("must be an ISO 4217 code in upper case, such as USD"))
}

/// # Errors
/// Where it is not a whole number of minor units from 0 to [`PRICE_CENTS_MAX`].
pub fn price(value: Json) -> Reading<Cents> {
    let cents = super::json::whole(0, PRICE_CENTS_MAX)(value)?;
    Cents::new(cents).ok_or_else(|| wrong("is too large"))
}

/// An amount of major units as a client wrote it; what it is in minor units, its currency says
/// ([`Currency::minor`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Major(String);

impl Major {
    /// # Errors
    /// [`crate::error::Fields`] where it has more digits than the currency, is negative, or beyond [`PRICE_CENTS_MAX`].
    pub fn in_currency(&self, currency: Currency) -> Reading<Cents> {
        let cents = currency.minor(&self.0).filter(|cents| (0..=PRICE_CENTS_MAX).contains(&cents.get()));
        cents.ok_or_else(|| {
            wrong(format!(
                "must be an amount from 0 on with at most {} decimals in {}",
                currency.exponent(),
                currency.code()
            ))
        })
    }

    /// The same, below zero too.
    ///
    /// # Errors
    /// As [`Major::in_currency`].
    pub fn signed(&self, currency: Currency) -> Reading<Cents> {
        let (exponent, code) = (currency.exponent(), currency.code());
        let cents = currency.minor(&self.0).filter(|cents| cents.get().abs() <= PRICE_CENTS_MAX);
        cents.ok_or_else(|| wrong(format!("must be an amount with at most {exponent} decimals in {code}")))
    }
}

/// A decimal of major units, as a number or as a string.
///
/// # Errors
/// Where it is neither.
pub fn major(value: Json) -> Reading<Major> {
    match value {
        Json::Int(whole) => Ok(Major(whole.to_string())),
        Json::Float(number) => Ok(Major(number.to_string())),
        Json::Text(text) => Ok(Major(text)),
        _ => Err(wrong("must be a number, such as 49.00")),
    }
}

/// A percentage, as a number or as a string.
///
/// # Errors
/// Where it is none from 0 to 100, or has more than four decimals.
pub fn percent(value: Json) -> Reading<Percent> {
    let decimal = match value {
        Json::Int(whole) => whole.to_string(),
        Json::Float(number) => number.to_string(),
        Json::Text(text) => text,
        _ => return Err(wrong("must be a number, such as 12.5")),
    };
    Percent::parse(&decimal).ok_or_else(|| wrong("must be a percentage from 0 to 100 with at most four decimals"))
}

/// An address to call. How far out this server calls is for [`crate::app::App::may_call`] to say.
///
/// # Errors
/// Where it is none that any server of ours would call.
pub fn web_address(value: Json) -> Reading<WebAddress> {
    WebAddress::parse(&text(value)?, Reach::Loopback).map_err(wrong)
}

/// One word of a closed list.
pub fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl FnOnce(Json) -> Reading<T> {
    move |value| {
        let given = text(value)?;
        words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            wrong(format!("must be one of {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_one_plain_mailbox() {
        for good in ["ada@example.com", "a.b+c@sub.example.org", "jörg@bücher.example"] {
            assert!(Email::parse(good).is_some(), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(300));
        for bad in [
            "",
            "a@",
            "@b.c",
            "a b@example.com",
            "a@example.com, b@example.com",
            "Ada <a@example.com>",
            "a@example.com\r\nBcc: b@example.com",
            "a@localhost",
            "a@[127.0.0.1]",
            "\"a,b\"@example.com",
            &long,
        ] {
            assert!(Email::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_has_something_to_see() {
        let read = |text: &str| name(Json::Text(text.into()));
        assert_eq!(read("  Pro \u{1f511} ").unwrap(), "Pro \u{1f511}");
        assert!(read("a\u{202e}b").is_ok());
        for bad in ["", "   ", "\u{200b}\u{feff}", "a\0b", "a\nb", &"x".repeat(201)] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_address_breaks_out_of_a_header(text in "\\PC{0,40}@\\PC{0,20}") {
            if let Some(email) = Email::parse(&text) {
                prop_assert!(!email.as_str().contains(['\r', '\n', ',', ' ']));
            }
        }
    }
}
