//! The running binary: starting, stopping, keys, moving conversations, and what must never be printed.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

mod archives;
mod erasing;
mod keys;
mod migrating;
mod moving;
mod process;
mod secrets;
mod starting;
mod stopping;
