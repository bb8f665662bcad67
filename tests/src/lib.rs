//! Shared pieces of the end-to-end tests and the benchmark: the real binary as a child process, and a client for
//! its HTTP API. Nothing here knows what a right answer is; the scenarios do.

pub mod client;
pub mod dragoman;
pub mod figures;
pub mod simulator;
