//! Conversations that move between backends while callers use them.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "migrating/creates.rs"]
mod creates;
#[path = "migrating/homes.rs"]
mod homes;
#[path = "migrating/line.rs"]
mod line;
#[path = "migrating/moves.rs"]
mod moves;
#[path = "migrating/world.rs"]
mod world;
