//! Messages over the real state and a backend that stores only through its AI: what waits, how it travels, how answers
//! are bound, what a crash leaves behind, and access that ends.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

mod access;
mod answers;
mod bench;
mod chatty;
mod conformance;
mod copies;
mod crashes;
mod down;
mod edits;
mod growth;
mod lists;
mod review;
mod settling;
