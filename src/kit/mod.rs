//! Words that every room speaks: no tables, no routes.

pub mod clock;
pub mod env;
pub mod id;
pub mod json;
pub mod limiter;
pub mod money;
pub mod page;
pub mod patch;
pub mod pool;
pub mod postgres;
pub mod secret;
pub mod twins;
pub mod values;
pub mod vault;
