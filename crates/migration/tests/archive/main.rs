//! Archives on a folder in memory: what is written is read, what is killed goes on, what is changed is named.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod damage;
mod memory;
mod resume;
mod samples;
mod write;
