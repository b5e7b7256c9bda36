//! A form that a page of ours posts: its fields, and the one write that it leads to.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;

use super::params::Query;
use super::write::Write;
use crate::app::App;
use crate::error::{Error, Result};

pub struct Posted {
    /// Read as strictly as a query: each field once.
    pub fields: Query,
    pub write: Write<()>,
}

impl FromRequest<Arc<App>> for Posted {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self> {
        let (parts, _) = request.into_parts();
        let said = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        if !said.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Error::UnsupportedMediaType);
        }
        let bytes = parts.extensions.get::<Bytes>().cloned().unwrap_or_default();
        let text = std::str::from_utf8(&bytes).map_err(|_| Error::Malformed("the form is not UTF-8".into()))?;
        Ok(Self { fields: Query::parse(text)?, write: Write::without_key(&parts, app)? })
    }
}
