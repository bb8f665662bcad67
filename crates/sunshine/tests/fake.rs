//! The fake itself: it answers as the vendor's OpenAPI description 17.12.1 and its client's requests say.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fake/fake.rs"]
#[expect(dead_code, reason = "some faults are for the adapter alone")]
mod fake;
#[path = "fake/tests/support.rs"]
mod support;

#[path = "fake/tests/access.rs"]
mod access;
#[path = "fake/tests/conversations.rs"]
mod conversations;
#[path = "fake/tests/faults.rs"]
mod faults;
#[path = "fake/tests/messages.rs"]
mod messages;
