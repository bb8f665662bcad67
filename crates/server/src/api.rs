//! Handlers, one file per resource: read the request, call the router, show the result.

pub(crate) mod activity;
pub(crate) mod archive;
pub(crate) mod attachments;
pub(crate) mod audit;
pub(crate) mod backends;
pub(crate) mod config;
pub(crate) mod conversations;
pub(crate) mod credentials;
pub(crate) mod erasures;
pub(crate) mod explain;
pub(crate) mod intents;
pub(crate) mod keys;
pub(crate) mod messages;
pub(crate) mod migrations;
pub(crate) mod overlay;
pub(crate) mod participants;
pub(crate) mod passthrough;
pub(crate) mod probes;
pub(crate) mod responses;
pub(crate) mod routes;
pub(crate) mod shadows;
pub(crate) mod translate;

use conversation::{ConversationId, InvalidId};

use crate::problem::{Code, Outcome, Problem};
use crate::query::{Query, invalid_query};

/// A settled write that is of another kind than the request that asked: a defect of a backend.
fn wrong_kind() -> Problem {
    Problem::new(Code::Internal, "a settled write has the wrong kind")
        .with_outcome(Outcome::Applied)
}

/// `conversation_id` as a filter.
fn conversation_filter(query: &mut Query) -> Result<Option<ConversationId>, Problem> {
    let Some(id) = query.one("conversation_id")? else {
        return Ok(None);
    };
    let id = id
        .parse()
        .map_err(|error: InvalidId| invalid_query("conversation_id", error.to_string()))?;
    Ok(Some(id))
}
