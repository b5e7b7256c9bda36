//! A request body, read strictly: no member twice, no trailing bytes, depth bounded; then field by
//! field, so that every mistake is found at once and none hides another.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use sha2::{Digest, Sha256};

use crate::error::{Error, Fields, Result};

/// A parsed document. Numbers have one form: `1`, `1.0` and `1e0` are the same whole number.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// # Errors
    /// [`Error::Malformed`] for anything that is not one JSON document; a number beyond what a
    /// double can hold is [`Error::Invalid`], since its form is right and its value is not.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|e| {
            if e.to_string().starts_with("number out of range") {
                return Error::invalid("body", "holds a number that is out of range");
            }
            Error::Malformed(format!("the body is not valid JSON: {e}"))
        })
    }

    /// Feeds a spelling-independent form: member order, white space and `1` against `1.0` make no difference.
    pub fn digest(&self, into: &mut Sha256) {
        let mut tagged = |tag: u8, bytes: &[u8]| {
            into.update([tag]);
            into.update((bytes.len() as u64).to_be_bytes());
            into.update(bytes);
        };
        match self {
            Self::Null => tagged(b'n', b""),
            Self::Bool(b) => tagged(b'b', &[u8::from(*b)]),
            Self::Int(i) => tagged(b'i', &i.to_be_bytes()),
            Self::Float(f) => tagged(b'f', &f.to_be_bytes()),
            Self::Text(t) => tagged(b't', t.as_bytes()),
            Self::List(items) => {
                tagged(b'l', &(items.len() as u64).to_be_bytes());
                for item in items {
                    item.digest(into);
                }
            }
            Self::Object(members) => {
                tagged(b'o', &(members.len() as u64).to_be_bytes());
                for (name, value) in members {
                    into.update((name.len() as u64).to_be_bytes());
                    into.update(name.as_bytes());
                    value.digest(into);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> std::result::Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, b: bool) -> std::result::Result<Json, E> {
        Ok(Json::Bool(b))
    }
    fn visit_i64<E>(self, i: i64) -> std::result::Result<Json, E> {
        Ok(Json::Int(i.into()))
    }
    fn visit_u64<E>(self, u: u64) -> std::result::Result<Json, E> {
        Ok(Json::Int(u.into()))
    }
    fn visit_f64<E>(self, f: f64) -> std::result::Result<Json, E> {
        // Beyond 2^53 a double is no longer a whole number that anybody wrote.
        #[expect(clippy::cast_possible_truncation, clippy::float_cmp, reason = "exact by the check before it")]
        let whole = (f.trunc() == f && f.abs() <= 9_007_199_254_740_992.0).then_some(f as i128);
        Ok(whole.map_or(Json::Float(f), Json::Int))
    }
    fn visit_str<E>(self, s: &str) -> std::result::Result<Json, E> {
        Ok(Json::Text(s.to_owned()))
    }
    fn visit_string<E>(self, s: String) -> std::result::Result<Json, E> {
        Ok(Json::Text(s))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Json, A::Error> {
        let mut members = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("member {name:?} is given twice")));
            }
            let value = map.next_value()?;
            members.insert(name, value);
        }
        Ok(Json::Object(members))
    }
}

/// What a field's reader says: the value, or what is wrong with it (and with what lies inside it).
pub type Reading<T> = std::result::Result<T, Fields>;

/// Reads one wire type out of a form. `None` where a field was missing or wrong; the form knows which.
pub trait Wire: Sized {
    fn read(form: &mut Form) -> Option<Self>;
}

/// A request that takes no body, or whose body says nothing: empty, or an object without members.
pub struct Nothing;

impl Wire for Nothing {
    fn read(_: &mut Form) -> Option<Self> {
        Some(Self)
    }
}

/// An object being read: each field is taken out once, and what is left over is unknown.
#[derive(Debug)]
pub struct Form {
    members: BTreeMap<String, Json>,
    wrong: Fields,
}

/// Whether members that nobody asked for are refused (R4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    Refused,
    Ignored,
}

impl Form {
    #[must_use]
    pub fn new(members: BTreeMap<String, Json>) -> Self {
        Self { members, wrong: Fields::default() }
    }

    /// Takes `camelCase` names for their `snake_case` ones, as `/dev/v1` does; where both are given, the
    /// latter counts.
    pub fn in_snake_case(&mut self) {
        for (name, value) in std::mem::take(&mut self.members) {
            let snake = snake_case(&name);
            if snake == name {
                self.members.insert(name, value);
            } else {
                self.members.entry(snake).or_insert(value);
            }
        }
    }

    /// Reads the whole object as `T`.
    ///
    /// # Errors
    /// Everything that is wrong with it, field by field.
    pub fn finish<T: Wire>(mut self, unknown: Unknown) -> Reading<T> {
        let value = T::read(&mut self);
        if unknown == Unknown::Refused {
            for name in self.members.keys().take(20) {
                self.wrong.wrong(name.clone(), "is not a field of this request");
            }
        }
        match value {
            Some(value) if self.wrong.is_empty() => Ok(value),
            _ => Err(self.wrong),
        }
    }

