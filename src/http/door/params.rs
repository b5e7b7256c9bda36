//! Paths and queries, read as strictly as bodies: a parameter once, percent-encoding right, an id that
//! cannot be one simply not found.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use percent_encoding::percent_decode_str;

use crate::app::App;
use crate::error::{Error, Fields, Result};
use crate::kit::id::{Entity, Id};
use crate::kit::page::{Place, Window};
use crate::kit::vault::Vault;

const LIMIT_DEFAULT: i64 = 25;
const LIMIT_MAX: i64 = 100;

/// The `{id}` of a path. Ids are opaque, so a malformed one is not found, like any other unknown one.
pub struct PathId<T>(pub Id<T>);

impl<T: Entity> FromRequestParts<Arc<App>> for PathId<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Error::NotFound("resource"))?;
        let id = params.iter().find(|(name, _)| *name == "id").and_then(|(_, text)| Id::parse(text));
        id.map(Self).ok_or(Error::NotFound("resource"))
    }
}

/// The two ids of a path, in their order: a thing, and one that belongs to it.
pub struct PathPair<T, U>(pub Id<T>, pub Id<U>);

impl<T: Entity, U: Entity> FromRequestParts<Arc<App>> for PathPair<T, U> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Error::NotFound("resource"))?;
        let mut texts = params.iter().map(|(_, text)| text);
        let ids = texts.next().and_then(Id::parse).zip(texts.next().and_then(Id::parse));
        ids.map(|(one, other)| Self(one, other)).ok_or(Error::NotFound("resource"))
    }
}

/// From an instant on, until another; either may be open.
pub type Interval = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The query's parameters, decoded. Unknown ones are ignored; each may be given once.
#[derive(Debug)]
pub struct Query(BTreeMap<String, String>);

impl FromRequestParts<Arc<App>> for Query {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self> {
        decode(parts.uri.query()).map(Self)
    }
}

/// # Errors
/// [`Error::Malformed`] for a query that cannot be read.
pub fn check_query(query: Option<&str>) -> Result<()> {
    decode(query).map(drop)
}

fn decode(query: Option<&str>) -> Result<BTreeMap<String, String>> {
    let mut params = BTreeMap::new();
    for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode_part(name)?;
        if name.ends_with("[]") || params.insert(name.clone(), decode_part(value)?).is_some() {
            return Err(Error::Malformed(format!("the query parameter {name:?} is given more than once")));
        }
    }
    Ok(params)
}

fn decode_part(text: &str) -> Result<String> {
    let refuse = || Error::Malformed("the query's percent-encoding is not right".into());
    let bytes = text.as_bytes();
    let escapes_right = bytes.iter().enumerate().filter(|(_, b)| **b == b'%').all(|(i, _)| {
        let digits = bytes.get(i + 1..i + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !escapes_right {
        return Err(refuse());
    }
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().map_err(|_| refuse())?;
    if decoded.contains('\0') { Err(refuse()) } else { Ok(decoded.into_owned()) }
}

impl Query {
    /// # Errors
    /// [`Error::Malformed`] for text that cannot be read as one.
    pub fn parse(text: &str) -> Result<Self> {
        decode(Some(text)).map(Self)
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `limit` and `cursor` of the list at `place`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit beyond 1 to 100, [`Error::Malformed`] for a foreign cursor.
    pub fn window<T: Entity>(&self, place: &Place, vault: &Vault) -> Result<Window<T>> {
        self.window_of(LIMIT_DEFAULT, place, vault)
    }

    /// The same on a surface that has another default.
    pub fn window_of<T: Entity>(&self, default: i64, place: &Place, vault: &Vault) -> Result<Window<T>> {
        let limit = match self.get("limit") {
            None => default,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
                .ok_or_else(|| Error::invalid("limit", format!("must be between 1 and {LIMIT_MAX}")))?,
        };
        let after = self.get("cursor").map(|cursor| place.open(vault, cursor)).transpose()?;
        Ok(Window { limit, after })
    }

    /// A comma-separated set of words; absent is empty.
    pub fn set<T: Copy>(&self, name: &str, words: &'static [(&'static str, T)]) -> Result<Vec<T>> {
        let Some(text) = self.get(name) else { return Ok(Vec::new()) };
        let read = |word: &str| words.iter().find(|(w, _)| *w == word).map(|(_, value)| *value);
        text.split(',').map(read).collect::<Option<_>>().ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Error::invalid(name, format!("must be one or more of {}", known.join(", ")))
        })
    }

    /// `from` and `to` as a half-open interval: a bare date in `to` is that UTC day up to its end (R7).
    pub fn interval(&self) -> Result<Interval> {
        let mut wrong = Fields::default();
        let mut bound = |name: &str, read: fn(&str) -> Option<DateTime<Utc>>| {
            let text = self.get(name)?;
            let at = read(text);
            if at.is_none() {
                wrong.wrong(name, "must be a date (2026-05-26) or a date-time with its zone (2026-05-26T07:00:00Z)");
            }
            at
        };
        let (from, until) = (bound("from", instant_from), bound("to", instant_until));
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            wrong.wrong("from", "must not be after `to`");
        }
        if wrong.is_empty() { Ok((from, until)) } else { Err(wrong.into()) }
    }

    /// Everything that narrows a list, in one fixed spelling, for its cursor.
    #[must_use]
    pub fn filters(&self, names: &[&str]) -> String {
        names.iter().filter_map(|name| Some(format!("{name}={};", self.get(name)?))).collect()
    }
}

