//! The lives of an order and of a delivery: which states there are, and which moves are legal.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    AwaitingPayment,
    Paid,
    Delivering,
    Completed,
    Failed,
    Refunded,
}

impl Status {
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("pending", Self::Pending),
        ("awaiting_payment", Self::AwaitingPayment),
        ("paid", Self::Paid),
        ("delivering", Self::Delivering),
        ("completed", Self::Completed),
        ("failed", Self::Failed),
        ("refunded", Self::Refunded),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, s)| *s == self).map_or("", |(word, _)| word)
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, s)| *s)
    }

    /// The legal moves. `failed → paid` needs more: see [`Failure::may_revive`].
    #[must_use]
    pub const fn can_become(self, next: Self) -> bool {
        use Status::{AwaitingPayment, Completed, Delivering, Failed, Paid, Pending, Refunded};
        matches!(
            (self, next),
            (Pending, AwaitingPayment | Paid | Failed)
                | (AwaitingPayment, Paid | Failed)
                | (Failed, Paid)
                | (Paid, Delivering | Completed | Refunded)
                | (Delivering, Completed | Refunded)
                | (Completed, Refunded)
        )
    }

    /// The buyer's money is here.
    #[must_use]
    pub const fn is_paid(self) -> bool {
        matches!(self, Self::Paid | Self::Delivering | Self::Completed)
    }
}

/// Why an order failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Expired,
    Declined,
}

impl Failure {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Declined => "declined",
        }
    }

    pub(super) fn of(word: &str) -> Self {
        if word == "expired" { Self::Expired } else { Self::Declined }
    }

    /// A payment that arrives late revives an order that merely ran out of time (R13).
    #[must_use]
    pub const fn may_revive(self) -> bool {
        matches!(self, Self::Expired)
    }
}

/// From done to worst, so that the greatest of a cart's items is the state of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryState {
    Delivered,
    Pending,
    AwaitingStock,
    /// It was refunded before.
    Cancelled,
    Failed,
}

impl DeliveryState {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Pending => "pending",
            Self::AwaitingStock => "awaiting_stock",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    pub(super) fn of(word: &str) -> Self {
        match word {
            "delivered" => Self::Delivered,
            "awaiting_stock" => Self::AwaitingStock,
            "cancelled" => Self::Cancelled,
            "failed" => Self::Failed,
            _ => Self::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_refunded_and_nothing_becomes_pending() {
        for (_, status) in Status::WORDS {
            assert!(!Status::Refunded.can_become(*status));
            assert!(!status.can_become(Status::Pending));
            assert!(!status.can_become(*status));
        }
    }

    #[test]
    fn the_slowest_item_names_the_state_of_the_whole() {
        use DeliveryState::{AwaitingStock, Delivered, Failed, Pending};
        assert_eq!([Delivered, AwaitingStock, Pending].into_iter().max(), Some(AwaitingStock));
        assert_eq!([Delivered, Pending].into_iter().max(), Some(Pending));
        assert_eq!([Failed, AwaitingStock].into_iter().max(), Some(Failed));
    }
}
