//! The embedded backend: holds every canonical field natively, and is the reference for all others.

use std::time::Instant;

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Error, EventStream, Health, Intent, Kind, Located, Location, NewAttachment,
    Outcome, Page, PageRequest, Precondition, Projection, RespondRequest, Result, ServiceStatus,
    Settled, Template, Tool, Write,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::stream::BoxStream;

use crate::failure::Attempt;
use crate::sql::Connection;
use crate::state::check_fence;
use crate::store::Store;

mod activity;
mod attachments;
mod capabilities;
mod conversations;
mod document;
mod messages;
mod pages;
mod participants;
mod ratings;
mod settling;
mod writes;

pub(crate) use attachments::{ATTACHMENT_MAX_BYTES, off_thread, too_large};
#[cfg(test)]
pub(crate) use messages::{PAGE_DOWN, PAGE_UP};
pub(crate) use ratings::voter_of_user;

/// A backend in the database: its conversations are told apart from others' by its name.
///
/// `in_reply_to` is kept as it was sent, whether or not it names a message of the conversation: imports may come in
/// parts, and the message that was answered may be deleted. So is the `attachment_id` of a part.
#[derive(Debug, Clone)]
pub struct StoreBackend {
    store: Store,
    info: BackendInfo,
}

impl StoreBackend {
    pub(crate) fn new(store: Store, name: &str) -> Self {
        Self {
            store,
            info: BackendInfo {
                name: name.into(),
                kind: "store".into(),
            },
        }
    }

    fn name(&self) -> &str {
        &self.info.name
    }
}

/// Refuses a write whose caller stopped waiting before it began.
fn in_time(deadline: Instant) -> Result<()> {
    if Instant::now() < deadline {
        return Ok(());
    }
    Err(Error::new(
        Kind::Timeout,
        "the deadline passed before the store could write",
    )
    .origin(backend::Origin::Gateway)
    .outcome(Outcome::NotApplied))
}

/// What lets a write in: its caller still waits, and the conversation lives here.
#[derive(Debug, Clone, Copy)]
struct Admission {
    deadline: Instant,
    /// The number of the lease under which it is written.
    fence: Option<u64>,
    /// Copies are written where a conversation does not live.
    copying: bool,
}

impl Admission {
    fn of(cx: &Context) -> Self {
        Self {
            deadline: cx.deadline,
            fence: cx.fence,
            copying: cx.copying,
        }
    }

    /// In the transaction of the write: so nothing comes between a switch and this.
    fn check(self, connection: &Connection, backend: &str, at: &Location) -> Attempt<()> {
        in_time(self.deadline)?;
        check_fence(connection, self.fence)?;
        // Asked in any case: from here to the end of the transaction, no other write of the conversation begins.
        let is_closed = conversations::is_closed(connection, backend, at)?;
        if self.copying || !is_closed {
            return Ok(());
        }
        let error = Error::new(
            Kind::Moved,
            "the conversation lives elsewhere by now: try again",
        );
        Err(error.into())
    }
}

#[async_trait]
impl Backend for StoreBackend {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        capabilities::capabilities()
    }

    fn preview(&self, write: &Write) -> Projection {
        Projection::exact(write.clone())
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.create(cx, new)
            .await
            .map_err(|error| error.at(self.name(), "create_conversation"))
    }

    async fn get_conversation(&self, _cx: &Context, at: &Location) -> Result<Conversation> {
        self.read_conversation(at)
            .await
            .map_err(|error| error.at(self.name(), "get_conversation"))
    }

    fn get_conversations<'a>(
        &'a self,
        _cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        self.read_each(at)
    }

    async fn list_conversations(
        &self,
        _cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        self.page_of_conversations(query)
            .await
            .map_err(|error| error.at(self.name(), "list_conversations"))
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.change_conversation(cx, at, patch, precondition)
            .await
            .map_err(|error| error.at(self.name(), "update_conversation"))
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.remove_conversation(cx, at, precondition)
            .await
            .map_err(|error| error.at(self.name(), "delete_conversation"))
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.page_of_messages(cx, at, page)
            .await
            .map_err(|error| error.at(self.name(), "list_messages"))
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.read_message(cx, at, id)
            .await
            .map_err(|error| error.at(self.name(), "get_message"))
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.post(cx, at, new)
            .await
            .map_err(|error| error.at(self.name(), "post_message"))
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        self.import(cx, at, messages)
            .await
            .map_err(|error| error.at(self.name(), "import_messages"))
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        self.change_message(cx, at, id, patch, precondition)
            .await
            .map_err(|error| error.at(self.name(), "update_message"))
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.remove_message(cx, at, id, precondition)
            .await
            .map_err(|error| error.at(self.name(), "delete_message"))
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.rate(cx, at, id, value)
            .await
            .map_err(|error| error.at(self.name(), "rate_message"))
    }

    async fn respond(
        &self,
        _cx: &Context,
        _at: &Location,
        _request: RespondRequest,
    ) -> Result<EventStream> {
        Err(Error::unsupported(self.name(), "respond"))
    }

    async fn templates(&self, _cx: &Context) -> Result<Vec<Template>> {
        Err(Error::unsupported(self.name(), "templates"))
    }

    async fn tools(&self, _cx: &Context) -> Result<Vec<Tool>> {
        Err(Error::unsupported(self.name(), "tools"))
    }

    async fn status(&self, _cx: &Context) -> Result<ServiceStatus> {
        Err(Error::unsupported(self.name(), "status"))
    }

    async fn statistics(&self, _cx: &Context) -> Result<ServiceStatus> {
        Err(Error::unsupported(self.name(), "statistics"))
    }

    async fn list_participants(&self, _cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        self.read_conversation(at)
            .await
            .map(|conversation| conversation.participants)
            .map_err(|error| error.at(self.name(), "list_participants"))
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.add(cx, at, new)
            .await
            .map_err(|error| error.at(self.name(), "add_participants"))
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        self.remove(cx, at, participant)
            .await
            .map_err(|error| error.at(self.name(), "remove_participant"))
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.note_activity(cx, at, &activity)
            .await
            .map_err(|error| error.at(self.name(), "send_activity"))
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.store_attachment(cx, at, new)
            .await
            .map_err(|error| error.at(self.name(), "put_attachment"))
    }

    async fn open_attachment(
        &self,
        _cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        self.read_attachment(at, id)
            .await
            .map_err(|error| error.at(self.name(), "open_attachment"))
    }

    async fn health(&self, _cx: &Context) -> Health {
        match self.store.status().await {
            Ok(status) => Health {
                ok: true,
                detail: format!(
                    "{} {}, schema {}",
                    status.engine.as_str(),
                    status.version,
                    status.schema_version
                ),
            },
            Err(error) => Health {
                ok: false,
                detail: error.message.clone(),
            },
        }
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        self.find_write(cx, intent)
            .await
            .map_err(|error| error.at(self.name(), "settle"))
    }
}
