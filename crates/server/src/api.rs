//! Handlers, one file per resource: read the request, call the router, show the result.

pub(crate) mod activity;
pub(crate) mod attachments;
pub(crate) mod backends;
pub(crate) mod conversations;
pub(crate) mod keys;
pub(crate) mod messages;
pub(crate) mod participants;
pub(crate) mod probes;
pub(crate) mod responses;

use crate::problem::{Code, Problem};

/// A settled write that is of another kind than the request that asked: a defect of a backend.
fn wrong_kind() -> Problem {
    Problem::new(Code::Internal, "a settled write has the wrong kind")
}
