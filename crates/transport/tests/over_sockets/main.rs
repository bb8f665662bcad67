//! The transport against fakes that speak raw TCP on loopback, because no HTTP server can misbehave enough.
#![expect(
    clippy::unwrap_used,
    reason = "the lint spares test functions, but not the helpers beside them"
)]

mod answers;
mod connections;
mod failures;
mod fake;
mod pieces;
mod records;
mod requests;
mod streams;
mod tls;
