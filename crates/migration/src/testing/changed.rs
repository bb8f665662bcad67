//! A backend over a backend that fails in one place, or can do something else: for tests.

use std::sync::Arc;

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Error, EventStream, FieldFate, Health, Intent, Located, Location,
    NewAttachment, Order, Page, PageRequest, Precondition, Projection, RespondRequest, Result,
    ServiceStatus, Settled, Template, Tool, Write,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

type Files = Arc<dyn Fn(AttachmentContent) -> Result<AttachmentContent> + Send + Sync>;
/// What is met before a call goes on: its name, and in which order it lists.
type Meets =
    Arc<dyn Fn(&'static str, Option<Order>) -> BoxFuture<'static, Result<()>> + Send + Sync>;
/// What a page becomes.
type Pages = Arc<dyn Fn(&PageRequest, Page<Message>) -> Page<Message> + Send + Sync>;
type Fates = Arc<dyn Fn(&Write) -> Vec<FieldFate> + Send + Sync>;

/// A backend that is another one in some things.
#[derive(Clone)]
pub(crate) struct Changed {
    below: Arc<dyn Backend>,
    capabilities: Capabilities,
    fates: Option<Fates>,
    /// What every page but the first fails with.
    later_pages: Option<Error>,
    files: Option<Files>,
    meets: Option<Meets>,
    pages: Option<Pages>,
}

impl std::fmt::Debug for Changed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changed").finish_non_exhaustive()
    }
}

impl Changed {
    pub(crate) fn new(below: Arc<dyn Backend>) -> Self {
        Self {
            capabilities: below.capabilities(),
            below,
            fates: None,
            later_pages: None,
            files: None,
            meets: None,
            pages: None,
        }
    }

    /// Can something else.
    pub(crate) fn able(mut self, change: impl FnOnce(&mut Capabilities)) -> Self {
        change(&mut self.capabilities);
        self
    }

    /// Foretells these fates.
    pub(crate) fn foretelling(
        mut self,
        fates: impl Fn(&Write) -> Vec<FieldFate> + Send + Sync + 'static,
    ) -> Self {
        self.fates = Some(Arc::new(fates));
        self
    }

    /// Gives the first page of messages, and this instead of every other.
    pub(crate) fn breaking_off(mut self, error: Error) -> Self {
        self.later_pages = Some(error);
        self
    }

    /// Opens files as other ones, or not at all.
    pub(crate) fn opening(
        mut self,
        files: impl Fn(AttachmentContent) -> Result<AttachmentContent> + Send + Sync + 'static,
    ) -> Self {
        self.files = Some(Arc::new(files));
        self
    }

    /// Shows other pages of messages.
    pub(crate) fn showing(
        mut self,
        pages: impl Fn(&PageRequest, Page<Message>) -> Page<Message> + Send + Sync + 'static,
    ) -> Self {
        self.pages = Some(Arc::new(pages));
        self
    }

    /// Meets this before it reads a conversation, lists messages, imports some or settles; it may take its time, or fail.
    pub(crate) fn meeting(
        mut self,
        meets: impl Fn(&'static str, Option<Order>) -> BoxFuture<'static, Result<()>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.meets = Some(Arc::new(meets));
        self
    }

    async fn meet(&self, call: &'static str, order: Option<Order>) -> Result<()> {
        match &self.meets {
            Some(meets) => meets(call, order).await,
            None => Ok(()),
        }
    }

    pub(crate) fn shared(self) -> Arc<dyn Backend> {
        Arc::new(self)
    }
}

#[async_trait]
impl Backend for Changed {
    fn info(&self) -> &BackendInfo {
        self.below.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn preview(&self, write: &Write) -> Projection {
        match &self.fates {
            Some(fates) => Projection::of(write.clone(), fates(write)),
            None => self.below.preview(write),
        }
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.below.create_conversation(cx, new).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.meet("get_conversation", None).await?;
        self.below.get_conversation(cx, at).await
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        self.below.get_conversations(cx, at)
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        self.below.list_conversations(cx, query).await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let below = &self.below;
        below.update_conversation(cx, at, patch, precondition).await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.below.delete_conversation(cx, at, precondition).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.meet("list_messages", Some(page.order)).await?;
        match &self.later_pages {
            Some(error) if page.position.is_some() => Err(error.clone()),
            _ => {
                let shown = self.below.list_messages(cx, at, page).await?;
                Ok(match &self.pages {
                    Some(pages) => pages(page, shown),
                    None => shown,
                })
            }
        }
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.meet("get_message", None).await?;
        self.below.get_message(cx, at, id).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.below.post_message(cx, at, new).await
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        self.meet("import_messages", None).await?;
        self.below.import_messages(cx, at, messages).await
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        let below = &self.below;
        below.update_message(cx, at, id, patch, precondition).await
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.below.delete_message(cx, at, id, precondition).await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.below.rate_message(cx, at, id, value).await
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        self.below.respond(cx, at, request).await
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        self.below.templates(cx).await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        self.below.tools(cx).await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        self.below.status(cx).await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        self.below.statistics(cx).await
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        self.below.list_participants(cx, at).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.below.add_participants(cx, at, new).await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        self.below.remove_participant(cx, at, participant).await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.below.send_activity(cx, at, activity).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.below.put_attachment(cx, at, new).await
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        let content = self.below.open_attachment(cx, at, id).await?;
        match &self.files {
            Some(files) => files(content),
            None => Ok(content),
        }
    }

    async fn health(&self, cx: &Context) -> Health {
        self.below.health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        self.meet("settle", None).await?;
        self.below.settle(cx, intent).await
    }
}
