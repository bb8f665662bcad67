//! A backend under test: another one, of which every place is that of a copy, and which may take no imports.

use std::sync::Arc;

use async_trait::async_trait;
use backend::{
    Applied, Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context,
    ConversationPage, ConversationQuery, Error, EventStream, FieldFate, Health, Intent, Kind,
    Level, Located, Location, NewAttachment, Page, PageRequest, Precondition, Projection,
    RespondRequest, Result, ServiceStatus, Settled, Template, Tool, Write,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::stream::BoxStream;

#[derive(Debug)]
pub(crate) struct Below {
    pub(crate) inner: Arc<dyn Backend>,
    /// Every location is marked as that of a copy.
    pub(crate) marks: bool,
    /// It takes no history.
    pub(crate) refuses_imports: bool,
    /// Its writes are transactions, where those below are.
    pub(crate) is_transactional: bool,
}

impl Below {
    /// `inner`, whose conversations are all copies.
    pub(crate) fn marked(inner: Arc<dyn Backend>) -> Arc<dyn Backend> {
        Arc::new(Self {
            inner,
            marks: true,
            refuses_imports: false,
            is_transactional: true,
        })
    }

    /// `inner`, without imports.
    pub(crate) fn without_imports(inner: Arc<dyn Backend>) -> Arc<dyn Backend> {
        Arc::new(Self {
            inner,
            marks: false,
            refuses_imports: true,
            is_transactional: true,
        })
    }

    /// `inner`, as a vendor.
    pub(crate) fn vendor(inner: Arc<dyn Backend>) -> Arc<dyn Backend> {
        Arc::new(Self {
            inner,
            marks: false,
            refuses_imports: false,
            is_transactional: false,
        })
    }

    fn mark(&self, mut located: Located) -> Located {
        located.location.renamed |= self.marks;
        located
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Backend for Below {
    fn info(&self) -> &BackendInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        let mut can = self.inner.capabilities();
        if self.refuses_imports {
            can.message_import = Level::None;
        }
        can.transactional &= self.is_transactional;
        can
    }

    fn preview(&self, write: &Write) -> Projection {
        let mut projection = self.inner.preview(write);
        if self.refuses_imports && matches!(write, Write::ImportMessage(_)) {
            let fate = FieldFate::rejected("/parts", "takes no history");
            projection.fates.push(fate);
            projection.is_held = false;
        }
        projection
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let located = self.inner.create_conversation(cx, new).await?;
        Ok(self.mark(located))
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.inner.get_conversation(cx, at).await
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        self.inner.get_conversations(cx, at)
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        let mut found = self.inner.list_conversations(cx, query).await?;
        found.page = found.page.map(|located| self.mark(located));
        Ok(found)
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let inner = &self.inner;
        inner.update_conversation(cx, at, patch, precondition).await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.inner.delete_conversation(cx, at, precondition).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.inner.list_messages(cx, at, page).await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.inner.get_message(cx, at, id).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.inner.post_message(cx, at, new).await
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        if self.refuses_imports {
            return Err(Error::new(Kind::NotHeld, "takes no history"));
        }
        self.inner.import_messages(cx, at, messages).await
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        let inner = &self.inner;
        inner.update_message(cx, at, id, patch, precondition).await
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.inner.delete_message(cx, at, id, precondition).await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.inner.rate_message(cx, at, id, value).await
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        self.inner.respond(cx, at, request).await
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        self.inner.templates(cx).await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        self.inner.tools(cx).await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        self.inner.status(cx).await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        self.inner.statistics(cx).await
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        self.inner.list_participants(cx, at).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.inner.add_participants(cx, at, new).await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        self.inner.remove_participant(cx, at, participant).await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.inner.send_activity(cx, at, activity).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.inner.put_attachment(cx, at, new).await
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        self.inner.open_attachment(cx, at, id).await
    }

    async fn health(&self, cx: &Context) -> Health {
        self.inner.health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        Ok(match self.inner.settle(cx, intent).await? {
            Settled::Applied(Applied::Conversation(located)) => {
                Settled::Applied(Applied::Conversation(Box::new(self.mark(*located))))
            }
            settled => settled,
        })
    }
}
