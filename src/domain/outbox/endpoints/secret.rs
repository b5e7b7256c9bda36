//! An endpoint's signing secret: `whsec_` and 32 random bytes in base64 (R20), sealed at rest.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::EndpointId;
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::signature::SECRET_PREFIX;
use crate::kit::vault::Place;

const SECRET_BYTES: usize = 32;

pub(super) fn make(env: &Env) -> SecretString {
    format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(env.random::<SECRET_BYTES>())).into()
}

pub(super) fn seal(secret: &SecretString, shop: Tenant, id: EndpointId, env: &Env) -> Result<Vec<u8>> {
    env.vault.seal(place(shop, id), secret.expose_secret().as_bytes(), &mut env.fork_rng())
}

/// # Errors
/// [`Error::Internal`] where it was not sealed for this endpoint.
pub(in crate::domain::outbox) fn open(sealed: &[u8], shop: Tenant, id: EndpointId, env: &Env) -> Result<SecretString> {
    let plain = env.vault.open(place(shop, id), sealed)?;
    let secret = String::from_utf8(plain).map_err(|_| Error::Internal(format!("the secret of endpoint {id}")))?;
    Ok(secret.into())
}

fn place(shop: Tenant, id: EndpointId) -> Place {
    Place { shop: shop.uuid(), table: "webhook_endpoints", id: *id }
}
