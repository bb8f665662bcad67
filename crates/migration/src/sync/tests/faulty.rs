//! A vendor that fails where it is told to: the embedded store, or one that finds lost writes by their looks only.

use std::sync::Arc;

use async_trait::async_trait;
use backend::{
    Applied, Attachment, AttachmentContent, Backend, BackendExt as _, BackendInfo, Capabilities,
    Context, ConversationPage, ConversationQuery, Error, EventStream, Health, Intent, Kind,
    Located, Location, NewAttachment, Page, PageRequest, Precondition, Projection, RespondRequest,
    Result, ServiceStatus, SettleSupport, Settled, Template, Tool, Write,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant, text_of,
};
use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;

use super::plan::Plan;

/// How far its clock may be from ours, in microseconds, where it finds a lost create.
const CLOCK_SKEW: i64 = 300_000_000;
/// A text that this vendor does not hold.
pub(super) const UNHELD: &str = "what no vendor holds";

/// A backend whose calls fail by a plan.
#[derive(Debug, Clone)]
pub(super) struct Faulty {
    pub(super) below: Arc<dyn Backend>,
    pub(super) plan: Arc<Plan>,
    /// True where it takes one message at a time and finds lost writes by comparing.
    pub(super) looks: bool,
}

impl Faulty {
    async fn by_looks(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        match (&intent.write, &intent.location) {
            (Write::CreateConversation(new), _) => {
                let all = self
                    .below
                    .all_conversations(cx, ConversationQuery::all(100));
                let mut found: Vec<Located> = all
                    .try_filter(|located| {
                        let conversation = &located.conversation;
                        let is_empty = conversation
                            .counts
                            .as_ref()
                            .is_some_and(|counts| counts.messages == Some(0));
                        let fits = is_empty
                            && conversation.title == new.title
                            && conversation.created_at
                                >= intent.started_at.saturating_add_micros(-CLOCK_SKEW);
                        std::future::ready(fits)
                    })
                    .try_collect()
                    .await?;
                Ok(match found.len() {
                    0 => Settled::NotApplied,
                    1 => {
                        let mut located = found.remove(0);
                        located.location.id = cx.public_id.unwrap_or(located.location.id);
                        Settled::Applied(Applied::Conversation(Box::new(located)))
                    }
                    _ => Settled::Unknown,
                })
            }
            (Write::ImportMessages(sent), Some(at)) => {
                let [new] = sent.as_slice() else {
                    return Ok(Settled::Unknown);
                };
                let all = self.below.all_messages(cx, at, PageRequest::first(100));
                let mut found: Vec<Message> = all
                    .try_filter(|message| {
                        let fits = message.role == new.role
                            && Some(message.sent_at) == new.sent_at
                            && text_of(&message.parts) == text_of(&new.parts);
                        std::future::ready(fits)
                    })
                    .try_collect()
                    .await?;
                Ok(match found.len() {
                    0 => Settled::NotApplied,
                    1 => Settled::Applied(Applied::Messages(vec![found.remove(0)])),
                    _ => Settled::Unknown,
                })
            }
            _ => self.below.settle(cx, intent).await,
        }
    }
}

/// A call of the one below that owns what it takes.
macro_rules! call {
    ($self:ident, $intent:expr, |$below:ident| $call:expr) => {{
        let $below = $self.below.clone();
        $self
            .plan
            .call($intent, Box::pin(async move { $call }))
            .await
    }};
}

#[async_trait]
impl Backend for Faulty {
    fn info(&self) -> &BackendInfo {
        self.below.info()
    }

    fn capabilities(&self) -> Capabilities {
        let can = self.below.capabilities();
        if !self.looks {
            return can;
        }
        Capabilities {
            settle: SettleSupport::Likely,
            import_is_atomic: false,
            transactional: false,
            ..can
        }
    }

    fn preview(&self, write: &Write) -> Projection {
        self.below.preview(write)
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let cx = cx.clone();
        // A vendor says itself when it made one.
        let new = NewConversation {
            created_at: new.created_at.filter(|_| !self.looks),
            ..new
        };
        call!(self, Some(cx.intent), |below| below
            .create_conversation(&cx, new)
            .await)
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let (cx, at) = (cx.clone(), at.clone());
        call!(self, None, |below| below.get_conversation(&cx, &at).await)
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
        let (cx, query) = (cx.clone(), query.clone());
        call!(self, None, |below| below
            .list_conversations(&cx, &query)
            .await)
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let (cx, at, precondition) = (cx.clone(), at.clone(), precondition.cloned());
        call!(self, Some(cx.intent), |below| below
            .update_conversation(&cx, &at, patch, precondition.as_ref())
            .await)
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
        let (cx, at, page) = (cx.clone(), at.clone(), page.clone());
        call!(self, None, |below| below
            .list_messages(&cx, &at, &page)
            .await)
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        let (cx, at, id) = (cx.clone(), at.clone(), id.clone());
        call!(self, None, |below| below.get_message(&cx, &at, &id).await)
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
        let (cx, at) = (cx.clone(), at.clone());
        let is_unheld = |new: &NewMessage| text_of(&new.parts) == UNHELD;
        let refused: Vec<bool> = messages.iter().map(is_unheld).collect();
        let mut held: Vec<NewMessage> =
            messages.into_iter().filter(|new| !is_unheld(new)).collect();
        if self.plan.loses_this_import() {
            held.iter_mut().for_each(|new| new.metadata.clear());
            drop(self.below.import_messages(&cx, &at, held).await);
            return Err(Error::new(Kind::Timeout, "the answer was lost"));
        }
        let stored: Vec<Result<Message>> = call!(self, Some(cx.intent), |below| below
            .import_messages(&cx, &at, held)
            .await)?;
        let mut stored = stored.into_iter();
        let told = refused.into_iter().map(|refused| {
            if refused {
                return Err(Error::new(Kind::NotHeld, "not this"));
            }
            let too_few = || Err(Error::new(Kind::Internal, "too few"));
            stored.next().unwrap_or_else(too_few)
        });
        Ok(told.collect())
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
        let (cx, at, id) = (cx.clone(), at.clone(), id.clone());
        let precondition = precondition.cloned();
        call!(self, Some(cx.intent), |below| below
            .delete_message(&cx, &at, &id, precondition.as_ref())
            .await)
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

    async fn remove_participant(&self, cx: &Context, at: &Location, who: &str) -> Result<()> {
        self.below.remove_participant(cx, at, who).await
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
        let (cx, at) = (cx.clone(), at.clone());
        call!(self, Some(cx.intent), |below| below
            .put_attachment(&cx, &at, new)
            .await)
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        let (cx, at, id) = (cx.clone(), at.clone(), id.clone());
        call!(self, None, |below| below
            .open_attachment(&cx, &at, &id)
            .await)
    }

    async fn health(&self, cx: &Context) -> Health {
        self.below.health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        if self.plan.is_late(intent.id) {
            return Ok(Settled::Unknown);
        }
        let (this, cx, intent) = (self.clone(), cx.clone(), intent.clone());
        let settle = async move {
            if this.looks {
                this.by_looks(&cx, &intent).await
            } else {
                this.below.settle(&cx, &intent).await
            }
        };
        self.plan.call(None, Box::pin(settle)).await
    }
}
