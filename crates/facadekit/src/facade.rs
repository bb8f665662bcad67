//! What a server mounts.

use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::StatusCode;

/// A request that the server itself refused, before or around the facade: too much at once, too long an address, a
/// handler that took too long or met a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// What was wrong, in words without content.
    pub detail: Box<str>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

/// One vendor's API over our backends.
#[derive(Clone)]
pub struct Facade {
    /// The vendor's kind.
    pub kind: &'static str,
    /// Where it is mounted, such as `/facade/…`, without a slash at its end.
    pub path: &'static str,
    /// Its routes, below `path`, with answers of the vendor's own for what it has not.
    pub router: Router,
    /// The vendor's shape of a refusal.
    pub refuse: fn(&Refusal) -> Response,
}

impl fmt::Debug for Facade {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Facade")
            .field("kind", &self.kind)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
