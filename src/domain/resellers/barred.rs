//! Who may buy: the one place that weighs program, status and mode (contract R43, R44).

use super::{Program, Reseller, Status, Unsold};
use crate::error::{Conflict, Error, ResellerRefusal};

/// Why a relationship buys no stock now, by hand or through the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    ProgramOff,
    /// It is suspended or terminated.
    NotActive(Status),
    /// It works for a commission alone.
    Mode,
}

impl Barred {
    /// Whether its keys open nothing at all: they are answered as inactive.
    #[must_use]
    pub const fn is_inactive(self) -> bool {
        matches!(self, Self::ProgramOff | Self::NotActive(_))
    }
}

impl Reseller {
    /// Whether it buys stock now. Right where the relationship is locked.
    ///
    /// # Errors
    /// [`Barred`].
    pub const fn may_buy(&self, program: &Program) -> Result<(), Barred> {
        match self.status {
            _ if !program.enabled => Err(Barred::ProgramOff),
            Status::Active if self.terms.mode.buys_stock() => Ok(()),
            Status::Active => Err(Barred::Mode),
            status => Err(Barred::NotActive(status)),
        }
    }
}

/// For those who are signed in: a key of the relationship asks [`Barred::is_inactive`] first.
impl From<Barred> for Error {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::ProgramOff => Self::Reseller(ResellerRefusal::ProgramDisabled),
            Barred::Mode => Self::Reseller(ResellerRefusal::ModeNotAllowed),
            Barred::NotActive(status) => {
                Self::Conflict(Conflict::WrongState(format!("The relationship is {}.", status.word())))
            }
        }
    }
}

impl From<Unsold> for ResellerRefusal {
    fn from(unsold: Unsold) -> Self {
        match unsold {
            Unsold::NotAllowed => Self::ProductNotAllowed,
            Unsold::NotEligible => Self::ProductNotEligible,
        }
    }
}
