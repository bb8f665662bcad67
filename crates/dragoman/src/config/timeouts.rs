//! `[timeouts]`: how long clients and requests may take, how long things are kept, how a stop goes.

use serde::{Deserialize, Serialize};

/// How long clients and requests may take, how long things are kept, and how a stop goes. All in
/// seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutsConfig {
    /// Until a connection has sent a whole request head. Default: 10.
    pub head_seconds: u64,
    /// Between two pieces of a request body. Default: 10.
    pub body_idle_seconds: u64,
    /// For a whole request body. Default: 60.
    pub body_seconds: u64,
    /// Until the head of an answer, backend included; then it is 504, and a write goes on.
    /// Default: 120.
    pub request_seconds: u64,
    /// The same for an answer of an AI, streamed or not. Default: 300.
    pub respond_seconds: u64,
    /// How long an answer is kept for repeats of its idempotency key. Default: 86400 (a day).
    pub idempotency_seconds: u64,
    /// Until a connection without a request is closed; load balancers expect at least 60.
    /// Default: 75.
    pub idle_connection_seconds: u64,
    /// How long a client may take no byte of an answer that is ready. Default: 30.
    pub write_stall_seconds: u64,
    /// After a stop signal: how long new connections are still taken, so that a load balancer can
    /// see `/readyz` say 503, and clients are asked with each answer to come back by another
    /// connection. With 0 one may meet a connection that is being closed. Default: 0.
    pub drain_seconds: u64,
    /// After that: how long streams go on before they are told to end. Default: 20.
    pub stream_grace_seconds: u64,
    /// From a stop signal until everything that still runs is cut. Default: 30.
    pub shutdown_seconds: u64,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self {
            head_seconds: 10,
            body_idle_seconds: 10,
            body_seconds: 60,
            request_seconds: 120,
            respond_seconds: 300,
            idempotency_seconds: 86_400,
            idle_connection_seconds: 75,
            write_stall_seconds: 30,
            drain_seconds: 0,
            stream_grace_seconds: 20,
            shutdown_seconds: 30,
        }
    }
}
