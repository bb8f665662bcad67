//! The lines of an archive, and of an export on its way to one.
//!
//! A line is `{"conversation": {…}}`, `{"message": {…}}` and so on: the one member says what it is, so that nothing is
//! buffered to find out, and kept JSON stays the text that it was.

use conversation::{
    AttachmentId, Conversation, ConversationId, Digest, Message, MessageId, NewConversation,
    NewMessage, Time, strict_digest, strict_message_digest,
};
use serde::{Deserialize, Serialize};

use crate::plan::{new_conversation, new_message};

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A conversation begins.
    Conversation(Box<ConversationLine>),
    /// Bytes that messages of it name: before the first message that does.
    Attachment(AttachmentLine),
    /// A message of it, oldest first.
    Message(Box<MessageLine>),
    /// Something that could not be read: of the conversation that has begun, or of one of which nothing could be read.
    Exception(ExceptionLine),
    /// The conversation ends.
    End(EndLine),
    /// The export ends: what was asked for is complete, but for the exceptions. Only on the way, never in a segment: a
    /// stream without it was cut.
    Over(OverLine),
}

/// A conversation's own fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationLine {
    /// Its public id.
    pub id: ConversationId,
    /// The tenant that it belongs to; absent: to nobody yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Box<str>>,
    /// The end user that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Box<str>>,
    /// The backend that it was read from.
    pub backend: Box<str>,
    /// When it began there.
    pub created_at: Time,
    /// When it last changed there.
    pub updated_at: Time,
    /// What a caller can set.
    pub fields: NewConversation,
    /// The strict digest of `fields`.
    pub digest: Digest,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageLine {
    /// Its public id.
    pub id: MessageId,
    /// Everything of it.
    pub fields: NewMessage,
    /// The strict digest of `fields`.
    pub digest: Digest,
}

/// An attachment. Its bytes are in `attachments/<sha256>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachmentLine {
    /// Its public id.
    pub id: AttachmentId,
    /// File name, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// Media type.
    pub media_type: Box<str>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub sha256: Digest,
}

/// Something that could not be read. Never content of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionLine {
    /// In this conversation.
    pub conversation: ConversationId,
    /// This attachment; absent: the conversation, or the rest of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<AttachmentId>,
    /// Why, as a word of a closed list.
    pub reason: Box<str>,
    /// What was found, in words; a vendor's own where it gave some.
    pub detail: Box<str>,
    /// What to do next.
    pub next_step: Box<str>,
    /// True where trying again may help.
    pub temporary: bool,
}

/// The end of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndLine {
    /// The conversation.
    pub id: ConversationId,
    /// So many messages.
    pub messages: u64,
    /// The digest over its own and those of its messages.
    pub digest: Digest,
    /// False where something of it could not be read: exceptions name it.
    pub is_whole: bool,
}

/// The end of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverLine {
    /// So many conversations were sent.
    pub conversations: u64,
    /// So many messages.
    pub messages: u64,
    /// So many exceptions.
    pub exceptions: u64,
}

impl ConversationLine {
    /// A conversation as a line.
    #[must_use]
    pub fn of(
        conversation: &Conversation,
        tenant: Option<Box<str>>,
        owner: Option<Box<str>>,
    ) -> Self {
        let mut fields = new_conversation(conversation.clone());
        // It stands beside them.
        fields.created_at = None;
        let mut line = Self {
            id: conversation.id,
            tenant,
            owner,
            backend: conversation.backend.clone(),
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
            fields,
            digest: Digest::from_bytes([0; 32]),
        };
        line.digest = line.found_digest();
        line
    }

    /// The strict digest that `fields` really have.
    #[must_use]
    pub fn found_digest(&self) -> Digest {
        let fields = self.fields.clone();
        strict_digest(&fields.into_conversation(self.id, &self.backend, self.created_at))
    }
}

impl MessageLine {
    /// A message as a line.
    #[must_use]
    pub fn of(message: Message) -> Self {
        let (id, conversation) = (message.id.clone(), message.conversation_id);
        let fields = new_message(message);
        let digest = digest_of(&fields, &id, conversation);
        Self { id, fields, digest }
    }

    /// The strict digest that `fields` really have.
    #[must_use]
    pub fn found_digest(&self) -> Digest {
        digest_of(&self.fields, &self.id, ConversationId::from_bits(0))
    }
}

fn digest_of(fields: &NewMessage, id: &MessageId, conversation: ConversationId) -> Digest {
    // One without a time has no digest that anything could equal.
    let sent_at = fields.sent_at.unwrap_or_else(Time::now);
    let message = fields.clone();
    strict_message_digest(&message.into_message(id.clone(), conversation, sent_at))
}
