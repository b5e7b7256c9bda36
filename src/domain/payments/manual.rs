//! `manual`: the buyer pays however the shop says, and the shop completes the order when the money is there.

use chrono::{DateTime, Utc};

use super::{Callback, Gateway, Pending, Provider, RefundCall, RefundOutcome, Refunding};
use crate::domain::shops::Mode;
use crate::error::Error;

pub(super) struct Manual;

impl Provider for Manual {
    fn gateway(&self) -> Gateway {
        Gateway::Manual
    }

    fn takes(&self, _: Mode) -> bool {
        true
    }

    fn instructions(&self) -> &'static str {
        "Pay the shop as it tells you; it confirms the payment itself, and then the goods are delivered."
    }

    fn read<'a>(&'a self, _: &'a Callback, _: DateTime<Utc>) -> Pending<'a> {
        Box::pin(std::future::ready(Err(Error::NotFound("callback of this gateway"))))
    }

    fn refund<'a>(&'a self, _: &'a RefundCall) -> Refunding<'a> {
        Box::pin(std::future::ready(Ok(RefundOutcome::ByHand)))
    }
}
