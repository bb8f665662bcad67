//! What is kept beside a backend: fields and messages that it cannot hold, and an index of its messages.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::{Conversation, ConversationId, Digest, Message, MessageId, RawJson, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Cursor, Order, Page, Result};

/// Beside which conversation something is kept: at one backend, so that the same conversation at another one has rows
/// of its own, and a new native id changes none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeptAt {
    /// The conversation's public id.
    pub conversation: ConversationId,
    /// The backend's name.
    pub backend: Box<str>,
}

/// One field that the backend does not hold as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptField {
    /// The message that it belongs to; absent: the conversation.
    pub message: Option<MessageId>,
    /// JSON pointer to it in the canonical object. Labels are `/labels/<label>`, participants `/participants/<id>`,
    /// members `/metadata/<name>`, `/assistant/<name>` and `/extensions/<vendor>/<name>`.
    pub pointer: Box<str>,
    /// What is shown; absent: nothing, though the backend may hold something.
    pub value: Option<RawJson>,
    /// What the backend held when this was kept; absent: nothing, which is not JSON null.
    pub base: Option<RawJson>,
    /// True where nothing foretold that the backend would not hold it.
    pub unexpected: bool,
    /// Since when the backend holds something else than `base`, and what it held when last seen.
    pub drift: Option<Drift>,
}

/// A change that was made at the backend, past the gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// When it was first seen.
    pub since: Time,
    /// What the backend held when last seen.
    pub value: Option<RawJson>,
}

/// A message's place in its conversation: what was said earlier comes first, what arrived earlier before what arrived
/// later. Given when the message is first seen, and never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// When it counts as said: never before what was answered by it, whatever its backend's clock says.
    pub time: Time,
    /// The order of arrival here, unique in the conversation.
    pub arrival: u64,
}

/// Who has a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// Only the gateway: the backend has no place for it, or has not been told yet.
    Gateway,
    /// The backend, in the conversation with this native id; what is kept is a copy.
    Backend(Box<str>),
}

/// A message in the index of its conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptMessage {
    /// Its place.
    pub place: Place,
    /// Who has it.
    pub holder: Holder,
    /// The message: the truth where only the gateway has it, else as the backend last showed it, without kept fields.
    pub message: Message,
    /// True where it was deleted here, though the backend may still have it.
    pub is_hidden: bool,
    /// True where the backend has it no more.
    pub is_gone: bool,
    /// The backend's messages that carry its words: they are not shown beside it. Only of messages that the gateway
    /// has.
    pub natives: Vec<MessageId>,
    /// The native ids of the conversations in which those are, each once.
    pub homes: Vec<Box<str>>,
}

/// A message of the index without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// Its id.
    pub id: MessageId,
    /// Its place.
    pub place: Place,
    /// Who has it.
    pub holder: Holder,
    /// Digest of the stored document.
    pub digest: Digest,
    /// True where it was deleted here.
    pub is_hidden: bool,
    /// True where the backend has it no more.
    pub is_gone: bool,
    /// The backend's messages that carry its words.
    pub natives: Vec<MessageId>,
    /// The native ids of the conversations in which those are, each once.
    pub homes: Vec<Box<str>>,
}

/// How far the index of a conversation's messages goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexState {
    /// The conversation's native id when it was read.
    pub native: Box<str>,
    /// The backend's change mark, read right before the messages; absent where it has none.
    pub mark: Option<Digest>,
    /// When the reading began.
    pub read_at: Time,
    /// When all messages were last read, and not only the new ones.
    pub whole_at: Time,
    /// The latest time of a place of a message that was said, not imported: what is said now comes behind it.
    pub floor: Time,
}

/// What is kept of a conversation, but for its messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// Its own fields.
    pub fields: Vec<KeptField>,
    /// True where fields of its messages are kept.
    pub has_message_fields: bool,
    /// The index of its messages; absent where the backend's own list is shown.
    pub index: Option<IndexState>,
    /// How many messages of the index are shown.
    pub messages: u64,
    /// How many more are shown than the backend counts; negative where more are hidden or stand behind one of ours.
    pub beside: i64,
    /// The conversation as the backend last showed it, without kept fields: where access ends.
    pub copy: Option<Box<Conversation>>,
    /// True where access at the backend has ended.
    pub has_ended: bool,
    /// When something was last changed here.
    pub updated_at: Option<Time>,
    /// When the newest message that only the gateway has was said.
    pub last_message_at: Option<Time>,
}

/// Words on their way to the backend's AI. Kept from right before they are sent until their answer is bound, so that a
/// crash in between shows nothing twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sending {
    /// The intent of the `respond`.
    pub intent: Uuid,
    /// The text as it is sent: the backend's message that carries it is theirs.
    pub text: Box<str>,
    /// The messages that travel in it, oldest first; the input last.
    pub carries: Vec<MessageId>,
    /// The input, where it is to be stored here once it was sent.
    pub input: Option<Box<Message>>,
    /// The newest place that comes before the answer.
    pub after: Time,
    /// When it was sent.
    pub started_at: Time,
}

