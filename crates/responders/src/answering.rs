//! A backend with somebody who answers: everything goes to the backend below, only `respond` is ours.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use backend::ports::{Responder, Turn};
use backend::{
    Applied, Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context,
    ConversationPage, ConversationQuery, Error, Event, EventStream, Fate, Health, Intent, Kind,
    Level, Located, Location, NewAttachment, Page, PageRequest, Precondition, Projection,
    RespondRequest, Result, ServiceStatus, SettleSupport, Settled, Template, Tool, Write,
};
use conversation::{
    Activity, Assistant, AttachmentId, Conversation, ConversationPatch, Message, MessageId,
    MessagePatch, MessageStatus, NewConversation, NewMessage, Part, Participant, Role, Time,
};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::turn;

/// How many events wait for a slow reader before the answer waits too.
const EVENTS_BUFFERED: usize = 64;

/// A backend whose `respond` is answered by a [`Responder`]: the input is posted, the answer is posted.
#[derive(Debug)]
pub struct Answering {
    inner: Arc<dyn Backend>,
    responder: Arc<dyn Responder>,
}

impl Answering {
    /// Gives `inner` the answers of `responder`. Whatever `inner` itself could answer is hidden.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>, responder: Arc<dyn Responder>) -> Self {
        Self { inner, responder }
    }

    /// Posts the input, unless an earlier run of the same intent did.
    async fn post_input(&self, cx: &Context, at: &Location, input: NewMessage) -> Result<Message> {
        // The answer carries the intent itself; the input needs one of its own, the same in every run.
        let input_cx = Context {
            intent: Uuid::from_u128(cx.intent.as_u128() ^ 1),
            ..cx.clone()
        };
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
                self.inner.settle(cx, &earlier).await?
            {
                return Ok(*message);
            }
        }
        self.inner.post_message(&input_cx, at, input).await
    }
}

/// An answer in the making.
struct Answer {
    inner: Arc<dyn Backend>,
    cx: Context,
    at: Location,
    /// The answer's fields, all but its parts and status.
    draft: NewMessage,
    input: Option<Box<Message>>,
    started: Instant,
    events: mpsc::Sender<Event>,
}

impl Answer {
    /// Reads the pieces, tells them, and stores what arrived, also when the reader has gone.
    async fn run(mut self, mut pieces: BoxStream<'static, Result<String>>) {
        let mut text = String::new();
        let mut failure: Option<Error> = None;
        let input = self.input.take();
        let mut heard = self.tell(Event::MessageStarted { id: None, input }).await
            && self
                .tell(Event::PartStarted {
                    index: 0,
                    kind: "text",
                })
                .await;
        let mut whole = false;
        while heard {
            let next = tokio::select! {
                next = tokio::time::timeout_at(self.cx.deadline.into(), pieces.next()) => next,
                () = self.events.closed() => break,
            };
            match next {
                Ok(Some(Ok(piece))) => {
                    text.push_str(&piece);
                    heard = self
                        .tell(Event::PartDelta {
                            index: 0,
                            text: piece,
                        })
                        .await;
                }
                Ok(Some(Err(error))) => {
                    failure = Some(error);
                    break;
                }
                Ok(None) => {
                    whole = true;
                    break;
                }
                Err(_) => {
                    failure = Some(Error::new(
                        Kind::Timeout,
                        "the answer was not complete at the deadline",
                    ));
                    break;
                }
            }
        }
        drop(pieces);
        self.store(text, whole, failure).await;
    }

