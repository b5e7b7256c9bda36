//! How money comes in. One gateway so far, and a sandbox shop's alone: `sandbox`, which does as it is
//! told and moves nothing.

use super::shops::Mode;
use crate::error::{Error, Result};
use crate::kit::money::Cents;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    Sandbox,
}

impl Gateway {
    pub const WORDS: &'static [(&'static str, Self)] = &[("sandbox", Self::Sandbox)];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
        }
    }
}

/// The gateway for an order of this total: none where there is nothing to pay.
///
/// # Errors
/// [`Error::Invalid`] on `gateway` where the shop has none for it.
pub fn choose(mode: Mode, total: Cents, wanted: Option<Gateway>) -> Result<Option<Gateway>> {
    if total == Cents::ZERO {
        return Ok(None);
    }
    match (mode, wanted) {
        (Mode::Test, None | Some(Gateway::Sandbox)) => Ok(Some(Gateway::Sandbox)),
        (Mode::Live, Some(Gateway::Sandbox)) => {
            Err(Error::invalid("gateway", "sandbox takes no real money; use mode \"test\""))
        }
        (Mode::Live, None) => {
            Err(Error::invalid("gateway", "the shop has no gateway for live payments yet; use mode \"test\""))
        }
    }
}
