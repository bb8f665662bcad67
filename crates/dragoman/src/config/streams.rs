//! `[streams]`: how streamed answers behave.

use serde::{Deserialize, Serialize};

/// How streamed answers behave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamsConfig {
    /// A comment is sent after so long without an event, in seconds. Default: 15.
    pub heartbeat_seconds: u64,
    /// How long the head of the answer is held back for the first content, in seconds: a failure
    /// before it is a real HTTP error. Default: 5.
    pub header_wait_seconds: u64,
    /// How long a client may leave the events unread, in seconds; then it is cut, and the answer
    /// goes on and is stored. Default: 30.
    pub stall_seconds: u64,
    /// Largest stream that is kept to be repeated under its idempotency key, in bytes.
    /// Default: 8388608 (8 MiB).
    pub replay_max_bytes: usize,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        Self {
            heartbeat_seconds: 15,
            header_wait_seconds: 5,
            stall_seconds: 30,
            replay_max_bytes: 8 * 1024 * 1024,
        }
    }
}
