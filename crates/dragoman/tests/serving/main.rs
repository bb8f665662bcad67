//! The running binary: starting, stopping, keys, moving conversations, and what must never be printed.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

mod answering;
mod archives;
mod demo;
mod erasing;
mod facades;
mod healthcheck;
mod keys;
mod looking;
mod migrating;
mod moving;
mod process;
mod reloading;
mod secrets;
mod simulating;
mod starting;
mod stopping;
mod tracing;
