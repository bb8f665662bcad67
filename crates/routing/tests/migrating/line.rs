//! A store behind a line: something happens on the way to it, or its answer gets lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

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
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

type Happening = BoxFuture<'static, ()>;

/// What a line does to a call, once.
pub(crate) enum Event {
    /// This happens on the way there.
    Before(Happening),
    /// The write is done, and its answer is lost.
    LosesAnswer,
    /// It cannot be asked now.
    IsDown,
}

pub(crate) struct Line {
    store: Arc<dyn Backend>,
    is_transactional: bool,
    events: Mutex<HashMap<&'static str, Event>>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Line {
    pub(crate) fn new(store: Arc<dyn Backend>, is_transactional: bool) -> Self {
        Self {
            store,
            is_transactional,
            events: Mutex::default(),
        }
    }

    /// The next call of this name meets it.
    pub(crate) fn on(&self, call: &'static str, event: Event) {
        self.events.lock().unwrap().insert(call, event);
    }

    async fn call<T: Send>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let event = self.events.lock().unwrap().remove(name);
        match event {
            Some(Event::Before(happening)) => happening.await,
            Some(Event::LosesAnswer) => {
                call.await?;
                return Err(Error::new(Kind::Timeout, "lost").outcome(Outcome::Unknown));
            }
            Some(Event::IsDown) => return Err(Error::new(Kind::Unavailable, "down")),
            None => {}
        }
        call.await
    }
}

fn not_here<T>() -> Result<T> {
    Err(Error::unsupported("line", "nothing else"))
}

#[async_trait]
impl Backend for Line {
    fn info(&self) -> &BackendInfo {
        self.store.info()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactional: self.is_transactional,
            ..self.store.capabilities()
        }
    }

    fn preview(&self, write: &Write) -> Projection {
        self.store.preview(write)
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let call = self.store.create_conversation(cx, new);
        self.call("create_conversation", call).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let call = self.store.get_conversation(cx, at);
        self.call("get_conversation", call).await
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        self.store.get_conversations(cx, at)
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        self.store.list_conversations(cx, query).await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.store
            .update_conversation(cx, at, patch, precondition)
            .await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.store.delete_conversation(cx, at, precondition).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.store.list_messages(cx, at, page).await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.store.get_message(cx, at, id).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        let call = self.store.post_message(cx, at, new);
        self.call("post_message", call).await
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        self.store.import_messages(cx, at, messages).await
    }

    async fn update_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _patch: MessagePatch,
        _precondition: Option<&Precondition>,
    ) -> Result<Message> {
        not_here()
    }

    async fn delete_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _precondition: Option<&Precondition>,
    ) -> Result<()> {
        not_here()
    }

    async fn rate_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _value: f64,
    ) -> Result<Message> {
        not_here()
    }

    async fn respond(
        &self,
        _cx: &Context,
        _at: &Location,
        _request: RespondRequest,
    ) -> Result<EventStream> {
        not_here()
    }

    async fn templates(&self, _cx: &Context) -> Result<Vec<Template>> {
        not_here()
    }

    async fn tools(&self, _cx: &Context) -> Result<Vec<Tool>> {
        not_here()
    }

    async fn status(&self, _cx: &Context) -> Result<ServiceStatus> {
        not_here()
    }

    async fn statistics(&self, _cx: &Context) -> Result<ServiceStatus> {
        not_here()
    }

    async fn list_participants(&self, _cx: &Context, _at: &Location) -> Result<Vec<Participant>> {
        not_here()
    }

    async fn add_participants(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        not_here()
    }

    async fn remove_participant(
        &self,
        _cx: &Context,
        _at: &Location,
        _participant: &str,
    ) -> Result<()> {
        not_here()
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        let call = self.store.send_activity(cx, at, activity);
        self.call("send_activity", call).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.store.put_attachment(cx, at, new).await
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        let call = self.store.open_attachment(cx, at, id);
        self.call("open_attachment", call).await
    }

    async fn health(&self, cx: &Context) -> Health {
        self.store.health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        self.store.settle(cx, intent).await
    }
}
