//! Lists of conversations: filters, sort, and what is known of their freshness.

use conversation::{Conversation, ConversationId, Kind, Priority, Status, Time};
use serde::{Deserialize, Serialize};

use crate::{Located, Page, PageRequest};

/// What a list of conversations is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortKey {
    /// When it began. A walk is complete whatever is written meanwhile.
    #[default]
    CreatedAt,
    /// When it last changed. A conversation that moves during a walk may appear again.
    UpdatedAt,
    /// Its public id. A walk is complete whatever is written meanwhile.
    Id,
    /// Its title, in code point order; without title first.
    Title,
}

/// Which conversations are wanted; every member given must fit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConversationFilter {
    /// Any of these states.
    pub status: Vec<Status>,
    /// Any of these sorts.
    pub kind: Vec<Kind>,
    /// Any of these priorities.
    pub priority: Vec<Priority>,
    /// All of these labels.
    pub label: Vec<Box<str>>,
    /// A participant with this id or handle.
    pub participant: Option<Box<str>>,
    /// On this backend.
    pub backend: Option<Box<str>>,
    /// Changed after this time.
    pub updated_after: Option<Time>,
    /// Metadata members with these scalar values (as text).
    pub metadata: Vec<(Box<str>, Box<str>)>,
}

impl ConversationFilter {
    /// True where every conversation fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True where `conversation` is wanted. What a filter selects is decided on the directory's values; this judges
    /// the object that was found afterwards.
    #[must_use]
    pub fn matches(&self, conversation: &Conversation) -> bool {
        let one_of = |wanted: bool, any: bool| wanted || any;
        one_of(
            self.status.is_empty(),
            self.status.contains(&conversation.status),
        ) && one_of(self.kind.is_empty(), self.kind.contains(&conversation.kind))
            && one_of(
                self.priority.is_empty(),
                conversation
                    .priority
                    .as_ref()
                    .is_some_and(|priority| self.priority.contains(priority)),
            )
            && self
                .label
                .iter()
                .all(|label| conversation.labels.contains(label))
            && self
                .backend
                .as_ref()
                .is_none_or(|backend| *backend == conversation.backend)
            && self
                .updated_after
                .is_none_or(|time| conversation.updated_at > time)
            && self.participant.as_deref().is_none_or(|wanted| {
                conversation.participants.iter().any(|participant| {
                    participant.id.as_deref() == Some(wanted)
                        || participant
                            .handles
                            .iter()
                            .any(|handle| &*handle.value == wanted)
                })
            })
            && self.metadata.iter().all(|(key, wanted)| {
                let found = conversation
                    .metadata
                    .get(key)
                    .and_then(conversation::RawJson::as_scalar_text);
                found.as_deref() == Some(wanted)
            })
    }
}

/// A list of conversations.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationQuery {
    /// Which are wanted.
    pub filter: ConversationFilter,
    /// What they are sorted by.
    pub sort: SortKey,
    /// Which page.
    pub page: PageRequest,
}

impl ConversationQuery {
    /// All conversations, oldest first, from the beginning.
    #[must_use]
    pub fn all(limit: usize) -> Self {
        Self {
            filter: ConversationFilter::default(),
            sort: SortKey::default(),
            page: PageRequest::first(limit),
        }
    }
}

/// A page of conversations.
#[derive(Debug, Clone, Default)]
pub struct ConversationPage {
    /// The conversations.
    pub page: Page<Located>,
    /// The start of the oldest last complete look at every backend involved: polling with
    /// `updated_after` set to the previous value misses nothing. Absent where a backend cannot be looked through.
    pub as_of: Option<Time>,
    /// Conversations that are shown from our last copy, because their backend was not reached in time.
    pub stale: Vec<ConversationId>,
}
