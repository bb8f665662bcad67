//! Messages: what was said, by whom, to whom, and what became of it.

use serde::{Deserialize, Serialize};

use crate::open_enum::open_enum;
use crate::thread::Usage;
use crate::{ConversationId, Extensions, JsonMap, MessageId, Part, Participant, Recipient, Time};

open_enum! {
    /// Whose turn a message is.
    pub enum Role {
        /// The person who is served.
        User = "user",
        /// Whoever answers: an AI, an agent, the business.
        Assistant = "assistant",
        /// Instructions to the assistant.
        System = "system",
        /// A tool's result.
        Tool = "tool",
    }
}

open_enum! {
    /// Which way a message travels, seen from the business.
    pub enum Direction {
        /// From the customer.
        Inbound = "inbound",
        /// To the customer.
        Outbound = "outbound",
        /// Neither: never delivered.
        Internal = "internal",
    }
}

open_enum! {
    /// What became of a message.
    pub enum MessageStatus {
        /// Not yet sent.
        Pending = "pending",
        /// Handed over.
        Sent = "sent",
        /// It arrived.
        Delivered = "delivered",
        /// It was seen.
        Read = "read",
        /// It could not be sent, or the answer could not be made.
        Failed = "failed",
        /// An answer that broke off.
        Incomplete = "incomplete",
        /// Withdrawn.
        Deleted = "deleted",
    }
}

open_enum! {
    /// How a message follows another.
    pub enum ReplyKind {
        /// An answer to its author.
        Reply = "reply",
        /// An answer to everybody.
        ReplyAll = "reply_all",
        /// Passed on to others.
        Forward = "forward",
    }
}

impl Role {
    /// The direction of a message whose backend knows none: user in, assistant out, system and tool neither.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self {
            Self::User => Direction::Inbound,
            Self::Assistant => Direction::Outbound,
            Self::System | Self::Tool | Self::Other(_) => Direction::Internal,
        }
    }
}

impl Direction {
    /// The role of a message whose backend knows none: inbound is the user's, outbound the assistant's.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Inbound => Role::User,
            Self::Outbound => Role::Assistant,
            Self::Internal | Self::Other(_) => Role::System,
        }
    }
}

/// The message that a message follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InReplyTo {
    /// The other message.
    pub id: MessageId,
    /// How it is followed; a plain reply where absent.
    #[serde(default = "plain_reply")]
    pub kind: ReplyKind,
}

fn plain_reply() -> ReplyKind {
    ReplyKind::Reply
}

/// How a message was rated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rating {
    /// Mean of all votes, 0 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Number of votes.
    #[serde(default)]
    pub count: u64,
    /// The vote of who asks, 0 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mine: Option<f64>,
}

/// A message as a backend holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its public id.
    pub id: MessageId,
    /// The conversation it belongs to.
    pub conversation_id: ConversationId,
    /// Whose turn it is.
    pub role: Role,
    /// Who wrote it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Participant>,
    /// Which way it travels.
    pub direction: Direction,
    /// To whom it went, where that is not simply the conversation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<Recipient>,
    /// A mail's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Box<str>>,
    /// What was said.
    pub parts: Vec<Part>,
    /// The message that it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<InReplyTo>,
    /// What became of it.
    pub status: MessageStatus,
    /// How it was rated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
    /// Tokens and cost of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Box<str>>,
    /// Who runs that model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Box<str>>,
    /// Why the answer ended, in the model's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<Box<str>>,
    /// How long the answer took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Where it came from: channel, device, import.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub source: JsonMap,
    /// Free fields of the caller.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
    /// The caller's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Box<str>>,
    /// When it was said: decides its place in the conversation.
    pub sent_at: Time,
    /// When the backend stored it.
    pub created_at: Time,
    /// When its content was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Time>,
    /// Vendors' fields without a canonical home.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// A message to be posted or imported: everything that a caller can set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// Whose turn it is; the user's where absent.
    #[serde(default = "user_role")]
    pub role: Role,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Participant>,
    /// Which way it travels; derived from the role where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// To whom it goes, where that is not simply the conversation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<Recipient>,
    /// A mail's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Box<str>>,
    /// What is said: at least one part.
    pub parts: Vec<Part>,
    /// The message that it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<InReplyTo>,
    /// What became of it (import only; `sent` where absent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<MessageStatus>,
    /// How it was rated (import only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
    /// Tokens and cost (import only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Box<str>>,
    /// Who runs that model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Box<str>>,
    /// Why the answer ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<Box<str>>,
    /// How long the answer took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub source: JsonMap,
    /// Free fields of the caller.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
    /// The caller's own id for it, at most 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Box<str>>,
    /// When it was said (import only; a post is said now).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
    /// When its content was last changed (import only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Time>,
    /// Vendors' fields without a canonical home.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

fn user_role() -> Role {
    Role::User
}

impl NewMessage {
    /// A message of `role` with one plain text.
    #[must_use]
    pub fn text(role: Role, text: impl Into<Box<str>>) -> Self {
        Self::of(role, vec![Part::text(text)])
    }

    /// A message of `role` with `parts`.
    #[must_use]
    pub fn of(role: Role, parts: Vec<Part>) -> Self {
        Self {
            role,
            author: None,
            direction: None,
            recipients: Vec::new(),
            subject: None,
            parts,
            in_reply_to: None,
            status: None,
            rating: None,
            usage: None,
            model: None,
            provider: None,
            finish_reason: None,
            latency_ms: None,
            source: JsonMap::new(),
            metadata: JsonMap::new(),
            client_message_id: None,
            sent_at: None,
            edited_at: None,
            extensions: Extensions::new(),
        }
    }

    /// The direction as given, or the role's.
    #[must_use]
    pub fn effective_direction(&self) -> Direction {
        self.direction
            .clone()
            .unwrap_or_else(|| self.role.direction())
    }

    /// The message that a backend which holds every field makes of this, stored at `now`.
    #[must_use]
    pub fn into_message(
        self,
        id: MessageId,
        conversation_id: ConversationId,
        now: Time,
    ) -> Message {
        let direction = self.effective_direction();
        Message {
            id,
            conversation_id,
            direction,
            role: self.role,
            author: self.author,
            recipients: self.recipients,
            subject: self.subject,
            parts: self.parts,
            in_reply_to: self.in_reply_to,
            status: self.status.unwrap_or(MessageStatus::Sent),
            rating: self.rating,
            usage: self.usage,
            model: self.model,
            provider: self.provider,
            finish_reason: self.finish_reason,
            latency_ms: self.latency_ms,
            source: self.source,
            metadata: self.metadata,
            client_message_id: self.client_message_id,
            sent_at: self.sent_at.unwrap_or(now),
            created_at: now,
            edited_at: self.edited_at,
            extensions: self.extensions,
        }
    }
}
