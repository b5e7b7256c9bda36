//! The developer's surface.

pub mod licenses;
mod me;
mod orders;
mod products;
