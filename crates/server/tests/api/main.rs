//! The normalized API over real sockets, on the embedded store with a scripted AI.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod activity;
mod administration;
mod archive;
mod attachments;
mod auth;
mod backends;
mod bad_input;
mod conversations;
mod documentation;
mod ending;
mod erasures;
mod explain;
mod fake;
mod fidelity;
mod idempotency;
mod messages;
mod migrations;
mod passthrough;
mod probes;
mod responses;
mod restart;
mod routes;
mod settling;
mod support;
mod translate;
