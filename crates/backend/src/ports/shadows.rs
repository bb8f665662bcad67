//! Reads that were compared with a second backend: what was not the same there.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::{ConversationId, MessageId, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Result;

/// How a field differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Both have it, with other values.
    Changed,
    /// Only the primary has it.
    Missing,
    /// Only the shadow has it.
    Added,
    /// The shadow could not be read, or has nothing of the conversation.
    Unreadable,
}

/// One field that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// The message, where it is a message's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// The field, as a JSON pointer; empty: the whole.
    pub pointer: Box<str>,
    /// How.
    pub kind: DifferenceKind,
    /// What the primary has, without words of people: a length, a digest, or a value that is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<Box<str>>,
    /// What the shadow has, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Box<str>>,
}

/// A read that was not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowDifference {
    /// Its id, which grows with time.
    pub id: Uuid,
    /// When it was found.
    pub at: Time,
    /// The conversation.
    pub conversation: ConversationId,
    /// The backend that answered.
    pub primary: Box<str>,
    /// The backend that was compared with it.
    pub shadow: Box<str>,
    /// The rule that asked for the comparison.
    pub rule: Box<str>,
    /// What was read: `get_conversation`, `list_messages`, `get_message`.
    pub operation: Box<str>,
    /// What differs; bounded.
    pub fields: Vec<FieldDifference>,
}

/// Which differences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShadowQuery {
    /// Only of this conversation.
    pub conversation: Option<ConversationId>,
    /// Only with this second backend.
    pub shadow: Option<Box<str>>,
    /// Only older ones than this one: the last of the page before.
    pub before: Option<Uuid>,
    /// How many at most.
    pub limit: usize,
}

/// Where they are kept: the newest ones, within a bound.
#[async_trait]
pub trait ShadowLog: Debug + Send + Sync + 'static {
    /// Keeps one. Of an equal conversation, backend and operation only the newest is kept.
    async fn note(&self, difference: &ShadowDifference) -> Result<()>;

    /// The differences, newest first.
    async fn differences(&self, query: &ShadowQuery) -> Result<Vec<ShadowDifference>>;
}
