//! Conversations: the thread that messages hang on.

use serde::{Deserialize, Serialize};

use crate::open_enum::open_enum;
use crate::{ConversationId, Extensions, JsonMap, Participant, RawJson, Time};

open_enum! {
    /// What sort of conversation it is.
    pub enum Kind {
        /// Between two.
        Direct = "direct",
        /// Between several.
        Group = "group",
        /// A mail thread.
        Mail = "mail",
        /// With an AI.
        Assistant = "assistant",
    }
}

open_enum! {
    /// Where a conversation stands.
    pub enum Status {
        /// Going on.
        Open = "open",
        /// Done with.
        Closed = "closed",
        /// Put away.
        Archived = "archived",
        /// Unwanted.
        Spam = "spam",
        /// Thrown away, but still there.
        Trashed = "trashed",
    }
}

open_enum! {
    /// How urgent a conversation is.
    pub enum Priority {
        /// Not judged, or not urgent at all.
        None = "none",
        /// Can wait.
        Low = "low",
        /// As usual.
        Medium = "medium",
        /// Soon.
        High = "high",
        /// Now.
        Urgent = "urgent",
    }
}

/// How a conversation's AI is set up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assistant {
    /// Who runs the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Box<str>>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Box<str>>,
    /// Sampling temperature, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// The longest answer, in tokens; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// What the model is told first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<Box<str>>,
    /// Which of the backend's ways of answering is used, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Box<str>>,
    /// How that way is set up; kept as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_config: Option<RawJson>,
    /// True where answers draw on documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval: Option<bool>,
    /// The backend's stored set-up that is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_id: Option<Box<str>>,
}

impl Assistant {
    /// True where nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a backend counts in a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Messages in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
}

/// What answers have cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// All tokens, where the backend gives only a sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// Money, in the backend's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// A conversation as a backend holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its public id, for ever.
    pub id: ConversationId,
    /// The name of the backend that holds it.
    pub backend: Box<str>,
    /// What sort it is.
    pub kind: Kind,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Box<str>>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<str>>,
    /// Where it stands.
    pub status: Status,
    /// The backend's own word for that, where it says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_native: Option<Box<str>>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Labels, sorted, without duplicates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Box<str>>,
    /// Who takes part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<Participant>,
    /// Who it is assigned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Box<str>>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<Box<str>>,
    /// How its AI is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Assistant>,
    /// Free fields of the caller.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
    /// Messages that who asks has not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<u64>,
    /// What the backend counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// What its answers have cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// When it began.
    pub created_at: Time,
    /// When it or its messages last changed.
    pub updated_at: Time,
    /// When its newest message was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<Time>,
    /// Vendors' fields without a canonical home.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// A conversation to be made: everything that a caller can set. The minimal one is `{}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewConversation {
    /// What sort it is; the backend's usual one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Box<str>>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<str>>,
    /// Where it stands; open where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Box<str>>,
    /// Who takes part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<Participant>,
    /// Who it is assigned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Box<str>>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<Box<str>>,
    /// How its AI is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Assistant>,
    /// Free fields of the caller.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
    /// When it was made, where it is a copy of one that was made elsewhere; now where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// Vendors' fields without a canonical home.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl NewConversation {
    /// The conversation that a backend which holds every field makes of this, at `now`.
    #[must_use]
    pub fn into_conversation(self, id: ConversationId, backend: &str, now: Time) -> Conversation {
        let mut labels = self.labels;
        labels.sort_unstable();
        labels.dedup();
        Conversation {
            id,
            backend: backend.into(),
            kind: self.kind.unwrap_or(Kind::Assistant),
            title: self.title,
            description: self.description,
            status: self.status.unwrap_or(Status::Open),
            status_native: None,
            priority: self.priority,
            labels,
            participants: self.participants,
            owner: self.owner,
            icon_url: self.icon_url,
            assistant: self.assistant.filter(|assistant| !assistant.is_empty()),
            metadata: self.metadata,
            unread: None,
            counts: None,
            usage: None,
            created_at: self.created_at.unwrap_or(now),
            updated_at: now,
            last_message_at: None,
            extensions: self.extensions,
        }
    }
}
