#![doc = include_str!("map.md")]
pub mod domain;
pub mod error;
pub mod kit;
pub mod app;
pub mod cli;
pub mod config;
pub mod http;
pub mod telemetry;
pub mod worker;
pub use error::{Error, Result};
