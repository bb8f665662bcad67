//! A backend with somebody who answers: everything goes to the backend below, only `respond` is ours.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use backend::ports::{AnswerNotes, Responder, Turn};
use backend::{
    Applied, Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context,
    ConversationPage, ConversationQuery, Error, EventStream, Health, Intent, Level, Located,
    Location, NewAttachment, Outcome, Page, PageRequest, Precondition, Projection, RespondRequest,
    Result, ServiceStatus, SettleSupport, Settled, Template, Tool, Write,
};
use conversation::{
    Activity, Assistant, AttachmentId, Conversation, ConversationPatch, JsonMap, Message,
    MessageId, MessagePatch, NewConversation, NewMessage, Participant, Role, Time,
};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::answer::Answer;
use crate::{settling, turn};

/// How many events wait for a slow reader before the answer waits too.
const EVENTS_BUFFERED: usize = 64;

/// A backend whose `respond` is answered by a [`Responder`]: the input is posted, the answer is posted.
#[derive(Debug)]
pub struct Answering {
    inner: Arc<dyn Backend>,
    responder: Arc<dyn Responder>,
    needs_words: bool,
}

impl Answering {
    /// Gives `inner` the answers of `responder`. Whatever `inner` itself could answer is hidden.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>, responder: Arc<dyn Responder>) -> Self {
        Self {
            inner,
            responder,
            needs_words: false,
        }
    }

    /// Refuses a question without words before it is stored: for a responder that can do nothing with one.
    #[must_use]
    pub fn needing_words(mut self) -> Self {
        self.needs_words = true;
        self
    }

    /// Posts the input, unless an earlier run of the same intent did.
    async fn post_input(&self, cx: &Context, at: &Location, input: NewMessage) -> Result<Message> {
        let input_cx = settling::of_input(cx, cx.intent);
        if self.inner.capabilities().settle == SettleSupport::Certain {
            let now = Time::now();
            let earlier = Intent {
                id: input_cx.intent,
                location: Some(at.clone()),
                write: Write::PostMessage(input.clone()),
                started_at: began(input_cx.intent).unwrap_or(now),
                deadline_at: now,
            };
            if let Settled::Applied(Applied::Message(message)) =
                self.inner.settle(&input_cx, &earlier).await?
            {
                return Ok(*message);
            }
        }
        self.inner.post_message(&input_cx, at, input).await
    }

    /// Under `strict`, refuses metadata of the answer that the backend does not hold, before anything is said. What else
    /// the answer tells of itself was sent by nobody, and is kept as the backend allows.
    fn check_metadata(&self, cx: &Context, request: &RespondRequest) -> Result<()> {
        if request.metadata.is_empty() {
            return Ok(());
        }
        let answer = NewMessage {
            metadata: request.metadata.clone(),
            ..NewMessage::text(Role::Assistant, "words")
        };
        let mut foretold = self.inner.preview(&Write::PostMessage(answer));
        foretold
            .fates
            .retain(|fate| fate.pointer.starts_with("/metadata"));
        foretold.check(cx, &self.info().name)
    }
}

/// A failure of an answer whose input was stored before: something was done.
pub(crate) fn said(has_said: bool, error: Error) -> Error {
    if has_said && error.outcome == Outcome::NotApplied {
        return error.outcome(Outcome::Applied);
    }
    error
}

/// When an intent was made, which its id tells.
fn began(intent: Uuid) -> Option<Time> {
    let (seconds, nanoseconds) = intent.get_timestamp()?.to_unix();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Time::from_micros(micros.checked_add(i64::from(nanoseconds / 1_000))?).ok()
}

/// The answer's fields, all but its parts and status.
pub(crate) fn draft(responder: &str, assistant: &Assistant, metadata: JsonMap) -> NewMessage {
    NewMessage {
        provider: Some(responder.into()),
        model: assistant.model.clone(),
        metadata,
        ..NewMessage::of(Role::Assistant, Vec::new())
    }
}

