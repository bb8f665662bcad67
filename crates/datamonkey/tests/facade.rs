//! The facade over a router and a store with an answering echo, on real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "facade/answers.rs"]
mod answers;
#[path = "facade/any_backend.rs"]
mod any_backend;
#[path = "facade/asking.rs"]
mod asking;
#[path = "facade/bodies.rs"]
mod bodies;
#[path = "facade/callers.rs"]
mod callers;
#[path = "facade/client.rs"]
mod client;
#[path = "facade/full.rs"]
mod full;
#[path = "facade/hostile.rs"]
mod hostile;
#[path = "facade/model.rs"]
mod model;
#[path = "facade/own_vendor.rs"]
mod own_vendor;
#[path = "facade/player.rs"]
mod player;
#[path = "fixtures/recorded.rs"]
mod recorded;
#[path = "facade/replay.rs"]
mod replay;
#[path = "facade/routing.rs"]
mod routing_table;
#[path = "facade/scripted.rs"]
mod scripted;
#[path = "facade/together.rs"]
mod together;
#[path = "facade/tour.rs"]
mod tour;
#[path = "facade/world.rs"]
mod world;
