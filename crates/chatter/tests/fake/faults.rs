//! Faults that a test plans for one coming request.

use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The connection is cut before anything was done.
    CutBefore,
    /// The request is carried out, then the connection is cut: the answer is lost.
    CutAfter,
    /// The server waits, then carries the request out, whether or not the client is still there.
    Slow(Duration),
    /// 429 with `Retry-After`, in seconds. Nothing is done.
    TooManyRequests(u64),
    /// 503 in plain text, as a proxy in front of the server sends it. Nothing is done.
    Unavailable,
    /// An unhandled exception: a bare 500, after which the connection is dropped. Nothing is done.
    Crash,
    /// A stream is cut after this many frames. The server stops there too. Ignored by
    /// other operations.
    CutStreamAfter(usize),
}

/// A fault and the request that it waits for.
pub(crate) struct PlannedFault {
    pub(crate) method: &'static str,
    pub(crate) path_part: String,
    pub(crate) fault: Fault,
}
