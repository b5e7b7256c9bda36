//! `sandbox`: for test shops. It moves nothing, and reports payments as a real provider would: signed,
//! late, twice, or of a wrong amount, so that an integration meets all of it before real money does.

use chrono::{DateTime, Duration, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{
    Callback, Gateway, Outcome, PaymentEvent, Pending, Provider, Reference, RefundCall, RefundOutcome, Refunding,
};
use crate::domain::shops::Mode;
use crate::error::{Error, Result, Unauthenticated};
use crate::kit::json::{Form, Json, Unknown, Wire};
use crate::kit::values::{currency, name, one_of, price};
use crate::kit::vault::hex;

/// `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`.
pub const SIGNATURE_HEADER: &str = "x-sandbox-signature";
/// A signed call is refused when it is older, or further ahead, than this: the field's usual five minutes.
const TOLERANCE: Duration = Duration::minutes(5);

/// A refund with this note fails, so that an integration meets that too.
const FAILS: &str = "fail";

pub struct Sandbox {
    /// Without one no call is believed.
    secret: Option<SecretString>,
}

impl Sandbox {
    #[must_use]
    pub const fn new(secret: Option<SecretString>) -> Self {
        Self { secret }
    }

    fn check(&self, callback: &Callback, now: DateTime<Utc>) -> Result<()> {
        let refuse = || Error::Unauthenticated(Unauthenticated::Invalid);
        let secret = self.secret.as_ref().ok_or_else(refuse)?;
        let header = callback.headers.get(SIGNATURE_HEADER).ok_or_else(refuse)?;
        let (time, given) = header.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).ok_or_else(refuse)?;
        let signed_at = time.parse().ok().and_then(|s| DateTime::from_timestamp(s, 0)).ok_or_else(refuse)?;
        let expected = sign(secret, time, &callback.body)?;
        let fresh = (now - signed_at).abs() <= TOLERANCE;
        if fresh && bool::from(expected.as_bytes().ct_eq(given.as_bytes())) { Ok(()) } else { Err(refuse()) }
    }
}

fn sign(secret: &SecretString, time: &str, body: &[u8]) -> Result<String> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
    let mut mac = mac.map_err(|e| Error::Internal(format!("sandbox secret: {e}")))?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    Ok(hex(&mac.finalize().into_bytes()))
}

impl Provider for Sandbox {
    fn gateway(&self) -> Gateway {
        Gateway::Sandbox
    }

    fn takes(&self, mode: Mode) -> bool {
        mode == Mode::Test
    }

    fn instructions(&self) -> &'static str {
        "POST /checkout/v1/sessions/{id}/pay with the token pays in the sandbox."
    }

    fn read<'a>(&'a self, callback: &'a Callback, now: DateTime<Utc>) -> Pending<'a> {
        Box::pin(async move {
            self.check(callback, now)?;
            let Json::Object(members) = Json::parse(&callback.body)? else {
                return Err(Error::Malformed("the body must be a JSON object".into()));
            };
            Ok(Form::new(members).finish::<PaymentEvent>(Unknown::Ignored)?)
        })
    }

    fn refund<'a>(&'a self, call: &'a RefundCall) -> Refunding<'a> {
        let outcome = match call.note.as_deref() {
            Some(FAILS) => RefundOutcome::Refused { why: "the sandbox was told to refuse it".into() },
            _ => RefundOutcome::Sent { tx: Some(format!("sandbox-{}", call.id)) },
        };
        Box::pin(std::future::ready(Ok(outcome)))
    }
}

impl Wire for PaymentEvent {
    fn read(form: &mut Form) -> Option<Self> {
        let id = form.required("id", name);
        let order = form.required("order", Reference::read);
        let outcome = form.optional("outcome", one_of(Outcome::WORDS));
        let amount = form.required("amount_cents", price);
        let currency = form.required("currency", currency);
        Some(Self {
            gateway: Gateway::Sandbox,
            reference: id?,
            order: order?,
            outcome: outcome?.unwrap_or(Outcome::Succeeded),
            amount: amount?,
            currency: currency?,
            tx: None,
        })
    }
}
