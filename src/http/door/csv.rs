//! CSV, as exports write it.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::Stream;

use crate::error::{Error, Result};

/// One line (RFC 4180). What a spreadsheet would take for a formula is prefixed, so that it stays text; a
/// plain number is none.
///
/// # Errors
/// [`Error::Internal`].
pub fn line<'a>(fields: impl IntoIterator<Item = Option<&'a str>>) -> Result<Bytes> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fields = fields.into_iter().map(|field| match field.unwrap_or("") {
        text if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text) => format!("'{text}"),
        text => text.to_owned(),
    });
    let fault = |e: String| Error::Internal(format!("export: {e}"));
    writer.write_record(fields).map_err(|e| fault(e.to_string()))?;
    writer.into_inner().map(Bytes::from).map_err(|e| fault(e.to_string()))
}

/// `-12.50`.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Lines as they are made.
#[must_use]
pub fn answer(lines: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_formula_stays_text_and_a_number_a_number() {
        let written = line([Some("=1+1"), Some("-12.50"), Some("-1+cmd"), Some("a,\"b\""), None]).unwrap();
        assert_eq!(written, "'=1+1,-12.50,'-1+cmd,\"a,\"\"b\"\"\",\n");
    }
}
