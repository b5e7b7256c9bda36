//! Who brings a payout onto its chain: one trait, and what each implementation does.

use std::pin::Pin;

use super::Payout;
use crate::domain::shops::Mode;
use crate::error::{Error, Result};

/// The word by which a broadcaster is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The operator sends it, and says so on the command line.
    Manual,
    /// Nothing moves: for test shops.
    Sandbox,
}

impl Route {
    const WORDS: &'static [(&'static str, Self)] = &[("manual", Self::Manual), ("sandbox", Self::Sandbox)];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, r)| *r == self).map_or("", |(word, _)| word)
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, route)| *route)
    }
}

/// What went out (R19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    pub tx_hash: String,
    /// Of the asset, as a decimal.
    pub asset_amount: Decimal,
    /// Units of the payout's currency for one of the asset.
    pub rate: Decimal,
    pub rate_source: String,
}

/// A number above zero, of at most 20 digits before the point and 18 behind it, exactly as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal(String);

impl Decimal {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |part: &str, max: usize| (1..=max).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let above_zero = text.bytes().any(|b| (b'1'..=b'9').contains(&b));
        (digits(whole, 20) && digits(fraction, 18) && above_zero).then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How far a payout is, as its broadcaster says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Broadcast(Broadcast),
    Confirmed,
    /// Nothing went out, or what went out came back.
    Failed {
        why: String,
    },
    /// On its way; to be asked again.
    Waiting,
    /// The shop's operator does the next step.
    ByHand,
}

pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Progress>> + Send + 'a>>;

/// Sends payouts, and watches them arrive.
pub trait Broadcaster: Send + Sync {
    fn route(&self) -> Route;

    /// Whether it sends for shops of this mode.
    fn takes(&self, mode: Mode) -> bool;

    /// Sends a queued payout. It is asked again where an answer was lost, and must send once for each payout's id.
    ///
    /// # Errors
    /// Where the chain does not answer: then it is asked again later.
    fn broadcast<'a>(&'a self, payout: &'a Payout) -> Asking<'a>;

    /// Looks for a payout that was sent.
    ///
    /// # Errors
    /// As [`Broadcaster::broadcast`].
    fn look<'a>(&'a self, payout: &'a Payout) -> Asking<'a>;
}

/// The broadcasters of this house; a payout takes the first that sends for its shop's mode.
pub struct Broadcasters(Vec<Box<dyn Broadcaster>>);

impl Default for Broadcasters {
    fn default() -> Self {
        Self(vec![Box::new(Sandbox), Box::new(Manual)])
    }
}

impl Broadcasters {
    /// # Errors
    /// [`Error::Internal`] where nobody sends for shops of this mode.
    pub fn choose(&self, mode: Mode) -> Result<Route> {
        let found = self.0.iter().find(|broadcaster| broadcaster.takes(mode));
        found.map(|broadcaster| broadcaster.route()).ok_or_else(|| Error::Internal("nobody sends payouts".into()))
    }

    /// Asks for the next step of a payout.
    ///
    /// # Errors
    /// Where its chain does not answer.
    pub async fn ask(&self, payout: &Payout) -> Result<Progress> {
        let found = self.0.iter().find(|broadcaster| broadcaster.route() == payout.route);
        let broadcaster = found.ok_or_else(|| Error::Internal(format!("nobody sends payout {}", payout.id)))?;
        match payout.broadcast {
            None => broadcaster.broadcast(payout).await,
            Some(_) => broadcaster.look(payout).await,
        }
    }
}

struct Manual;

impl Broadcaster for Manual {
    fn route(&self) -> Route {
        Route::Manual
    }

    fn takes(&self, _: Mode) -> bool {
        true
    }

    fn broadcast<'a>(&'a self, _: &'a Payout) -> Asking<'a> {
        Box::pin(std::future::ready(Ok(Progress::ByHand)))
    }

    fn look<'a>(&'a self, _: &'a Payout) -> Asking<'a> {
        Box::pin(std::future::ready(Ok(Progress::ByHand)))
    }
}

/// A payout with this memo fails, so that an integration meets that too.
const FAILS: &str = "fail";

struct Sandbox;

impl Broadcaster for Sandbox {
    fn route(&self) -> Route {
        Route::Sandbox
    }

    fn takes(&self, mode: Mode) -> bool {
        mode == Mode::Test
    }

    /// At a rate of one: nobody is to plan with the sandbox's figures.
    fn broadcast<'a>(&'a self, payout: &'a Payout) -> Asking<'a> {
        let sent = || {
            let fault = || Error::Internal(format!("payout {} has no amount", payout.id));
            Ok(Progress::Broadcast(Broadcast {
                tx_hash: format!("sandbox-{}", payout.id.uuid()),
                asset_amount: Decimal::parse(&payout.currency.decimal(payout.amount)).ok_or_else(fault)?,
                rate: Decimal::parse("1").ok_or_else(fault)?,
                rate_source: "sandbox".to_owned(),
            }))
        };
        let progress = match payout.memo.as_deref() {
            Some(FAILS) => Ok(Progress::Failed { why: "the sandbox was told to fail it".into() }),
            _ => sent(),
        };
        Box::pin(std::future::ready(progress))
    }

    fn look<'a>(&'a self, _: &'a Payout) -> Asking<'a> {
        Box::pin(std::future::ready(Ok(Progress::Confirmed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_kept_as_it_is_written() {
        for good in ["1", "0.5", "00.10", "99999999999999999999.999999999999999999"] {
            assert_eq!(Decimal::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "0",
            "0.00",
            "-1",
            "+1",
            "1.",
            ".5",
            "1e5",
            "1,5",
            "1.2.3",
            "NaN",
            "999999999999999999999",
            "1.1234567890123456789",
        ] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
        }
    }
}