    pub fn required<T>(&mut self, name: &str, read: impl FnOnce(Json) -> Reading<T>) -> Option<T> {
        match self.members.remove(name) {
            None | Some(Json::Null) => {
                self.wrong.missing(name);
                None
            }
            Some(value) => self.note(name, read(value)),
        }
    }

    /// Absent and null are the same: nothing. The outer `None` is a mistake.
    pub fn optional<T>(&mut self, name: &str, read: impl FnOnce(Json) -> Reading<T>) -> Option<Option<T>> {
        match self.members.remove(name) {
            None | Some(Json::Null) => Some(None),
            Some(value) => self.note(name, read(value)).map(Some),
        }
    }

    /// Absent, null, or a value, told apart.
    pub fn patch<T>(&mut self, name: &str, read: impl FnOnce(Json) -> Reading<T>) -> Option<super::patch::Patch<T>> {
        use super::patch::Patch;
        match self.members.remove(name) {
            None => Some(Patch::Absent),
            Some(Json::Null) => Some(Patch::Null),
            Some(value) => self.note(name, read(value)).map(Patch::Value),
        }
    }

    /// A mistake that only the whole request shows.
    pub fn wrong(&mut self, name: &str, message: &str) {
        self.wrong.wrong(name, message);
    }

    fn note<T>(&mut self, name: &str, reading: Reading<T>) -> Option<T> {
        reading.map_err(|inner| self.wrong.absorb(name, inner)).ok()
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// What is wrong with the field itself.
#[must_use]
pub fn wrong(message: impl Into<String>) -> Fields {
    Fields::one("", message)
}

/// # Errors
/// Where it is not text.
pub fn text(value: Json) -> Reading<String> {
    match value {
        Json::Text(text) => Ok(text),
        _ => Err(wrong("must be a string")),
    }
}

/// # Errors
/// Where it is not true or false.
#[expect(clippy::needless_pass_by_value, reason = "every reader takes its value")]
pub fn truth(value: Json) -> Reading<bool> {
    match value {
        Json::Bool(truth) => Ok(truth),
        _ => Err(wrong("must be true or false")),
    }
}

/// A whole number between the bounds, both included.
pub fn whole(min: i64, max: i64) -> impl FnOnce(Json) -> Reading<i64> {
    move |value| match value {
        Json::Int(i) => i64::try_from(i)
            .ok()
            .filter(|i| (min..=max).contains(i))
            .ok_or_else(|| wrong(format!("must be between {min} and {max}"))),
        _ => Err(wrong("must be a whole number")),
    }
}

/// A list of `min` to `max` members, each read by `read`; mistakes are named `[index]`.
pub fn list<T>(min: usize, max: usize, read: impl Fn(Json) -> Reading<T>) -> impl FnOnce(Json) -> Reading<Vec<T>> {
    move |value| {
        let Json::List(items) = value else { return Err(wrong("must be an array")) };
        if !(min..=max).contains(&items.len()) {
            return Err(wrong(format!("must have {min} to {max} entries, has {}", items.len())));
        }
        let mut mistakes = Fields::default();
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match read(item) {
                Ok(value) => values.push(value),
                Err(inner) => mistakes.absorb(&format!("[{index}]"), inner),
            }
        }
        if mistakes.is_empty() { Ok(values) } else { Err(mistakes) }
    }
}

/// An object inside another.
pub fn object<T: Wire>(unknown: Unknown) -> impl Fn(Json) -> Reading<T> {
    move |value| {
        let Json::Object(members) = value else { return Err(wrong("must be an object")) };
        Form::new(members).finish(unknown).map_err(|inner| {
            let mut named = Fields::default();
            named.absorb(".", inner);
            named
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fingerprint(text: &str) -> Vec<u8> {
        let mut hasher = Sha256::new();
        Json::parse(text.as_bytes()).unwrap().digest(&mut hasher);
        hasher.finalize().to_vec()
    }

    #[test]
    fn spelling_makes_no_difference_to_the_fingerprint() {
        assert_eq!(fingerprint(r#"{"a":1,"b":[2.0]}"#), fingerprint(r#" { "b" : [2], "a" : 1e0 } "#));
        assert_ne!(fingerprint(r#"{"a":1}"#), fingerprint(r#"{"a":"1"}"#));
        assert_ne!(fingerprint("[[1],[2]]"), fingerprint("[[1,2],[]]"));
    }

    #[test]
    fn what_is_not_one_strict_document_is_malformed() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        for text in [
            "",
            "{",
            "{}{}",
            "{} x",
            "[1,]",
            "01",
            "+1",
            "0x10",
            "NaN",
            "Infinity",
            "{\"a\":1,\"a\":2}",
            "\"\\ud800\"",
            "\u{feff}{}",
            &deep,
        ] {
            assert!(matches!(Json::parse(text.as_bytes()), Err(Error::Malformed(_))), "{text:.40}");
        }
        assert!(matches!(Json::parse(b"\"\xff\""), Err(Error::Malformed(_))));
        assert!(matches!(Json::parse(b"[1e400]"), Err(Error::Invalid(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Json::parse(&bytes);
        }
    }
}
