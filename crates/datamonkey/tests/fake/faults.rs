//! Faults that a test plans for one coming request.

use std::time::Duration;

use super::routes::Operation;

/// What goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection is cut before anything was done.
    CutBefore,
    /// The request is carried out, then the connection is cut: the answer is lost.
    CutAfter,
    /// The request is carried out, then the connection is cut in the middle of the answer's body.
    CutInBody,
    /// The server waits, then carries the request out where the client is still there.
    Slow(Duration),
    /// 429, with `Retry-After` in seconds where given. Nothing is done.
    TooManyRequests(Option<u64>),
    /// Another answer. Nothing is done.
    Answer {
        /// Its status.
        status: u16,
        /// Its media type; empty for none.
        content_type: &'static str,
        /// Its body.
        body: String,
    },
    /// The request is carried out, and this is answered in place of the answer.
    AnswerAfter {
        /// Its status.
        status: u16,
        /// Its media type; empty for none.
        content_type: &'static str,
        /// Its body.
        body: String,
    },
    /// The request is carried out, and the answer's header for a new token says this; empty for no such header.
    NewToken(String),
}

impl Fault {
    /// An answer as a handler of the vendor makes it.
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::Answer {
            status,
            content_type: "application/json; charset=utf-8",
            body: body.to_owned(),
        }
    }

    /// An answer of something in between.
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
    pub(crate) operation: Operation,
    /// How many such requests go through before.
    pub(crate) skip: usize,
    pub(crate) fault: Fault,
}
