//! Every limit of the HTTP side, with its default and its unit.

use std::time::Duration;

/// Limits of one listening socket and its connections. See [`crate::serve()`].
#[derive(Clone, Debug)]
pub struct ServeLimits {
    /// Connections open at once; one more is closed on arrival. Default 16,384.
    pub connections_max: usize,
    /// Connections open at once from one address (IPv6: one /64 network); one more is closed on arrival. Behind a
    /// load balancer all clients share its address. Default 8,192.
    pub connections_per_address_max: usize,
    /// From a connection's start to its first complete request head, and from the first byte of any later HTTP/1
    /// head to its last. Ends half-sent headers, silent clients and an HTTP/2 preface without a request.
    /// Default 10 s.
    pub header_timeout: Duration,
    /// Between two requests on one connection. Load balancers expect at least 60 s. Default 75 s.
    pub idle_timeout: Duration,
    /// How long a client may take no byte of an answer that is ready. Default 30 s.
    pub write_stall_timeout: Duration,
    /// Headers of one HTTP/1 request. Default 100.
    pub headers_max: usize,
    /// Bytes of one request head: request line and headers. Default 32 KiB.
    pub header_bytes_max: u32,
    /// Requests at once on one HTTP/2 connection. Default 200.
    pub http2_streams_max: u32,
    /// HTTP/2 connections are pinged this often. Default 20 s.
    pub http2_ping_interval: Duration,
    /// An unanswered HTTP/2 ping ends the connection after this. Default 20 s.
    pub http2_ping_timeout: Duration,
    /// How long new connections are still taken after the stop signal, so that a load balancer can notice that
    /// `/readyz` says 503. Default 0 s.
    pub drain_delay: Duration,
    /// How long streams go on after the drain delay before they are told to end with an event. Default 20 s.
    pub stream_grace: Duration,
    /// From the stop signal to the moment when everything that still runs is cut. Default 30 s.
    pub shutdown_deadline: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        ServeLimits {
            connections_max: 16_384,
            connections_per_address_max: 8_192,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_stall_timeout: Duration::from_secs(30),
            headers_max: 100,
            header_bytes_max: 32 * 1024,
            http2_streams_max: 200,
            http2_ping_interval: Duration::from_secs(20),
            http2_ping_timeout: Duration::from_secs(20),
            drain_delay: Duration::ZERO,
            stream_grace: Duration::from_secs(20),
            shutdown_deadline: Duration::from_secs(30),
        }
    }
}

/// Limits of one request.
#[derive(Clone, Debug)]
pub struct RequestLimits {
    /// Bytes of path and query. Default 8 KiB.
    pub uri_bytes_max: usize,
    /// Bytes of an ordinary JSON body. Default 1 MiB.
    pub body_bytes_max: usize,
    /// Bytes of the body of an import. Default 16 MiB.
    pub import_bytes_max: usize,
    /// Bytes of one attachment. Default 25 MiB.
    pub attachment_bytes_max: usize,
    /// How long a body may send nothing. Default 10 s.
    pub body_idle_timeout: Duration,
    /// From the first to the last byte of a body. Default 60 s.
    pub body_total_timeout: Duration,
    /// Nesting of arrays and objects in a body. Default 64.
    pub json_depth_max: usize,
    /// Requests in work at once, streams included; one more is 503. Default 1,024.
    pub requests_max: usize,
    /// How long a caller waits for the head of an answer. Default 120 s. A write goes on after it.
    pub request_timeout: Duration,
    /// The same for an AI's answer, streamed or not. Default 300 s.
    pub respond_timeout: Duration,
    /// How often a key may call vendors' own APIs in a minute; 0: never. Default 60.
    pub passthrough_per_minute: u32,
    /// How long an answer stays stored for repeats of its idempotency key. Default 24 h.
    pub idempotency_retention: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        RequestLimits {
            uri_bytes_max: 8 * 1024,
            body_bytes_max: 1024 * 1024,
            import_bytes_max: 16 * 1024 * 1024,
            attachment_bytes_max: 25 * 1024 * 1024,
            body_idle_timeout: Duration::from_secs(10),
            body_total_timeout: Duration::from_secs(60),
            json_depth_max: 64,
            requests_max: 1_024,
            request_timeout: Duration::from_secs(120),
            respond_timeout: Duration::from_secs(300),
            passthrough_per_minute: 60,
            idempotency_retention: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Limits of one streamed answer.
#[derive(Clone, Debug)]
pub struct StreamLimits {
    /// A comment is sent after so long without an event. Default 15 s.
    pub heartbeat: Duration,
    /// How long the answer's head is held back for the first content: a failure before it is a real HTTP error.
    /// Default 5 s.
    pub header_wait: Duration,
    /// How long a client may leave the events unread; then it is cut, and the answer goes on. Default 30 s.
    pub stall: Duration,
    /// Bytes of events that are kept to repeat a stream under its idempotency key. Default 8 MiB.
    pub replay_bytes_max: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        StreamLimits {
            heartbeat: Duration::from_secs(15),
            header_wait: Duration::from_secs(5),
            stall: Duration::from_secs(30),
            replay_bytes_max: 8 * 1024 * 1024,
        }
    }
}
