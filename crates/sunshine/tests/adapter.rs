//! The adapter against the fake, one surprise at a time.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fake/fake.rs"]
#[expect(dead_code, reason = "other tests need other sides of it")]
mod fake;
#[path = "adapter/support.rs"]
mod support;

#[path = "adapter/access.rs"]
mod access;
#[path = "adapter/conversations.rs"]
mod conversations;
#[path = "adapter/costs.rs"]
mod costs;
#[path = "adapter/failures.rs"]
mod failures;
#[path = "adapter/imports.rs"]
mod imports;
#[path = "adapter/messages.rs"]
mod messages;
#[path = "adapter/pages.rs"]
mod pages;
#[path = "adapter/passthrough.rs"]
mod passthrough;
#[path = "adapter/people.rs"]
mod people;
#[path = "adapter/settling.rs"]
mod settling;
#[path = "adapter/shorthand.rs"]
mod shorthand;
#[path = "adapter/stored.rs"]
mod stored;
