//! Shared pieces of the end-to-end tests and the benchmark: the real binary as a child process, a client for its HTTP
//! API, a proxy with faults, PostgreSQL and nginx. Nothing here knows what a right answer is; the scenarios do.

pub mod client;
pub mod dragoman;
pub mod faultd;
pub mod faulty_system;
pub mod figures;
pub mod looking;
pub mod nginx;
pub mod ports;
pub mod postgres;
pub mod random;
pub mod replicas;
pub mod simulator;
