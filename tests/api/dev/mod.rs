//! The developer's surface.

mod balance;
mod fulfillments;
mod invoices;
pub mod licenses;
mod me;
mod orders;
mod products;
mod resellers;
