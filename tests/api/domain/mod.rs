//! Operations of rooms that no route reaches by itself.

mod balance;
mod fulfillments;
mod lane;
mod ledger;
mod resellers;
mod serials;
