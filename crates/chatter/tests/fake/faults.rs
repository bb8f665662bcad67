//! Faults that a test plans for one coming request.

use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection is cut before anything was done.
    CutBefore,
    /// The request is carried out, then the connection is cut: the answer is lost.
    CutAfter,
    /// The request is carried out, then the connection is cut in the middle of the answer's body, which was announced
    /// to be longer.
    CutInBody,
    /// The request is carried out; half of the answer's body comes, announced as all of it.
    Truncated,
    /// The request is carried out; half of the answer's body comes, then nothing more.
    Stalled,
    /// The server waits, then carries the request out, whether or not the client is still there.
    Slow(Duration),
    /// 429, with `Retry-After` in seconds where given, as the real server always does. Nothing is done.
    TooManyRequests(Option<u64>),
    /// 503 in plain text, as a proxy in front of the server sends it. Nothing is done.
    Unavailable,
    /// An unhandled exception: a bare 500, after which the connection is dropped. Nothing is done.
    Crash,
    /// Another answer, as something in between may send it. Nothing is done.
    Answer {
        /// Its status.
        status: u16,
        /// Its media type; empty for none.
        content_type: &'static str,
        /// Its body.
        body: String,
    },
    /// A stream is cut after this many frames. The server stops there too. Ignored by
    /// other operations.
    CutStreamAfter(usize),
}

impl Fault {
    /// An error page.
    pub(crate) fn html(status: u16) -> Self {
        Self::Answer {
            status,
            content_type: "text/html",
            body: "<html><body>planted page</body></html>".to_owned(),
        }
    }
}

/// A fault and the request that it waits for.
pub(crate) struct PlannedFault {
    pub(crate) method: &'static str,
    pub(crate) path_part: String,
    pub(crate) fault: Fault,
}