pub(crate) fn instant_from(text: &str) -> Option<DateTime<Utc>> {
    day(text).or_else(|| date_time(text))
}

/// The first instant that is no longer meant. What we show is cut to the second, so a second that is
/// named means all of it; one with a fraction means that very millisecond.
fn instant_until(text: &str) -> Option<DateTime<Utc>> {
    let named = if text.contains('.') { Duration::milliseconds(1) } else { Duration::seconds(1) };
    match day(text) {
        Some(day) => day.checked_add_days(Days::new(1)),
        None => date_time(text)?.checked_add_signed(named),
    }
}

fn day(text: &str) -> Option<DateTime<Utc>> {
    if text.len() != 10 {
        return None;
    }
    let date: NaiveDate = text.parse().ok()?;
    let midnight = date.and_hms_opt(0, 0, 0)?;
    sensible(midnight.and_utc())
}

pub(crate) fn date_time(text: &str) -> Option<DateTime<Utc>> {
    // A `+` that was not encoded arrives as a space.
    let instant = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok()?;
    // Chrono reads second 60 of any minute; only real time scales have it.
    let leap = text.get(17..19) == Some("60");
    if leap { None } else { sensible(instant.to_utc()) }
}

fn sensible(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    use chrono::Datelike as _;
    (1970..=9999).contains(&at.year()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(query: &str) -> Result<Interval> {
        Query(decode(Some(query)).unwrap()).interval()
    }

    #[test]
    fn a_bare_day_reaches_to_its_end() {
        let (from, until) = interval("from=2026-05-26&to=2026-05-26").unwrap();
        assert_eq!(until.unwrap() - from.unwrap(), chrono::Duration::days(1));
    }

    #[test]
    fn a_named_second_is_meant_whole() {
        let length = |query: &str| interval(query).map(|(from, until)| until.unwrap() - from.unwrap()).unwrap();
        assert_eq!(length("from=2026-05-26T07:18:03Z&to=2026-05-26T07:18:03Z"), Duration::seconds(1));
        assert_eq!(length("from=2026-05-26T07:18:03.250Z&to=2026-05-26T07:18:03.250Z"), Duration::milliseconds(1));
    }

    #[test]
    fn dates_that_are_none_are_refused() {
        for query in [
            "from=2026-02-30",
            "from=0000-01-01",
            "to=9999999-01-01",
            "from=2026-05-26T07:00:00",
            "from=2026-06-30T23:59:60Z",
            "from=2026-05-27&to=2026-05-26",
            "from=",
            "to=today",
        ] {
            assert!(interval(query).is_err(), "{query}");
        }
        assert!(interval("from=2026-05-26T07:00:00%2B02:00").is_ok());
    }

    #[test]
    fn a_query_is_read_strictly() {
        for query in ["a=1&a=2", "a=%", "a=%zz", "a=%00", "a=%c0%af", "limit[]=1"] {
            assert!(decode(Some(query)).is_err(), "{query}");
        }
        assert_eq!(
            decode(Some("a=%26+b&c")).unwrap(),
            BTreeMap::from([("a".into(), "& b".into()), ("c".into(), String::new())])
        );
    }
}
