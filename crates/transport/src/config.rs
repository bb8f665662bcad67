//! The limits of one transport, each with its unit in its name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest timeout that can be configured: one day, in milliseconds.
const TIMEOUT_MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// Limits and settings of one [`Transport`](crate::Transport). Every field has a default; zero and
/// timeouts above one day are refused.
///
/// Not settable on purpose: redirects are never followed, proxies in the environment are ignored, certificates are
/// always checked.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransportConfig {
    /// Longest time for name look-up, TCP connect and TLS handshake together, in milliseconds. Default 5 000.
    pub connect_timeout_ms: u64,
    /// Longest silence, in milliseconds: before the answer begins and between two pieces of its body. Default 60 000.
    /// A request may set its own with [`Request::read_timeout`](crate::Request::read_timeout).
    pub read_timeout_ms: u64,
    /// Longest time for a whole call, in milliseconds, if the request sets no deadline. Default 300 000.
    pub request_timeout_ms: u64,
    /// Most idle connections that are kept for reuse. Default 64.
    pub pool_max_idle_per_host: usize,
    /// Longest time that an idle connection is kept for reuse, in milliseconds. Default 4 000.
    ///
    /// It must be shorter than the server's own limit, else a request may be written into a connection that the
    /// server is closing, and a lost write has an unknown outcome. Many servers close after 5 s (uvicorn's default).
    pub pool_idle_timeout_ms: u64,
    /// Largest body of an answer, in bytes after decompression; for an event stream the sum of all events.
    /// Default 64 MiB.
    pub response_max_bytes: usize,
    /// Largest body of an answer that is asked for as JSON, in bytes after decompression: such a body is held as it came
    /// and once more as what was read of it. Never more than `response_max_bytes`. Default 24 MiB: room for two of the
    /// largest messages that a vendor is known to take, in one answer.
    pub json_max_bytes: usize,
    /// Most values of JSON in an answer: members of objects and elements of lists, nested ones too. Small ones take up to
    /// fifty times the memory of their text. Default 500 000.
    pub json_max_values: usize,
    /// Deepest nesting of JSON in an answer. Default 100: below the 128 at which JSON readers commonly stop, so that
    /// what we accept can still be wrapped and passed on.
    pub response_max_depth: usize,
    /// Longest line of an event stream, in bytes. Default 1 MiB.
    pub sse_line_max_bytes: usize,
    /// Largest single event of an event stream, in bytes. Default 8 MiB.
    pub sse_event_max_bytes: usize,
    /// Contents of a PEM file with certificate authorities to trust besides those of the system.
    #[serde(skip_serializing)]
    pub extra_ca_pem: Option<String>,
}

/// Most values in an answer that holds a whole list: 200,000 messages of twenty members.
const WHOLE_LIST_VALUES_MAX: usize = 4_000_000;

impl TransportConfig {
    /// The same for a vendor that has no pages and gives a whole history in one answer: its JSON may be as large as any
    /// body, and hold up to 4,000,000 values.
    #[must_use]
    pub fn for_whole_lists(&self) -> Self {
        Self {
            json_max_bytes: self.response_max_bytes,
            json_max_values: self.json_max_values.max(WHOLE_LIST_VALUES_MAX),
            ..self.clone()
        }
    }
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            read_timeout_ms: 60_000,
            request_timeout_ms: 300_000,
            pool_max_idle_per_host: 64,
            pool_idle_timeout_ms: 4_000,
            response_max_bytes: 64 * 1024 * 1024,
            json_max_bytes: 24 * 1024 * 1024,
            json_max_values: 500_000,
            response_max_depth: 100,
            sse_line_max_bytes: 1024 * 1024,
            sse_event_max_bytes: 8 * 1024 * 1024,
            extra_ca_pem: None,
        }
    }
}

impl TransportConfig {
    /// What is wrong with the first setting that would make every call fail or overflow the clock.
    pub(crate) fn first_mistake(&self) -> Option<String> {
        let timeouts = [
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("read_timeout_ms", self.read_timeout_ms),
            ("request_timeout_ms", self.request_timeout_ms),
            ("pool_idle_timeout_ms", self.pool_idle_timeout_ms),
        ];
        let sizes = [
            ("pool_max_idle_per_host", self.pool_max_idle_per_host),
            ("response_max_bytes", self.response_max_bytes),
            ("json_max_bytes", self.json_max_bytes),
            ("json_max_values", self.json_max_values),
            ("response_max_depth", self.response_max_depth),
            ("sse_line_max_bytes", self.sse_line_max_bytes),
            ("sse_event_max_bytes", self.sse_event_max_bytes),
        ];
        let wrong_timeout = timeouts
            .iter()
            .find(|(_, value)| !(1..=TIMEOUT_MAX_MS).contains(value));
        if let Some((name, value)) = wrong_timeout {
            return Some(format!(
                "{name} is {value}, it must be 1 to {TIMEOUT_MAX_MS}"
            ));
        }
        let (name, _) = sizes.iter().find(|(_, value)| *value == 0)?;
        Some(format!("{name} must not be 0"))
    }
}

// By hand: a PEM file given by mistake may hold a private key.
impl fmt::Debug for TransportConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TransportConfig")
            .field("connect_timeout_ms", &self.connect_timeout_ms)
            .field("read_timeout_ms", &self.read_timeout_ms)
            .field("request_timeout_ms", &self.request_timeout_ms)
            .field("pool_max_idle_per_host", &self.pool_max_idle_per_host)
            .field("pool_idle_timeout_ms", &self.pool_idle_timeout_ms)
            .field("response_max_bytes", &self.response_max_bytes)
            .field("json_max_bytes", &self.json_max_bytes)
            .field("json_max_values", &self.json_max_values)
            .field("response_max_depth", &self.response_max_depth)
            .field("sse_line_max_bytes", &self.sse_line_max_bytes)
            .field("sse_event_max_bytes", &self.sse_event_max_bytes)
            .field(
                "extra_ca_pem",
                &self.extra_ca_pem.as_ref().map(|_| "[hidden]"),
            )
            .finish()
    }
}
