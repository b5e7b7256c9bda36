//! Orders as their merchant sees them. They are made at the sandbox's checkout.

mod detail;
mod list;
