//! One debug log entry per call.

use http::Method;
use tokio::time::Instant;

use crate::error::TransportError;
use crate::request::Request;

/// The log entry of one call: never path, query, headers or body.
pub(crate) struct Call {
    operation: &'static str,
    method: Method,
    started: Instant,
}

impl Call {
    /// Notes what is sent and when.
    pub(crate) fn begin(request: &Request<'_>) -> Self {
        let method = request
            .parts
            .as_ref()
            .map_or(Method::GET, |parts| parts.method().clone());
        Self {
            operation: request.operation,
            method,
            started: Instant::now(),
        }
    }

    /// Writes the entry: status and size of the body, or the error.
    pub(crate) fn end(self, outcome: Result<(u16, usize), &TransportError>) {
        let duration_ms = self.started.elapsed().as_secs_f64() * 1000.0;
        match outcome {
            Ok((status, body_bytes)) => tracing::debug!(
                operation = self.operation,
                http.method = %self.method,
                vendor.status = status,
                body_bytes,
                duration_ms,
                "remote call answered"
            ),
            Err(error) => tracing::debug!(
                operation = self.operation,
                http.method = %self.method,
                error = %error,
                delivery = ?error.delivery(),
                duration_ms,
                "remote call failed"
            ),
        }
    }
}
