//! The catalogue as its merchant keeps it.

mod archive;
mod create;
mod import;
mod list;
mod patch;
mod sources;
