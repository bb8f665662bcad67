//! The adapter against the fake, one unknown of the vendor at a time.

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
#[path = "adapter/attachments.rs"]
mod attachments;
#[path = "adapter/behind.rs"]
mod behind;
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
#[path = "adapter/participants.rs"]
mod participants;
#[path = "adapter/passthrough.rs"]
mod passthrough;
#[path = "adapter/posts.rs"]
mod posts;
#[path = "adapter/settling.rs"]
mod settling;
#[path = "adapter/stored.rs"]
mod stored;
#[path = "adapter/walks.rs"]
mod walks;
