//! A provider's own call: its bytes as they came, since the signature is over them, and the one write
//! that it leads to.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderValue;
use sqlx::PgConnection;

use super::caller::Authority;
use super::write::Write;
use crate::app::App;
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};

pub struct Callback {
    /// By name, in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub write: Write<()>,
}

impl FromRequest<Arc<App>> for Callback {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self> {
        let (parts, _) = request.into_parts();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Self {
            headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body: parts.extensions.get::<Bytes>().map_or_else(Vec::new, |bytes| bytes.to_vec()),
            write: Write::without_key(&parts, app)?,
        })
    }
}

/// A provider whose signature held, in the shop that its call names.
#[derive(Debug)]
pub struct Signed(pub Tenant);

impl Authority for Signed {
    fn shop(&self) -> Tenant {
        self.0
    }

    fn scope(&self) -> String {
        "gateway".to_owned()
    }

    fn holder(&self) -> Vec<u8> {
        Vec::new()
    }

    async fn stands(&self, _: &mut PgConnection) -> Result<bool> {
        Ok(true) // each call carries its own proof
    }
}
