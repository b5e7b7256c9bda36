//! Typed ids: a UUIDv7 inside, `prod_01J2…` (Crockford base32) on `/v1`, a hyphenated UUID on
//! `/dev/v1`. Both spellings are accepted wherever an id comes in, and each has one form only.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;

use chrono::{DateTime, Utc};
use rand::Rng;
use serde::{Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 26 characters of 5 bits hold 128 bits; the first carries three.
const ENCODED_LEN: usize = 26;

/// What an id names.
pub trait Entity {
    /// `prod` in `prod_01J2…`.
    const PREFIX: &'static str;
}

/// An id of one kind of thing; it cannot be mistaken for another's.
pub struct Id<T>(Uuid, PhantomData<fn() -> T>);

impl<T: Entity> Id<T> {
    /// Reads either spelling; `None` for anything else, so that a path's id is simply not found.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = match text.strip_prefix(T::PREFIX).and_then(|rest| rest.strip_prefix('_')) {
            Some(encoded) => decode(encoded)?,
            None => hyphenated(text)?,
        };
        (!uuid.is_nil()).then(|| Self::from(uuid))
    }

    /// The instant at which it was made, in whole milliseconds.
    #[must_use]
    pub fn created_at(self) -> DateTime<Utc> {
        let ms = i64::try_from(self.0.as_u128() >> 80).unwrap_or(0);
        DateTime::from_timestamp_millis(ms).unwrap_or_default()
    }

    /// The smallest id of that millisecond: a bound for lists by time.
    #[must_use]
    pub fn earliest(at: DateTime<Utc>) -> Self {
        let ms = u128::try_from(at.timestamp_millis().clamp(0, (1 << 48) - 1)).unwrap_or(0);
        Self::from(Uuid::from_u128(ms << 80))
    }
}

impl<T> Id<T> {
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

/// An id of the kind that has this prefix, for who knows the kind only by name.
#[must_use]
pub fn prefixed(prefix: &str, id: Uuid) -> String {
    format!("{prefix}_{}", encode(id))
}

/// Canonical only: lower case, hyphens, no braces.
fn hyphenated(text: &str) -> Option<Uuid> {
    let canonical = text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase());
    if canonical { Uuid::try_parse(text).ok() } else { None }
}

fn decode(text: &str) -> Option<Uuid> {
    if text.len() != ENCODED_LEN || text.as_bytes().first().is_some_and(|b| *b > b'7') {
        return None;
    }
    text.bytes()
        .try_fold(0_u128, |value, byte| {
            let digit = ALPHABET.iter().position(|a| *a == byte)?;
            Some((value << 5) | digit as u128)
        })
        .map(Uuid::from_u128)
}

fn encode(uuid: Uuid) -> String {
    let value = uuid.as_u128();
    (0..ENCODED_LEN).rev().map(|i| char::from(ALPHABET[((value >> (5 * i)) & 31) as usize])).collect()
}

/// The state of UUIDv7 generation: a 32-bit counter behind the milliseconds keeps the order where
/// the clock stands still or steps back, and 42 random bits keep ids unguessable and processes apart.
#[derive(Debug, Default)]
pub struct Sequence {
    last_ms: i64,
    counter: u32,
}

impl Sequence {
    pub fn next<T: Entity>(&mut self, now_ms: i64, rng: &mut impl Rng) -> Id<T> {
        if now_ms > self.last_ms {
            self.last_ms = now_ms;
            // Half the range is left free, so that counting on cannot overflow in practice.
            self.counter = rng.next_u32() >> 1;
        } else if let Some(next) = self.counter.checked_add(1) {
            self.counter = next;
        } else {
            self.last_ms += 1;
            self.counter = 0;
        }
        let ms = u128::try_from(self.last_ms).unwrap_or(0) & ((1 << 48) - 1);
        let high = u128::from(self.counter >> 20);
        let low = u128::from(self.counter & 0xF_FFFF);
        let random = u128::from(rng.next_u64() & ((1 << 42) - 1));
        Id::from(Uuid::from_u128(ms << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << 42 | random))
    }
}

impl<T> From<Uuid> for Id<T> {
    fn from(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }
}

impl<T> Deref for Id<T> {
    type Target = Uuid;
    fn deref(&self) -> &Uuid {
        &self.0
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T: Entity> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", T::PREFIX, encode(self.0))
    }
}
impl<T: Entity> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<T: Entity> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<T> Type<Postgres> for Id<T> {
    fn type_info() -> PgTypeInfo {
        <Uuid as Type<Postgres>>::type_info()
    }
}
impl<'r, T> Decode<'r, Postgres> for Id<T> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <Uuid as Decode<Postgres>>::decode(value).map(Self::from)
    }
}
impl<T> Encode<'_, Postgres> for Id<T> {
    fn encode_by_ref(&self, buf: &mut <Postgres as sqlx::Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <Uuid as Encode<Postgres>>::encode_by_ref(&self.0, buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha20Rng;

    struct Thing;
    impl Entity for Thing {
        const PREFIX: &'static str = "thing";
    }

    proptest! {
        #[test]
        fn both_spellings_name_the_same_thing(bits in 1_u128..) {
            let id = Id::<Thing>::from(Uuid::from_u128(bits));
            prop_assert_eq!(Id::parse(&id.to_string()), Some(id));
            prop_assert_eq!(Id::parse(&id.uuid().to_string()), Some(id));
        }

        #[test]
        fn nothing_else_is_read(text in "\\PC{0,40}") {
            if let Some(id) = Id::<Thing>::parse(&text) {
                prop_assert!(id.to_string() == text || id.uuid().to_string() == text);
            }
        }
    }

    #[test]
    fn ids_ascend_while_the_clock_stands_still_or_steps_back() {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let mut sequence = Sequence::default();
        let ids: Vec<Id<Thing>> = (0..10_000).map(|i| sequence.next(1_000_000 - i % 3, &mut rng)).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }
}
