//! The developer's surface.

mod licenses;
mod me;
mod orders;
mod products;
