//! The rooms. Each is types, rules and operations (`mod.rs` and its parts) over its own tables
//! (`sql.rs`, private). Operations take `&mut PgConnection`, then the tenant, and never commit.
//! A room calls only rooms to its left:
//!
//! `data_keys · shops · outbox · idempotency · keys · accounts · files · products · customers · serials · licenses · ledger · resellers · payments · dynamic · orders · fulfillments · payouts`

pub mod accounts;
pub mod customers;
pub mod data_keys;
pub mod dynamic;
pub mod files;
pub mod fulfillments;
pub mod idempotency;
pub mod keys;
pub mod ledger;
pub mod licenses;
pub mod orders;
pub mod outbox;
pub mod payments;
pub mod payouts;
pub mod products;
pub mod resellers;
pub mod serials;
pub mod shops;
