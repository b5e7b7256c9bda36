//! The `{token}` of a path, as a mail named it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::App;
use crate::error::Error;
use crate::kit::secret::{self, Kind};

/// The token, its kind, where it looks like one at all, and the hash by which it is known.
pub struct Mailed {
    token: SecretString,
    kind: Option<Kind>,
    hash: [u8; 32],
}

impl Mailed {
    /// The hash of a token of this kind; any other opens nothing, like one that was never made.
    pub fn hash(&self, kind: Kind, what: &'static str) -> Result<[u8; 32], Error> {
        if self.kind == Some(kind) { Ok(self.hash) } else { Err(Error::NotFound(what)) }
    }

    /// The token itself, for the page of who brought it.
    #[must_use]
    pub fn text(&self) -> &str {
        self.token.expose_secret()
    }
}

impl FromRequestParts<Arc<App>> for Mailed {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Error::NotFound("resource"))?;
        let token = params.iter().find(|(name, _)| *name == "token").map_or("", |(_, token)| token);
        Ok(Self { token: token.into(), kind: secret::recognise(token), hash: secret::hash(token) })
    }
}
