//! The running binary: starting, stopping, keys, and what must never be printed.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

mod keys;
mod process;
mod secrets;
mod starting;
mod stopping;
