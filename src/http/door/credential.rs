//! What a request presents, read without a query: a bearer token of a known kind with a good checksum.

use axum::http::request::Parts;
use axum::http::{HeaderValue, header};

use super::{Surface, dynamic};
use crate::error::{Error, Result, Unauthenticated};
use crate::kit::secret::{self, Kind};

/// A well-formed credential. Whether it is anybody's, the database knows.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    pub kind: Kind,
    pub hash: [u8; 32],
}

/// Reads the request's credential.
///
/// # Errors
/// [`Error::Unauthenticated`] with what is wrong about its form.
pub fn present(surface: Surface, parts: &Parts) -> Result<Presented> {
    let refuse = |why| Err(Error::Unauthenticated(why));
    let in_query = dynamic::key_in_query(parts)?;
    if in_query.is_none() && has_key_in_query(parts.uri.query()) {
        return refuse(Unauthenticated::KeyInQuery);
    }
    let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
    let token = match (headers.next(), headers.next()) {
        (None, _) if in_query.is_none() => return refuse(Unauthenticated::Missing),
        (None, _) => in_query.as_deref(),
        // Who says two things is believed in neither (promises, row 44).
        (Some(one), None) => bearer(one).filter(|token| in_query.as_deref().is_none_or(|other| other == *token)),
        (Some(_), Some(_)) => None,
    };
    let Some(token) = token else { return refuse(Unauthenticated::Invalid) };
    let Some(kind) = secret::recognise(token) else { return refuse(Unauthenticated::Invalid) };
    if !surface.takes(kind) {
        return refuse(Unauthenticated::WrongKind { sent: kind.noun(), wanted: surface.wants() });
    }
    Ok(Presented { kind, hash: secret::hash(token) })
}

fn bearer(header: &HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    let one = !token.is_empty() && !token.contains([' ', ',', '\t']);
    (scheme.eq_ignore_ascii_case("bearer") && one).then_some(token)
}

/// Keys in a URL end up in logs; only the dynamic URL takes one.
fn has_key_in_query(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some("api_key")))
}

impl Surface {
    const fn takes(self, kind: Kind) -> bool {
        match self {
            Self::V1 => matches!(kind, Kind::MerchantLive | Kind::MerchantTest),
            Self::Dev => matches!(kind, Kind::Developer),
            Self::Reseller => matches!(kind, Kind::Reseller),
            Self::Checkout => matches!(kind, Kind::Checkout),
            Self::Portal => matches!(kind, Kind::Session),
        }
    }

    const fn wants(self) -> &'static str {
        match self {
            Self::V1 => Kind::MerchantLive.noun(),
            Self::Dev => Kind::Developer.noun(),
            Self::Reseller => Kind::Reseller.noun(),
            Self::Checkout => Kind::Checkout.noun(),
            Self::Portal => Kind::Session.noun(),
        }
    }
}
