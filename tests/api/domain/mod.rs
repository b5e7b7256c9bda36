//! Operations of rooms that no route reaches by itself.

mod lane;
mod ledger;
mod serials;
