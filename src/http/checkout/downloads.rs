//! A file that was sold, streamed to whoever holds a link to it.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::app::App;
use crate::domain::files::{self, File};
use crate::domain::orders;
use crate::error::{Error, Result};
use crate::http::door::read::Read;
use crate::kit::file_store::Key;
use crate::kit::vault::hex;

/// What may stand for itself in `filename*` (RFC 8187, attr-char).
const NOT_IN_A_NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The `{token}` of the path.
pub struct Token(String);

impl FromRequestParts<Arc<App>> for Token {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let missing = || Error::NotFound("download");
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| missing())?;
        params.iter().next().map(|(_, token)| Self(token.to_owned())).ok_or_else(missing)
    }
}

/// Fetches a file that was sold, by the link of its session or page; parts of it by `Range`. A link lives
/// for 24 hours, and ends at once where its order is refunded in full.
#[utoipa::path(get, path = "/downloads/{token}", tag = "downloads",
    params(("token" = String, Path, description = "The last part of an item's `download_url`")),
    responses(
        (status = 200, content_type = "application/octet-stream", body = Vec<u8>, description = "The file"),
        (status = 206, content_type = "application/octet-stream", body = Vec<u8>, description = "The range asked for"),
    ))]
pub async fn get(
    State(app): State<Arc<App>>,
    method: Method,
    headers: HeaderMap,
    Token(token): Token,
    mut db: Read,
) -> Result<Response> {
    let (shop, file) = orders::download(&mut db, &app.env, &token).await?;
    drop(db); // neither a connection nor the permit for one is held while bytes go out
    let size = u64::try_from(file.size_bytes).map_err(|_| Error::Internal(format!("the size of {}", file.id)))?;
    let etag = format!("\"{}\"", hex(&file.sha256));
    let looks = method == Method::HEAD;
    let part = if looks { None } else { part(&headers, &etag, size)? };
    let range = part.clone().unwrap_or(0..size);
    let body = object(&app, files::key(shop, file.id), size, (!looks).then(|| range.clone())).await?;
    let mut response = Response::new(body);
    describe(response.headers_mut(), &file, &etag, range.end - range.start)?;
    if part.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        response.headers_mut().insert(header::CONTENT_RANGE, ascii(range)?);
    }
    Ok(response)
}

/// The object's bytes in this range; it must be as large as its row says.
async fn object(app: &App, key: Key, size: u64, range: Option<Range<u64>>) -> Result<Body> {
    let found = app.files.get(key, range.clone()).await?;
    if found.meta.size != size {
        let said = format!("object {} has {} bytes, its row says {size}", key.file, found.meta.size);
        return Err(Error::FileStore(said));
    }
    if range.is_none() {
        return Ok(Body::empty());
    }
    let bytes = Body::from_stream(found.into_stream());
    Ok(Body::new(bytes.map_err(move |e| {
        // The answer has begun; that it ends early is all that the buyer can be told.
        tracing::error!(file = %key.file, error = %e, "a download broke off");
        e
    })))
}

/// Something to be saved, and neither shown, run nor kept by anybody on the way.
fn describe(headers: &mut HeaderMap, file: &File, etag: &str, length: u64) -> Result<()> {
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CONTENT_TYPE, ascii(file.content_type.clone())?);
    headers.insert(header::CONTENT_DISPOSITION, ascii(disposition(&file.name))?);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, ascii(etag.to_owned())?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    Ok(())
}

fn ascii(text: String) -> Result<HeaderValue> {
    HeaderValue::try_from(text).map_err(|e| Error::Internal(format!("a header of a download: {e}")))
}

/// RFC 6266: the name in ASCII for old clients, and as it is for all others (RFC 8187).
fn disposition(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' };
    let simple: String = name.chars().map(plain).collect();
    format!("attachment; filename=\"{simple}\"; filename*=UTF-8''{}", utf8_percent_encode(name, NOT_IN_A_NAME))
}

/// The part that is asked for; `None` is the whole. Several ranges at once, or of another version of the
/// file, are answered with the whole, as RFC 9110 allows.
fn part(headers: &HeaderMap, etag: &str, size: u64) -> Result<Option<Range<u64>>> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let other_version = headers.contains_key(header::IF_RANGE) && text(header::IF_RANGE) != Some(etag);
    let Some(range) = text(header::RANGE).filter(|_| !other_version).and_then(read_range) else { return Ok(None) };
    let part = match range {
        (Some(first), last) => first..last.map_or(size, |last| last.saturating_add(1).min(size)),
        (None, Some(length)) => size.saturating_sub(length)..size,
        (None, None) => return Ok(None),
    };
    if part.is_empty() { Err(Error::RangeNotSatisfiable { size_bytes: size }) } else { Ok(Some(part)) }
}

/// `bytes=first-last`, either of which may be left out: first and last byte, or the length of the end.
fn read_range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let number = |digits: &str| {
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        if digits.is_empty() { Some(None) } else { digits.parse().ok().filter(|_| plain).map(Some) }
    };
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (number(first.trim())?, number(last.trim())?);
    let ascends = first.zip(last).is_none_or(|(first, last)| first <= last);
    (ascends && (first.is_some() || last.is_some())).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(range: &str) -> Result<Option<Range<u64>>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(range).unwrap());
        part(&headers, "\"v1\"", 10)
    }

    #[test]
    fn a_range_is_what_the_standard_says() {
        for (text, part) in
            [("bytes=0-3", 0..4), ("bytes=4-", 4..10), ("bytes=9-99", 9..10), ("bytes=-3", 7..10), ("bytes=-99", 0..10)]
        {
            assert_eq!(asked(text).unwrap(), Some(part), "{text}");
        }
        for beyond in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
            assert!(asked(beyond).is_err(), "{beyond}");
        }
        let huge = "bytes=9-99999999999999999999";
        for whole in
            [huge, "bytes=0-1,4-5", "bytes=3-1", "bytes=-", "bytes=a-b", "bytes=+1-2", "lines=1-2", "bytes", ""]
        {
            assert_eq!(asked(whole).unwrap(), None, "{whole}");
        }
    }

    #[test]
    fn a_range_of_another_version_is_not_taken() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=4-"));
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"v0\""));
        assert_eq!(part(&headers, "\"v1\"", 10).unwrap(), None);
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"v1\""));
        assert_eq!(part(&headers, "\"v1\"", 10).unwrap(), Some(4..10));
    }

    proptest! {
        #[test]
        fn any_name_stays_within_its_header(raw in "\\PC{0,80}|[\\x00-\\x7f]{0,80}") {
            let said = disposition(&files::clean_name(&raw));
            prop_assert!(said.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{said}");
            prop_assert_eq!(said.matches('"').count(), 2, "{}", said);
            prop_assert!(ascii(said).is_ok());
        }
    }

    #[test]
    fn a_name_is_said_twice() {
        assert_eq!(
            disposition("Übung \"1\".zip"),
            "attachment; filename=\"_bung _1_.zip\"; filename*=UTF-8''%C3%9Cbung%20%221%22.zip"
        );
    }
}
