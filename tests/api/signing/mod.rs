//! What is signed, and that the verifiers on `/docs/verify` believe exactly that: in Rust, in Python with
//! PyJWT, and in JavaScript with node's own crypto.

mod jwks;
#[path = "../../../src/http/pages/verify/keyhouse_verify.rs"]
pub mod keyhouse_verify;
mod languages;
pub mod rotation;
pub mod vectors;
