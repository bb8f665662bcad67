//! Requests that are more than an entity: answers and preconditions.

use conversation::{Assistant, JsonMap, NewMessage, etag};
use serde::{Deserialize, Serialize};

use crate::{Error, Kind, Result};

/// A request for an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RespondRequest {
    /// What the user says now. Absent: the user's messages after the last answer are answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<NewMessage>,
    /// How the AI is set up for this answer only; members given go before the conversation's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Assistant>,
    /// A template of the backend to answer with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Box<str>>,
    /// Metadata of the answer.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
    /// What the AI is told of messages that its backend does not hold: imported history, for one. The backend's
    /// setting where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<History>,
}

/// What an AI is told of the conversation beyond what its backend holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum History {
    /// Nothing.
    None,
    /// The newest messages as a transcript.
    Transcript {
        /// The longest transcript, in tokens, counted as a quarter of its characters.
        max_tokens: u64,
    },
}

/// What a resource must be for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// It exists.
    Exists,
    /// Its representation has one of these strong validators.
    Matches(Vec<String>),
}

impl Precondition {
    /// Refuses where `current`, as it would be sent, does not fit.
    ///
    /// # Errors
    /// [`Kind::PreconditionFailed`].
    pub fn check<T: Serialize>(&self, current: &T) -> Result<()> {
        let Self::Matches(wanted) = self else {
            return Ok(());
        };
        let representation = serde_json::to_vec(current).map_err(|error| {
            Error::new(Kind::Internal, "a representation could not be written").source(error)
        })?;
        if wanted.contains(&etag(&representation)) {
            return Ok(());
        }
        Err(Error::new(
            Kind::PreconditionFailed,
            "the resource has changed: read it again and repeat with its new ETag",
        ))
    }
}
