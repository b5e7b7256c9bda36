//! How money comes in, and goes back: gateways behind one trait, each turning its provider's words into one [`PaymentEvent`].
//!
//! Today: `sandbox`, which does as it is told and moves nothing, and `manual`, which the shop confirms by hand.
//!
//! # How a real provider fits
//!
//! A checkout never waits for a provider. The order is opened first, in one transaction; the provider is
//! asked for its payment page only when the buyer goes to pay, outside of any transaction, with the
//! order's own id as its idempotency key and [`Reference`] as the metadata that comes back.
//!
//! - **Stripe**: the payment page is a Checkout Session (`client_reference_id` = reference). Its webhook is
//!   signed by HMAC-SHA256 over time and body (`Stripe-Signature`), as the sandbox's is, so [`Provider::read`]
//!   checks and parses what it was sent: `checkout.session.completed` and `…async_payment_succeeded` carry
//!   `amount_total`, `currency` and the reference; `…async_payment_failed` is [`Outcome::Declined`]; the
//!   event's `id` is [`PaymentEvent::reference`].
//! - **`BTCPay`**: the payment page is an invoice (`metadata.orderId` = reference). Its webhook is signed
//!   (`BTCPay-Sig`) but says no amount, which is why `read` is async: after the signature it fetches the
//!   invoice and its payments over the outbound client, and answers amount, currency, chain and transaction.
//!   `InvoiceSettled` is a payment, also when it comes late; `InvoiceExpired` is none: our own clock expires orders.
//!
//! Either is a new variant of [`Gateway`], a file beside `sandbox.rs`, and a line in [`Gateways::new`].

mod event;
mod gateways;
mod manual;
mod sandbox;
mod sql;

pub use event::{Outcome, PaymentEvent, Reference, Transaction, Verdict, record};
pub use gateways::{Callback, Gateways, Pending, Provider, RefundCall, RefundOutcome, Refunding};
pub use sandbox::Sandbox;

/// The word by which a gateway is known: in a checkout, on an order, in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    Sandbox,
    Manual,
}

impl Gateway {
    pub const WORDS: &'static [(&'static str, Self)] = &[("sandbox", Self::Sandbox), ("manual", Self::Manual)];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Manual => "manual",
        }
    }

    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, gateway)| *gateway)
    }
}
