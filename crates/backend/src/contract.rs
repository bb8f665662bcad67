//! The trait that every backend implements, and the words it uses.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::{
    Activity, AttachmentId, Conversation, ConversationId, ConversationPatch, JsonMap, Message,
    MessageId, MessagePatch, NewConversation, NewMessage, Participant, RawJson,
};
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::{
    Attachment, AttachmentContent, Capabilities, Context, ConversationPage, ConversationQuery,
    EventStream, Intent, NewAttachment, Page, PageRequest, Precondition, Projection,
    RespondRequest, Result, Settled, Write,
};

/// Which backend this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackendInfo {
    /// Its name in the configuration: bound for ever to (kind, base URL, account).
    pub name: Box<str>,
    /// Its kind, such as `store`.
    pub kind: Box<str>,
}

/// Where a conversation lives.
///
/// Only the router makes one, from the directory; `create_conversation` and `list_conversations` of an adapter return
/// the parts of a new one. Callers above the router use [`Location::unresolved`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The conversation's public id.
    pub id: ConversationId,
    /// The backend's name.
    pub backend: Box<str>,
    /// The conversation's id there.
    pub native: Box<str>,
    /// Which credential reaches it; absent: the backend's own.
    pub credential: Option<Box<str>>,
    /// True where messages or attachments may be known by ids of an earlier home: see [`crate::ports::Names`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renamed: bool,
}

impl Location {
    /// A conversation of which only the public id is known. The router finds the rest; no other backend takes it.
    #[must_use]
    pub fn unresolved(id: ConversationId) -> Self {
        Self {
            id,
            backend: Box::default(),
            native: Box::default(),
            credential: None,
            renamed: false,
        }
    }
}

/// A conversation and where it lives.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// Where.
    pub location: Location,
    /// What.
    pub conversation: Conversation,
}

/// A template of a backend's AI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Its name, as `respond` takes it.
    pub name: Box<str>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<str>>,
    /// The backend's other fields, as they came.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub extensions: JsonMap,
}

/// A tool of a backend's AI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: Box<str>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<str>>,
    /// JSON Schema of its arguments.
    #[serde(default)]
    pub parameters: RawJson,
    /// The backend's other fields, as they came.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub extensions: JsonMap,
}

/// What a backend tells of its own state or statistics: fields of its own, as they came.
pub type ServiceStatus = JsonMap;

/// Whether a backend can be used now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// True where it answered.
    pub ok: bool,
    /// What was found, in words without secrets.
    pub detail: String,
}