/// A page of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPage {
    /// The order.
    pub order: Order,
    /// Behind this place in that order; absent: from the beginning.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: usize,
}

/// One change of what is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Keep a field, in place of what was kept of it.
    Field(KeptField),
    /// Keep nothing of a field any more.
    DropField {
        /// The message; absent: the conversation.
        message: Option<MessageId>,
        /// The field.
        pointer: Box<str>,
    },
    /// Put a message into the index. One that is there keeps its place, and what is hidden stays hidden; holder and
    /// document are replaced, and it is no longer gone.
    Message {
        /// The time of its place, for a new one.
        time: Time,
        /// Who has it.
        holder: Holder,
        /// The message.
        message: Box<Message>,
    },
    /// A message of the backend carries the words of these. It stands in the index no longer by itself.
    Bind {
        /// The backend's message.
        native: MessageId,
        /// Ours.
        to: Vec<MessageId>,
    },
    /// Hide a message for ever. What is on its way does not carry it any more.
    Hide(MessageId),
    /// Forget a message that only the gateway has, or that is put in anew, with its fields. What is on its way does not
    /// carry it any more.
    Remove(MessageId),
    /// Note whether the backend still has a message.
    Gone {
        /// Which.
        id: MessageId,
        /// True where it has it no more.
        is_gone: bool,
    },
    /// Note how far the index goes. Does nothing where the index is of another native id: who read that came late.
    Index(IndexState),
    /// The conversation has a new native id, and access to it: from now on the index is of that.
    Home(IndexState),
    /// Keep the conversation as the backend showed it.
    Copy(Box<Conversation>),
    /// Note whether access has ended. Does nothing where the index is of another native id: who saw that came late.
    Ended {
        /// The native id of the conversation.
        native: Box<str>,
        /// True where it has.
        has_ended: bool,
    },
    /// Note that something was changed here, and when a message was said, where one was. Times only grow.
    Touch {
        /// When.
        updated_at: Time,
        /// When the message was said.
        last_message_at: Option<Time>,
    },
    /// Note words that are about to be sent.
    Send(Box<Sending>),
    /// Forget them: they are bound, or were never sent.
    Sent(Uuid),
    /// Forget everything that is kept of the conversation at the backend.
    Forget,
}

/// Which drifted fields are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DriftQuery {
    /// At this backend only.
    pub backend: Option<Box<str>>,
    /// Of this conversation only.
    pub conversation: Option<ConversationId>,
    /// After this cursor.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: usize,
}

/// A field that drifted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftedField {
    /// Where.
    #[serde(flatten)]
    pub at: KeptAt,
    /// What is kept, and what the backend holds by now.
    #[serde(flatten)]
    pub field: KeptField,
}

/// What is kept beside backends.
#[async_trait]
pub trait OverlayState: Debug + Send + Sync + 'static {
    /// What is kept of these conversations, in their order: one query, however many.
    async fn kept(&self, at: &[KeptAt]) -> Result<Vec<Kept>>;

    /// The kept fields of these messages: one query, however many.
    async fn message_fields(&self, at: &KeptAt, ids: &[MessageId]) -> Result<Vec<KeptField>>;

    /// A page of the messages that are shown: neither hidden nor gone.
    async fn messages(&self, at: &KeptAt, page: &KeptPage) -> Result<Vec<KeptMessage>>;

    /// A message by its id, or by the id of a backend's message that carries its words. Hidden and gone ones too.
    async fn message(&self, at: &KeptAt, id: &MessageId) -> Result<Option<KeptMessage>>;

    /// Messages that were deleted here and that the backend still has, whose place is at `from` or later: the earliest,
    /// at most `limit`.
    async fn hidden(&self, at: &KeptAt, from: Time, limit: usize) -> Result<Vec<KeptMessage>>;

    /// All messages of the index, hidden and gone ones too, without their content, in their order.
    async fn index(&self, at: &KeptAt) -> Result<Vec<Indexed>>;

    /// What is on its way to the backend's AI, oldest first.
    async fn sendings(&self, at: &KeptAt) -> Result<Vec<Sending>>;

    /// Makes these changes, all or none, in this order. Durable on return.
    ///
    /// # Errors
    /// [`crate::Kind::Busy`] with outcome `not_applied` where the conversation was changed under a newer lease than `fence`.
    async fn apply(&self, at: &KeptAt, fence: Option<u64>, changes: Vec<Change>) -> Result<()>;

    /// The fields that drifted, by conversation.
    ///
    /// # Errors
    /// [`crate::Kind::InvalidCursor`] for a cursor of another list.
    async fn drifted(&self, query: &DriftQuery) -> Result<Page<DriftedField>>;
}
