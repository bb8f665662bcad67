//! The parts of the `dragoman` binary: command line, configuration, telemetry and wiring.
//!
//! Nothing else reads the environment or configuration files, and nothing else names every
//! adapter. It holds no behaviour of conversations: that stands in the crates it wires together.

pub mod cli;
pub mod config;
mod data_dir;
mod demo;
mod doctor;
mod failure;
mod live;
mod probing;
mod recovery;
mod running;
mod signing;
mod simulator;
mod state;
pub mod telemetry;
mod wiring;