/// `over`'s members where it has them, else `base`'s.
pub(crate) fn layered(base: Assistant, over: Assistant) -> Assistant {
    Assistant {
        provider: over.provider.or(base.provider),
        model: over.model.or(base.model),
        temperature: over.temperature.or(base.temperature),
        top_p: over.top_p.or(base.top_p),
        max_tokens: over.max_tokens.or(base.max_tokens),
        system_prompt: over.system_prompt.or(base.system_prompt),
        workflow: over.workflow.or(base.workflow),
        workflow_config: over.workflow_config.or(base.workflow_config),
        retrieval: over.retrieval.or(base.retrieval),
        profile_id: over.profile_id.or(base.profile_id),
    }
}

#[async_trait]
impl Backend for Answering {
    fn info(&self) -> &BackendInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            respond: Level::Full,
            respond_stream: Level::Full,
            ..self.inner.capabilities()
        }
    }

    fn preview(&self, write: &Write) -> Projection {
        match write {
            Write::Respond(request) => match &request.input {
                None => Projection::exact(write.clone()),
                Some(input) => {
                    let mut projection = self.inner.preview(&Write::PostMessage(input.clone()));
                    for fate in &mut projection.fates {
                        fate.pointer.insert_str(0, "/input");
                    }
                    if let Write::PostMessage(held) = projection.write {
                        projection.write = Write::Respond(RespondRequest {
                            input: Some(held),
                            ..request.clone()
                        });
                    }
                    projection
                }
            },
            _ => self.inner.preview(write),
        }
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let started = Instant::now();
        let conversation = self.inner.get_conversation(cx, at).await?;
        self.check_metadata(cx, &request)?;
        // Whatever can be refused, or cannot be read, is so before the input is stored.
        let earlier = turn::history(&*self.inner, cx, at).await?;
        match &request.input {
            Some(input) if self.needs_words => {
                turn::require_words(&earlier, input, &conversation.id, request.context)?;
            }
            Some(_) => {}
            None => turn::require_unanswered(&earlier)?,
        }
        let input = match request.input {
            Some(input) => Some(self.post_input(cx, at, input).await?),
            None => None,
        };
        let has_said = input.is_some();
        // From here on the input is stored, and delivered where the backend delivers: nobody may send it again.
        let failed = |error| said(has_said, error);
        let messages = turn::followed_by(earlier, input.as_ref());
        let messages = turn::told(messages, request.context);
        let assistant = layered(
            conversation.assistant.unwrap_or_default(),
            request.assistant.unwrap_or_default(),
        );
        let draft = draft(self.responder.name(), &assistant, request.metadata);
        let notes = AnswerNotes::default();
        let turn = Turn {
            messages,
            assistant,
            template: request.template,
            notes: notes.clone(),
        };
        let pieces = self.responder.answer(cx, turn).await.map_err(failed)?;

        let (events, received) = mpsc::channel(EVENTS_BUFFERED);
        let answer = Answer {
            inner: self.inner.clone(),
            cx: cx.clone(),
            at: at.clone(),
            draft,
            notes,
            has_said,
            input: input.map(Box::new),
            started,
            events,
        };
        // A task of its own, so that what arrived is stored even when the reader leaves.
        tokio::spawn(answer.run(pieces));
        Ok(stream::unfold(received, |mut received| async move {
            received.recv().await.map(|event| (event, received))
        })
        .boxed())
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        match &intent.write {
            Write::Respond(request) => {
                settling::settle(&*self.inner, self.responder.name(), cx, intent, request).await
            }
            _ => self.inner.settle(cx, intent).await,
        }
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.inner.create_conversation(cx, new).await
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
        self.inner.list_conversations(cx, query).await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.inner
            .update_conversation(cx, at, patch, precondition)
            .await
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
        self.inner
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
}
