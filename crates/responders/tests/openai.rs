//! The responder for OpenAI's chat completions, against a small server of its own on loopback.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "openai/answering.rs"]
mod answering;
#[path = "openai/fake.rs"]
mod fake;
#[path = "openai/limits.rs"]
mod limits;
#[path = "openai/refusals.rs"]
mod refusals;
#[path = "openai/support.rs"]
mod support;
#[path = "openai/words.rs"]
mod words;
