//! Operations of rooms that no route reaches by itself.

mod ledger;
mod serials;
