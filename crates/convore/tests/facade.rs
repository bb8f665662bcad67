//! The facade over the store, spoken to through a socket as the vendor's client does. Every answer is held against a
//! strict description.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "facade/access.rs"]
mod access;
#[path = "facade/backends.rs"]
mod backends;
#[path = "facade/below.rs"]
mod below;
#[path = "facade/bodies.rs"]
mod bodies;
#[path = "facade/captures.rs"]
mod captures;
#[path = "facade/conversations.rs"]
mod conversations;
#[path = "facade/files.rs"]
mod files;
#[path = "facade/foreign.rs"]
mod foreign;
#[path = "facade/hostile.rs"]
mod hostile;
#[path = "facade/lists.rs"]
mod lists;
#[path = "facade/messages.rs"]
mod messages;
#[path = "facade/neighbours.rs"]
mod neighbours;
#[path = "facade/polling.rs"]
mod polling;
#[path = "facade/replay.rs"]
mod replay;
#[path = "facade/said.rs"]
mod said;
#[path = "facade/shape.rs"]
mod shape;
#[path = "facade/strangers.rs"]
mod strangers;
#[path = "facade/support.rs"]
mod support;
#[path = "facade/together.rs"]
mod together;
#[path = "facade/world.rs"]
mod world;
