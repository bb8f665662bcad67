//! The facade over a router and a store, on real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "facade/access.rs"]
mod access;
#[path = "facade/client.rs"]
mod client;
#[path = "facade/conversations.rs"]
mod conversations;
#[path = "facade/credentials.rs"]
mod credentials;
#[path = "facade/description.rs"]
mod description;
#[path = "facade/documented.rs"]
mod documented;
#[path = "facade/elsewhere.rs"]
mod elsewhere;
#[path = "facade/errors.rs"]
mod errors;
#[path = "fixtures/examples.rs"]
#[expect(dead_code, reason = "an example is asked for by its name here")]
mod examples;
#[path = "fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake;
#[path = "facade/files.rs"]
mod files;
#[path = "facade/forgetting.rs"]
mod forgetting;
#[path = "facade/hostile.rs"]
mod hostile;
#[path = "facade/messages.rs"]
mod messages;
#[path = "facade/odd.rs"]
mod odd;
#[path = "facade/owners.rs"]
mod owners;
#[path = "facade/pages.rs"]
mod pages;
#[path = "facade/people.rs"]
mod people;
#[path = "facade/replay.rs"]
mod replay;
#[path = "facade/shape.rs"]
mod shape;
#[path = "facade/together.rs"]
mod together;
#[path = "facade/vendors.rs"]
mod vendors;
#[path = "facade/world.rs"]
mod world;