    async fn store(self, text: String, whole: bool, failure: Option<Error>) {
        if text.is_empty() && !whole {
            // Not a word came: there is nothing to keep. Without a failure the reader has left.
            if let Some(error) = failure {
                self.tell(Event::MessageFailed {
                    message: None,
                    error,
                })
                .await;
            }
            return;
        }
        let mut answer = self.draft.clone();
        answer.parts = vec![Part::text(text)];
        answer.status = Some(if whole {
            MessageStatus::Sent
        } else {
            MessageStatus::Incomplete
        });
        let reason = match &failure {
            Some(error) => error.kind.as_str(),
            None if whole => "stop",
            None => "cancelled",
        };
        answer.finish_reason = Some(reason.into());
        answer.latency_ms = u64::try_from(self.started.elapsed().as_millis()).ok();
        let part = answer.parts[0].clone();
        // The words are made; storing them gets a deadline of its own.
        let store_cx = Context {
            deadline: self.cx.deadline.max(Instant::now() + STORE_ANSWER),
            ..self.cx.clone()
        };
        let answer = self.fitting(answer);
        match self.inner.post_message(&store_cx, &self.at, answer).await {
            Ok(message) => {
                self.tell(Event::PartCompleted { index: 0, part }).await;
                let message = Box::new(message);
                let last = if whole {
                    Event::MessageCompleted(message)
                } else {
                    Event::MessageIncomplete(message)
                };
                self.tell(last).await;
            }
            Err(error) => {
                self.tell(Event::MessageFailed {
                    message: None,
                    error,
                })
                .await;
            }
        }
    }

    /// The answer without what it tells about itself where the backend has no place for that: nobody sent it, and the
    /// words must not be lost over it.
    fn fitting(&self, mut answer: NewMessage) -> NewMessage {
        let preview = self.inner.preview(&Write::PostMessage(answer.clone()));
        for fate in preview.fates {
            match (fate.fate, fate.pointer.as_str()) {
                (Fate::Rejected, "/provider") => answer.provider = None,
                (Fate::Rejected, "/model") => answer.model = None,
                (Fate::Rejected, "/finish_reason") => answer.finish_reason = None,
                (Fate::Rejected, "/latency_ms") => answer.latency_ms = None,
                (Fate::Rejected, "/status") => answer.status = None,
                _ => {}
            }
        }
        answer
    }

    /// False where nobody listens any more.
    async fn tell(&self, event: Event) -> bool {
        self.events.send(event).await.is_ok()
    }
}

/// How long the storing of a finished answer may take when the request's own deadline has passed.
const STORE_ANSWER: std::time::Duration = std::time::Duration::from_secs(10);

/// When an intent was made, which its id tells.
fn began(intent: Uuid) -> Option<Time> {
    let (seconds, nanoseconds) = intent.get_timestamp()?.to_unix();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Time::from_micros(micros.checked_add(i64::from(nanoseconds / 1_000))?).ok()
}

/// `over`'s members where it has them, else `base`'s.
fn layered(base: Assistant, over: Assistant) -> Assistant {
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
        let input = match request.input {
            Some(input) => Some(self.post_input(cx, at, input).await?),
            None => None,
        };
        let messages = turn::history(&*self.inner, cx, at).await?;
        if input.is_none() {
            turn::require_unanswered(&messages)?;
        }
        let assistant = layered(
            conversation.assistant.unwrap_or_default(),
            request.assistant.unwrap_or_default(),
        );
        let mut draft = NewMessage::of(Role::Assistant, Vec::new());
        draft.provider = Some(self.responder.name().into());
        draft.model.clone_from(&assistant.model);
        draft.metadata = request.metadata;
        let turn = Turn {
            messages,
            assistant,
            template: request.template,
        };
        let pieces = self.responder.answer(cx, turn).await?;

        let (events, received) = mpsc::channel(EVENTS_BUFFERED);
        let answer = Answer {
            inner: self.inner.clone(),
            cx: cx.clone(),
            at: at.clone(),
            draft,
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
        if !matches!(intent.write, Write::Respond(_)) {
            return self.inner.settle(cx, intent).await;
        }
        // The answer was posted under the intent's own id.
        let answer = Intent {
            write: Write::PostMessage(NewMessage::of(Role::Assistant, Vec::new())),
            ..intent.clone()
        };
        if self.inner.capabilities().settle == SettleSupport::Certain {
            return self.inner.settle(cx, &answer).await;
        }
        Ok(Settled::Unknown)
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
