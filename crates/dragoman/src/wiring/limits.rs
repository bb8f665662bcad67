//! The limits of the server, from the configuration.

use std::time::Duration;

use server::{RequestLimits, ServeLimits, StreamLimits};

use crate::config::Configuration;

/// Limits of the listening socket and its connections.
pub(crate) fn serve_limits(configuration: &Configuration) -> ServeLimits {
    let (limits, timeouts) = (&configuration.limits, &configuration.timeouts);
    ServeLimits {
        connections_max: limits.connections_max,
        connections_per_address_max: limits.connections_per_address_max,
        header_timeout: Duration::from_secs(timeouts.head_seconds),
        idle_timeout: Duration::from_secs(timeouts.idle_connection_seconds),
        write_stall_timeout: Duration::from_secs(timeouts.write_stall_seconds),
        headers_max: limits.headers_max,
        header_bytes_max: limits.head_max_bytes,
        drain_delay: Duration::from_secs(timeouts.drain_seconds),
        stream_grace: Duration::from_secs(timeouts.stream_grace_seconds),
        shutdown_deadline: Duration::from_secs(timeouts.shutdown_seconds),
        ..ServeLimits::default()
    }
}

/// Limits of each request.
pub(super) fn request_limits(configuration: &Configuration) -> RequestLimits {
    let (limits, timeouts) = (&configuration.limits, &configuration.timeouts);
    RequestLimits {
        uri_bytes_max: limits.uri_max_bytes,
        body_bytes_max: limits.body_max_bytes,
        import_bytes_max: limits.import_max_bytes,
        attachment_bytes_max: limits.attachment_max_bytes,
        body_idle_timeout: Duration::from_secs(timeouts.body_idle_seconds),
        body_total_timeout: Duration::from_secs(timeouts.body_seconds),
        json_depth_max: limits.json_max_depth,
        requests_max: limits.requests_max,
        request_timeout: Duration::from_secs(timeouts.request_seconds),
        respond_timeout: Duration::from_secs(timeouts.respond_seconds),
        passthrough_per_minute: limits.passthrough_per_minute,
        idempotency_retention: Duration::from_secs(timeouts.idempotency_seconds),
    }
}

/// Limits of each streamed answer.
pub(super) fn stream_limits(configuration: &Configuration) -> StreamLimits {
    let streams = &configuration.streams;
    StreamLimits {
        heartbeat: Duration::from_secs(streams.heartbeat_seconds),
        header_wait: Duration::from_secs(streams.header_wait_seconds),
        stall: Duration::from_secs(streams.stall_seconds),
        replay_bytes_max: streams.replay_max_bytes,
    }
}
