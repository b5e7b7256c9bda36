//! Keyhouse: a server for merchants of digital codes, in which each code goes out exactly once.
//!
//! # Three ideas
//!
//! 1. **A write is one Postgres transaction** that holds its idempotency record, its domain change and
//!    its outbox rows. One place begins and commits it: [`http::door::write`]; hot paths share a commit, and
//!    there a lane does so for a group ([`kit::lane`]). Rooms take a connection and never commit. So a retry
//!    is safe, and a failure is nothing having happened.
//! 2. **Errors travel as one domain value**, [`Error`], and are put into words once, at each surface's
//!    door ([`http::door::problem`], [`http::door::envelope`]).
//! 3. **Authority is a type.** A handler that holds a [`http::door::caller::Merchant`] was let in with
//!    that ability, and has its [`domain::shops::Tenant`] from nowhere else; every room asks for one.
//!
//! # The map
//!
//! | module | what it is | may use |
//! | --- | --- | --- |
//! | [`cli`] | the commands; [`config`], [`telemetry`], [`app`] are what they set up | everything |
//! | [`http`] | surfaces behind their [`http::door`]: HTTP and nothing else | `app`, `domain`, `kit` |
//! | [`worker`] | what happens after the commit: mails, questions to webhooks, refunds and payouts, expiry, folding, sweeping | `app`, `domain`, `outbound`, `mailer`, `kit` |
//! | [`domain`] | the rooms: types, rules, operations, and each one's SQL | `kit`, rooms to its left |
//! | [`outbound`] | calls to addresses that merchants gave, behind a guard | `kit` |
//! | [`mailer`] | mails on their way out: SMTP, or files | `config`, `kit` |
//! | [`kit`] | words that every room speaks: ids, money, time, sealing, lists, lanes | nothing |
//!
//! # The path of a write
//!
//! `POST /v1/products/{id}/keys`: [`http::v1`] routes it → [`http::door::enter`] checks its form, counts
//! it, reads its body, takes a permit and spawns it → [`http::door::caller`] looks the key up →
//! [`http::door::write`] begins, takes the key's lock, claims the idempotency key →
//! [`domain::serials::import`] → [`domain::outbox::emit`] → store the answer, commit, send it.
//!
//! # The path of a code
//!
//! Imported and sealed ([`domain::serials::import`]) → set aside by a checkout
//! ([`domain::orders::open`]) → sold in the transaction of its payment ([`domain::orders::pay`]) → shown
//! to the buyer and mailed ([`worker`]). Or released by expiry ([`domain::orders::expire_due`]).

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod kit;
pub mod mailer;
pub mod outbound;
pub mod telemetry;
pub mod worker;

pub use error::{Error, Result};
