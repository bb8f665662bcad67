//! Shared pieces of the end-to-end tests and the benchmark: the real binary as a child process, a client for its HTTP
//! API, and a proxy with faults. Nothing here knows what a right answer is; the scenarios do.

pub mod client;
pub mod dragoman;
pub mod faultd;
pub mod faulty_system;
pub mod figures;
pub mod random;
pub mod simulator;
