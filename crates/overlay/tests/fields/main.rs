//! The overlay over the real state and a backend that holds little: conversations and their fields, participants,
//! ratings, attachments, drift.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

mod attachments;
mod below;
mod conformance;
mod copies;
mod drift;
mod lists;
mod messages;
mod participants;
mod ratings;
mod replicas;
mod support;
mod unexpected;
mod writes;
