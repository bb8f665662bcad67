//! The adapter against the fake server, one surprise at a time.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fake/fake.rs"]
mod fake;
#[path = "adapter/support.rs"]
mod support;

#[path = "adapter/access.rs"]
mod access;
#[path = "adapter/answers.rs"]
mod answers;
#[path = "adapter/conversations.rs"]
mod conversations;
#[path = "adapter/costs.rs"]
mod costs;
#[path = "adapter/failures.rs"]
mod failures;
#[path = "adapter/generations.rs"]
mod generations;
#[path = "adapter/messages.rs"]
mod messages;
#[path = "adapter/passthrough.rs"]
mod passthrough;
#[path = "adapter/previews.rs"]
mod previews;
#[path = "adapter/records.rs"]
mod records;
#[path = "adapter/settling.rs"]
mod settling;
#[path = "adapter/vendor.rs"]
mod vendor;
