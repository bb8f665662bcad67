//! A backend whose AI answers twice: the answer is stored two times, and the second one is told, as one generation of
//! Chatter does with every answer.

use std::sync::Arc;

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Event, EventStream, Health, Intent, Located, Location, NewAttachment, Page,
    PageRequest, Precondition, Projection, RespondRequest, Result, ServiceStatus, Settled,
    Template, Tool, Write,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::faults::{FaultKind, Faults};

/// A backend whose AI answers twice where the faults say so.
#[derive(Debug)]
pub(super) struct Twice {
    below: Arc<dyn Backend>,
    faults: Arc<Faults>,
}

impl Twice {
    pub(super) fn new(below: Arc<dyn Backend>, faults: Arc<Faults>) -> Self {
        Self { below, faults }
    }
}

/// The same answer once more, as the one that is told.
async fn once_more(
    below: Arc<dyn Backend>,
    cx: Context,
    at: Location,
    answer: Box<Message>,
) -> Event {
    let copy = NewMessage {
        model: answer.model.clone(),
        provider: answer.provider.clone(),
        finish_reason: answer.finish_reason.clone(),
        ..NewMessage::of(answer.role.clone(), answer.parts.clone())
    };
    match below.post_message(&cx, &at, copy).await {
        Ok(copy) => Event::MessageCompleted(Box::new(copy)),
        Err(error) => {
            tracing::warn!(%error, "an answer that was to be stored twice is there once");
            Event::MessageCompleted(answer)
        }
    }
}

#[async_trait]
impl Backend for Twice {
    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let events = self.below.respond(cx, at, request).await?;
        if !self.faults.happens(FaultKind::Doubled) {
            return Ok(events);
        }
        let (below, cx, at) = (Arc::clone(&self.below), cx.clone(), at.clone());
        Ok(Box::pin(events.then(move |event| {
            let (below, cx, at) = (Arc::clone(&below), cx.clone(), at.clone());
            async move {
                match event {
                    Event::MessageCompleted(answer) => once_more(below, cx, at, answer).await,
                    other => other,
                }
            }
        })))
    }

    fn info(&self) -> &BackendInfo {
        self.below.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.below.capabilities()
    }

    fn preview(&self, write: &Write) -> Projection {
        self.below.preview(write)
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        self.below.get_conversations(cx, at)
    }

    async fn health(&self, cx: &Context) -> Health {
        self.below.health(cx).await
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.below.create_conversation(cx, new).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.below.get_conversation(cx, at).await
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
        self.below
            .update_conversation(cx, at, patch, precondition)
            .await
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
        self.below.list_messages(cx, at, page).await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
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
        self.below
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
        self.below.open_attachment(cx, at, id).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        self.below.settle(cx, intent).await
    }
}
