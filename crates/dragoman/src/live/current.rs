//! Backends as they are now: for what lives longer than one configuration.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::mpsc;

use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, EventStream, Health, Intent, Located, Location, NewAttachment, Page,
    PageRequest, Precondition, Projection, RespondRequest, Result, ServiceStatus, Settled,
    Template, Tool, Write,
};

/// A backend under one name, whatever stands for it now. Each call goes to what stands for it when the call begins, and ends
/// there.
pub(crate) struct Current {
    info: BackendInfo,
    now: ArcSwap<Below>,
}

/// Sized, so that its place can be swapped.
struct Below(Arc<dyn Backend>);

impl fmt::Debug for Current {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Current")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl Current {
    /// What stands for it at first. Its name and kind stay.
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            info: backend.info().clone(),
            now: ArcSwap::from_pointee(Below(backend)),
        }
    }

    /// From now on calls go there.
    pub(crate) fn replace(&self, backend: Arc<dyn Backend>) {
        self.now.store(Arc::new(Below(backend)));
    }

    fn now(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.now.load().0)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Backend for Current {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        self.now().capabilities()
    }

    fn preview(&self, write: &Write) -> Projection {
        self.now().preview(write)
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.now().create_conversation(cx, new).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.now().get_conversation(cx, at).await
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        // The stream stands on the backend that it was begun with, and holds it as long as it is read.
        let now = self.now();
        let (sender, found) = mpsc::channel(1);
        let reading = async move {
            let mut conversations = now.get_conversations(cx, at);
            while let Some(one) = conversations.next().await {
                if sender.send(one).await.is_err() {
                    break;
                }
            }
        };
        let found = stream::unfold(found, |mut found| async move {
            found.recv().await.map(|one| (Some(one), found))
        });
        let reading = stream::once(reading).map(|()| None);
        stream::select(found, reading)
            .filter_map(std::future::ready)
            .boxed()
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        self.now().list_conversations(cx, query).await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.now()
            .update_conversation(cx, at, patch, precondition)
            .await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.now().delete_conversation(cx, at, precondition).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.now().list_messages(cx, at, page).await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.now().get_message(cx, at, id).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.now().post_message(cx, at, new).await
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        self.now().import_messages(cx, at, messages).await
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        self.now()
            .update_message(cx, at, id, patch, precondition)
            .await
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.now().delete_message(cx, at, id, precondition).await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.now().rate_message(cx, at, id, value).await
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        self.now().respond(cx, at, request).await
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        self.now().templates(cx).await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        self.now().tools(cx).await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        self.now().status(cx).await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        self.now().statistics(cx).await
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        self.now().list_participants(cx, at).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.now().add_participants(cx, at, new).await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        self.now().remove_participant(cx, at, participant).await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.now().send_activity(cx, at, activity).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.now().put_attachment(cx, at, new).await
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        self.now().open_attachment(cx, at, id).await
    }

    async fn health(&self, cx: &Context) -> Health {
        self.now().health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        self.now().settle(cx, intent).await
    }
}
