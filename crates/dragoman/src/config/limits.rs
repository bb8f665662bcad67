//! `[limits]`: how much one caller may send, and how much the gateway holds at once.

use serde::{Deserialize, Serialize};

/// How much one caller may send, and how much the gateway holds at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Largest body of an ordinary request, in bytes; above it the answer is 413.
    /// Default: 1048576 (1 MiB).
    pub body_max_bytes: usize,
    /// Largest body of an import, in bytes; above it the answer is 413.
    /// Default: 16777216 (16 MiB).
    pub import_max_bytes: usize,
    /// Largest attachment, in bytes; above it the answer is 413. A backend may hold less.
    /// Default: 26214400 (25 MiB).
    pub attachment_max_bytes: usize,
    /// Deepest nesting of a JSON body, in levels; above it the answer is 400. So it is above 100,000
    /// members and elements in one body, however small they are. Default: 64.
    pub json_max_depth: usize,
    /// Longest path and query, in bytes; above it the answer is 414. Default: 8192 (8 KiB).
    pub uri_max_bytes: usize,
    /// Most header fields of one request, a count; above it the answer is 431. Default: 100.
    pub headers_max: usize,
    /// Largest request head (line and fields), in bytes; above it the answer is 431.
    /// Default: 32768 (32 KiB).
    pub head_max_bytes: u32,
    /// Most requests in work at once, streams included, a count for each replica; above it the answer
    /// is 503. Default: 1024.
    pub requests_max: usize,
    /// Most open connections, a count; one more is closed on arrival. Default: 16384.
    pub connections_max: usize,
    /// Most open connections from one address, a count; one more is closed on arrival. Behind a
    /// load balancer all clients share its address. Default: 8192.
    pub connections_per_address_max: usize,
    /// How often one key may call vendors' own APIs in a minute, a count; above it the answer is 429. The
    /// minute begins with its first call; all replicas count together. Only where a backend has
    /// `passthrough = true`. Default: 60.
    pub passthrough_per_minute: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            body_max_bytes: 1024 * 1024,
            import_max_bytes: 16 * 1024 * 1024,
            attachment_max_bytes: 25 * 1024 * 1024,
            json_max_depth: 64,
            uri_max_bytes: 8 * 1024,
            headers_max: 100,
            head_max_bytes: 32 * 1024,
            requests_max: 1024,
            connections_max: 16_384,
            connections_per_address_max: 8_192,
            passthrough_per_minute: 60,
        }
    }
}
