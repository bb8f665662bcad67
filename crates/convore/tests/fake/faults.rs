//! Faults that a test plans for one coming request.

use std::time::Duration;

use serde_json::Value;

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The connection is cut before anything was done.
    CutBefore,
    /// The request is carried out, then the connection is cut: the answer is lost.
    CutAfter,
    /// The request is carried out, then the connection is cut in the middle of the answer's body.
    CutMidBody,
    /// The server waits, then carries the request out, whether or not the client is still there.
    Slow(Duration),
    /// 429, with `Retry-After` in seconds or without. Nothing is done.
    TooManyRequests(Option<u64>),
    /// This status, with a body that quotes somebody. Nothing is done.
    Status(u16),
    /// The request is carried out; the answer has this body instead, with status 200 and this media type.
    Instead(&'static str, &'static str),
    /// The request is carried out; the answer's JSON ends in its middle.
    Truncated,
    /// The request is carried out; the answer says that it is plain text.
    PlainText,
    /// The request is carried out; the answer is followed by so many blanks.
    Padded(usize),
    /// The request is carried out; the answer's JSON is changed.
    Edited(fn(&mut Value)),
}

/// Requests that fail until the vendor is mended.
pub(crate) struct Broken {
    /// What their path and query contain.
    pub(crate) path_part: String,
    pub(crate) status: u16,
}

/// A fault and the request that it waits for.
pub(crate) struct PlannedFault {
    pub(crate) method: &'static str,
    pub(crate) path_part: String,
    pub(crate) fault: Fault,
}
