//! The `{token}` of a path, as a mail named it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use crate::app::App;
use crate::error::Error;
use crate::kit::secret::{self, Kind};

/// Its kind, where it looks like a token at all, and the hash by which it is known.
pub struct Mailed(Option<Kind>, [u8; 32]);

impl Mailed {
    /// The hash of a token of this kind; any other opens nothing, like one that was never made.
    pub fn hash(&self, kind: Kind, what: &'static str) -> Result<[u8; 32], Error> {
        if self.0 == Some(kind) { Ok(self.1) } else { Err(Error::NotFound(what)) }
    }
}

impl FromRequestParts<Arc<App>> for Mailed {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Error::NotFound("resource"))?;
        let token = params.iter().find(|(name, _)| *name == "token").map_or("", |(_, token)| token);
        Ok(Self(secret::recognise(token), secret::hash(token)))
    }
}
