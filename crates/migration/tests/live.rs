//! Migrations while the gateway serves: cut-over under load, rollback, crashes, and what each command allows.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "live/commands.rs"]
mod commands;
#[path = "live/crashes.rs"]
mod crashes;
#[path = "live/cutover.rs"]
mod cutover;
#[path = "live/load.rs"]
mod load;
#[path = "live/mirroring.rs"]
mod mirroring;
#[path = "live/replicas.rs"]
mod replicas;
#[path = "live/vendor.rs"]
mod vendor;
#[path = "live/world.rs"]
mod world;
