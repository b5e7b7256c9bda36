//! Orders as their merchant sees them, and what goes back of them. They are made at the sandbox's checkout.

mod detail;
mod list;
mod refund;
mod refunded;
mod resend;
