//! Words that every room speaks: no tables, no routes.

pub mod address;
pub mod clock;
pub mod env;
pub mod file_store;
pub mod id;
pub mod ip_rule;
pub mod json;
pub mod jws;
pub mod lane;
pub mod limiter;
pub mod money;
pub mod page;
pub mod password;
pub mod patch;
pub mod places;
pub mod pool;
pub mod postgres;
pub mod secret;
pub mod signature;
pub mod snippet;
pub mod twins;
pub mod values;
pub mod vault;
pub mod web_address;