/// A place where conversations live, or a way to one.
///
/// Every bullet below is a rule with a conformance case of the same words.
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// Which backend this is.
    fn info(&self) -> &BackendInfo;

    /// What this stack can do, layers included.
    fn capabilities(&self) -> Capabilities;

    /// What would really be sent for a write, and the fate of each field. Pure: sends and stores nothing.
    ///
    /// # Behavior
    /// - preview names every field that is not held exactly
    fn preview(&self, write: &Write) -> Projection;

    /// Makes a conversation.
    ///
    /// # Behavior
    /// - the minimal create succeeds and gives an open conversation
    /// - a created conversation has every held field that was sent
    /// - two creates make two conversations
    /// - a create that the backend cannot hold is refused and names the fields
    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located>;

    /// Reads a conversation.
    ///
    /// # Behavior
    /// - reading a created conversation gives what create gave
    /// - an unknown conversation is not found
    /// - a deleted conversation is not found
    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation>;

    /// Reads several conversations. Each is told as soon as it is known, with its place in `at`, in any order; dropping
    /// the stream ends the reading.
    ///
    /// # Behavior
    /// - several conversations are each read as if alone
    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)>;

    /// Enumerates the conversations that the principal's credential reaches. An adapter or the store enumerates in
    /// its own order and refuses filters; the router filters and sorts.
    ///
    /// # Behavior
    /// - a walk over all conversations meets each created one exactly once
    /// - a walk of conversations is complete while others are created
    /// - deleted conversations are not listed
    /// - a page holds at most the limit
    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage>;

    /// Changes a conversation and returns it changed.
    ///
    /// # Behavior
    /// - an update changes what it names and keeps the rest
    /// - null in an update clears a field
    /// - metadata merges member by member
    /// - an empty update changes nothing
    /// - an update of an unknown conversation is not found
    /// - an update whose precondition fails changes nothing
    /// - an update whose precondition holds succeeds
    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation>;

    /// Deletes a conversation with its messages. What the backend keeps all the same is never shown again.
    ///
    /// # Behavior
    /// - deleting an unknown conversation is not found
    /// - deleting twice is not found the second time
    /// - a delete whose precondition fails deletes nothing
    /// - the messages of a deleted conversation are not found
    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()>;

    /// Reads messages in the order in which they were said.
    ///
    /// # Behavior
    /// - messages come in the order in which they were said
    /// - descending order is the exact reverse
    /// - pages forwards and backwards meet each message exactly once
    /// - the previous cursor leads back to the same page
    /// - a page may begin right after or right before a message
    /// - a walk over messages is complete while others are posted
    /// - an empty conversation has an empty page without cursors
    /// - messages of an unknown conversation are not found
    /// - a foreign cursor is refused
    /// - a page position at an unknown message is not found
    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>>;

    /// Reads one message.
    ///
    /// # Behavior
    /// - reading a message gives what the list gives
    /// - an unknown message is not found
    /// - a message of another conversation is not found
    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message>;

    /// Stores a message that is said now, and delivers it where the backend delivers. Never runs an AI.
    ///
    /// # Behavior
    /// - a posted message has every held field that was sent
    /// - role and direction are derived from each other
    /// - every part type survives a post
    /// - unicode survives a post
    /// - NUL survives a post
    /// - a long text survives a post
    /// - an empty text survives a post
    /// - unknown vendor parts are kept whole
    /// - equal messages are two messages
    /// - parallel posts are all stored
    /// - a post moves the conversation's times and counts
    /// - a post to an unknown conversation is not found
    /// - a post never runs an AI
    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message>;

    /// Stores history: messages that were said elsewhere, with their own times. Never delivers, never runs an AI.
    /// One result for each message, in their order; one that is refused does not stop the others.
    ///
    /// # Behavior
    /// - imported messages keep their original times
    /// - imported messages take their place by time
    /// - messages of equal time keep the order of import
    /// - an import gives one result for each message
    /// - an import keeps status, rating, usage and model
    /// - an import to an unknown conversation is not found
    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>>;

    /// Changes a message and returns it changed.
    ///
    /// # Behavior
    /// - an edited message has its new parts and the time of the edit
    /// - metadata of a message merges member by member
    /// - an update of an unknown message is not found
    /// - a message update whose precondition fails changes nothing
    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message>;

    /// Deletes a message.
    ///
    /// # Behavior
    /// - a deleted message is gone from lists and reads
    /// - deleting a message leaves its neighbours alone
    /// - deleting an unknown message is not found
    /// - deleting a message twice is not found the second time
    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()>;

    /// Rates a message, 0 to 5, for the principal, and returns it rated.
    ///
    /// # Behavior
    /// - a rating is shown on the message
    /// - a rating out of range is refused
    /// - a rating of an unknown message is not found
    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message>;

    /// Has an AI answer and streams the answer; a backend that cannot stream emits one delta.
    ///
    /// Dropping the stream ends the answer where the backend allows it.
    ///
    /// # Behavior
    /// - respond stores input and answer
    /// - the events of an answer come in their documented order
    /// - the deltas of an answer add up to its text
    /// - respond without anything to answer is refused
    /// - respond without input answers the unanswered messages
    /// - respond in an unknown conversation is not found
    /// - after a dropped stream the conversation can be written again
    /// - two answers in one conversation keep their turns in order
    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream>;

    /// The templates of the backend's AI.
    ///
    /// # Behavior
    /// - templates have unique names
    async fn templates(&self, cx: &Context) -> Result<Vec<Template>>;

    /// The tools of the backend's AI.
    ///
    /// # Behavior
    /// - tools have unique names
    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>>;

    /// The state of the backend's tool servers.
    ///
    /// # Behavior
    /// - an operation that the backend has not is refused as unsupported
    async fn status(&self, cx: &Context) -> Result<ServiceStatus>;

    /// The backend's statistics.
    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus>;

    /// The participants of a conversation.
    ///
    /// # Behavior
    /// - participants of a created conversation are listed
    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>>;

    /// Adds participants; one without id gets one. Returns all.
    ///
    /// # Behavior
    /// - an added participant is listed and has an id
    /// - adding a participant whose id is taken is a conflict
    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>>;

    /// Removes a participant by id.
    ///
    /// # Behavior
    /// - a removed participant is no longer listed
    /// - removing an unknown participant is not found
    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()>;

    /// Tells the others in a conversation that somebody reads or types: `read`, `typing_start` and `typing_stop`. By
    /// the participant named, else by the business side. Nothing is stored but how far was read.
    ///
    /// # Behavior
    /// - activity is accepted and changes no message
    /// - joined and left are not told as activity
    /// - activity in an unknown conversation is not found
    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()>;

    /// Stores bytes for a conversation. With a message they become a part of it; without one a part of a later message
    /// may name them, by `url` where the answer has one, else by `attachment_id`.
    ///
    /// # Behavior
    /// - an attachment has the type, the name and the size that were sent
    /// - an attachment put to a message becomes a part of it
    /// - an attachment for an unknown conversation is not found
    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment>;

    /// Reads the bytes of an attachment of a conversation.
    ///
    /// # Behavior
    /// - an attachment reads back with the same bytes
    /// - an unknown attachment is not found
    /// - an attachment of another conversation is not found
    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent>;

    /// Whether the backend can be used now. Cheap, changes nothing.
    ///
    /// # Behavior
    /// - a running backend is healthy
    async fn health(&self, cx: &Context) -> Health;

    /// What became of a write whose answer was lost. Sends nothing that writes.
    ///
    /// # Behavior
    /// - a write that was done settles as applied
    /// - a write that was never sent settles as not applied
    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled>;
}
