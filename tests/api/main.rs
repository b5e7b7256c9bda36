//! Every test, in one binary. The tree mirrors `src/http`; `house` is the test app, `laws` is what must
//! hold whatever the endpoint, `show` is what must hold under races and crashes.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::pedantic)]

mod checkout;
mod cli;
mod dev;
mod domain;
mod house;
mod kit;
mod laws;
mod pages;
mod portal;
mod readme;
mod reseller;
mod show;
mod signing;
mod v1;
mod worker;
