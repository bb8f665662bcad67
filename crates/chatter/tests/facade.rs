//! The facade on real sockets, over the router and the store.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "facade/answerers.rs"]
mod answerers;
#[path = "fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's tests, which use all of it"
)]
mod fake;
#[path = "facade/support.rs"]
mod support;
#[path = "facade/wrapped.rs"]
mod wrapped;

#[path = "facade/any_backend.rs"]
mod any_backend;
#[path = "facade/chats.rs"]
mod chats;
#[path = "facade/circle.rs"]
mod circle;
#[path = "facade/conversations.rs"]
mod conversations;
#[path = "facade/documented.rs"]
mod documented;
#[path = "facade/edges.rs"]
mod edges;
#[path = "facade/failures.rs"]
mod failures;
#[path = "facade/hostile.rs"]
mod hostile;
#[path = "facade/leaving.rs"]
mod leaving;
#[path = "facade/lists.rs"]
mod lists;
#[path = "facade/messages.rs"]
mod messages;
#[path = "facade/own.rs"]
mod own;
#[path = "facade/replay.rs"]
mod replay;
#[path = "facade/set_up.rs"]
mod set_up;
#[path = "facade/together.rs"]
mod together;
