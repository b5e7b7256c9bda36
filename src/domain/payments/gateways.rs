//! What a gateway must be able to do, and which ones this house has.

use std::collections::BTreeMap;
use std::pin::Pin;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use super::manual::Manual;
use super::sandbox::Sandbox;
use super::{Gateway, PaymentEvent};
use crate::domain::shops::{Mode, Tenant};
use crate::error::{Error, Result};
use crate::kit::money::{Cents, Currency};

/// A provider's own call, as it came in. Header names are in lower case.
#[derive(Debug)]
pub struct Callback {
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// An event that may take a question back to the provider.
pub type Pending<'a> = Pin<Box<dyn Future<Output = Result<PaymentEvent>> + Send + 'a>>;

/// Money to give back.
#[derive(Clone, Debug)]
pub struct RefundCall {
    pub shop: Tenant,
    /// The refund's own id: a provider gives back once for each, however often it is asked.
    pub id: Uuid,
    pub order: Uuid,
    pub amount: Cents,
    pub currency: Currency,
    pub note: Option<String>,
}

/// What became of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundOutcome {
    /// The money went out; the transaction, where a chain carried it.
    Sent { tx: Option<String> },
    /// It did not, and will not.
    Refused { why: String },
    /// The shop's operator gives it back, and says when it is done.
    ByHand,
}

/// An outcome that may take a question to the provider.
pub type Refunding<'a> = Pin<Box<dyn Future<Output = Result<RefundOutcome>> + Send + 'a>>;

/// One way money comes in, and goes back.
pub trait Provider: Send + Sync {
    fn gateway(&self) -> Gateway;

    /// Whether a shop of this mode may be paid through it.
    fn takes(&self, mode: Mode) -> bool;

    /// What the buyer is told to do.
    fn instructions(&self) -> &'static str;

    /// Checks that the call is the provider's own, and says what it says.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a signature that does not hold; [`Error::Malformed`] for what cannot
    /// be read behind a good one.
    fn read<'a>(&'a self, callback: &'a Callback, now: DateTime<Utc>) -> Pending<'a>;

    /// Gives money back. It is asked again where an answer was lost, and must not give back twice.
    ///
    /// # Errors
    /// Where the provider does not answer: then it is asked again later.
    fn refund<'a>(&'a self, call: &'a RefundCall) -> Refunding<'a>;
}

/// The gateways of this house; where a buyer names none, the first that takes the shop's mode.
pub struct Gateways(Vec<Box<dyn Provider>>);

impl Gateways {
    #[must_use]
    pub fn new(sandbox_secret: Option<SecretString>) -> Self {
        Self(vec![Box::new(Sandbox::new(sandbox_secret)), Box::new(Manual)])
    }

    /// # Errors
    /// [`Error::NotFound`] for a gateway that this house has not.
    pub fn get(&self, gateway: Gateway) -> Result<&dyn Provider> {
        let found = self.0.iter().find(|provider| provider.gateway() == gateway);
        found.map(AsRef::as_ref).ok_or(Error::NotFound("gateway"))
    }

    /// The gateway for an order of this total: none where there is nothing to pay.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `gateway` where it does not take this shop's money.
    pub fn choose(&self, mode: Mode, total: Cents, wanted: Option<Gateway>) -> Result<Option<Gateway>> {
        if total == Cents::ZERO {
            return Ok(None);
        }
        let mut taking = self.0.iter().filter(|provider| provider.takes(mode));
        let found = taking.find(|provider| wanted.is_none_or(|wanted| provider.gateway() == wanted));
        match (found, wanted) {
            (Some(provider), _) => Ok(Some(provider.gateway())),
            (None, Some(Gateway::Sandbox)) => {
                Err(Error::invalid("gateway", "sandbox takes no real money; use mode \"test\""))
            }
            (None, _) => Err(Error::invalid("gateway", "takes no payments for this shop")),
        }
    }
}
