//! A backend around another, which notes what a test tells it to, as an overlay does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Error, Event, EventStream, FieldFate, Health, Intent, Located, Location,
    NewAttachment, Page, PageRequest, Precondition, Projection, RespondRequest, Result,
    ServiceStatus, Settled, Template, Tool, Write,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

/// What is noted, and what is answered instead of the backend below.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// For each conversation that is read or written.
    pub(crate) conversation: Vec<FieldFate>,
    /// For each message that is read or written.
    pub(crate) message: Vec<FieldFate>,
    /// For the answer, once it is complete.
    pub(crate) answer: Vec<FieldFate>,
    /// What a lost write is found to be.
    pub(crate) settled: Option<Settled>,
    /// Why asking for a lost write fails.
    pub(crate) settle_error: Option<Error>,
    /// What is answered to the next message that is posted, after it was stored.
    pub(crate) lost: Option<Error>,
    /// How long after the deadline the last event of an answer comes.
    pub(crate) late_by: Option<Duration>,
    /// The lost writes that were asked for.
    pub(crate) intents: Vec<Intent>,
    /// The answers that were asked for.
    pub(crate) requests: Vec<RespondRequest>,
}

/// The backend.
#[derive(Debug)]
pub(crate) struct Fake {
    below: Arc<dyn Backend>,
    plan: Arc<Mutex<Plan>>,
}

impl Fake {
    pub(crate) fn around(below: Arc<dyn Backend>, plan: &Arc<Mutex<Plan>>) -> Arc<dyn Backend> {
        Arc::new(Fake {
            below,
            plan: Arc::clone(plan),
        })
    }

    fn conversation(&self, cx: &Context, id: impl ToString) {
        let fates = self.plan.lock().unwrap().conversation.clone();
        cx.trace.note_fates(&id.to_string(), fates);
    }

    fn message(&self, cx: &Context, id: &MessageId) {
        let fates = self.plan.lock().unwrap().message.clone();
        cx.trace.note_fates(id.as_str(), fates);
    }

    /// A write refuses what it would note, where the policy does.
    fn check(&self, cx: &Context, fates: impl FnOnce(&Plan) -> Vec<FieldFate>) -> Result<()> {
        let fates = fates(&self.plan.lock().unwrap());
        Projection::of(Write::DeleteConversation, fates).check(cx, "narrow")
    }
}

#[async_trait]
impl Backend for Fake {
    fn info(&self) -> &BackendInfo {
        self.below.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.below.capabilities()
    }

    fn preview(&self, write: &Write) -> Projection {
        self.below.preview(write)
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.check(cx, |plan| plan.conversation.clone())?;
        let located = self.below.create_conversation(cx, new).await?;
        self.conversation(cx, located.conversation.id);
        Ok(located)
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.conversation(cx, at.id);
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
        let page = self.below.list_conversations(cx, query).await?;
        for located in &page.page.items {
            self.conversation(cx, located.conversation.id);
        }
        // One that was read and is not shown.
        self.conversation(cx, "conv_elsewhere");
        Ok(page)
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.conversation(cx, at.id);
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
        self.conversation(cx, at.id);
        self.below.delete_conversation(cx, at, precondition).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let page = self.below.list_messages(cx, at, page).await?;
        for message in &page.items {
            self.message(cx, &message.id);
        }
        Ok(page)
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.message(cx, id);
        self.below.get_message(cx, at, id).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.check(cx, |plan| plan.message.clone())?;
        let message = self.below.post_message(cx, at, new).await?;
        self.message(cx, &message.id);
        // The conversation is read again afterwards, which is nothing of this answer.
        self.conversation(cx, at.id);
        match self.plan.lock().unwrap().lost.take() {
            Some(error) => Err(error),
            None => Ok(message),
        }
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        let results = self.below.import_messages(cx, at, messages).await?;
        for message in results.iter().flatten() {
            self.message(cx, &message.id);
        }
        Ok(results)
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        self.message(cx, id);
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
        self.message(cx, id);
        self.conversation(cx, at.id);
        self.below.delete_message(cx, at, id, precondition).await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.message(cx, id);
        self.below.rate_message(cx, at, id, value).await
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let input = {
            let mut plan = self.plan.lock().unwrap();
            plan.requests.push(request.clone());
            plan.message.clone()
        };
        cx.trace.note_fates("input", input);
        let events = self.below.respond(cx, at, request).await?;
        let (answer, late_by) = {
            let plan = self.plan.lock().unwrap();
            (plan.answer.clone(), plan.late_by)
        };
        let last_at = late_by.map(|late_by| (cx.deadline + late_by).into());
        let trace = cx.trace.clone();
        Ok(events
            .then(move |event| async move {
                if let (true, Some(last_at)) = (event.is_last(), last_at) {
                    tokio::time::sleep_until(last_at).await;
                }
                event
            })
            .inspect(move |event| {
                if let Event::MessageCompleted(message) = event {
                    trace.note_fates(message.id.as_str(), answer.clone());
                }
            })
            .boxed())
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
        self.conversation(cx, at.id);
        self.below.list_participants(cx, at).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.conversation(cx, at.id);
        self.below.add_participants(cx, at, new).await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        self.conversation(cx, at.id);
        self.below.remove_participant(cx, at, participant).await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.conversation(cx, at.id);
        self.below.send_activity(cx, at, activity).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        if let Some(message) = &new.message_id {
            self.message(cx, message);
        }
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

    async fn health(&self, cx: &Context) -> Health {
        self.below.health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        let planned = {
            let mut plan = self.plan.lock().unwrap();
            plan.intents.push(intent.clone());
            if let Some(error) = &plan.settle_error {
                return Err(error.clone());
            }
            plan.settled.clone()
        };
        match planned {
            Some(settled) => {
                if let Settled::Applied(backend::Applied::Message(message)) = &settled {
                    self.message(cx, &message.id);
                }
                Ok(settled)
            }
            None => self.below.settle(cx, intent).await,
        }
    }
}
