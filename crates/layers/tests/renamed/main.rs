//! Messages and attachments by their public ids, over a backend that knows them by others.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

mod arriving;
mod below;
mod conformance;
mod ids;
mod names;
mod support;
mod telling;
mod writes;
