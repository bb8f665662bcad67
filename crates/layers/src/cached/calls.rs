//! The cached backend's calls: which are remembered, and which forget.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Event, EventStream, Health, Intent, Located, Location, NewAttachment,
    Outcome, Page, PageRequest, Precondition, Projection, RespondRequest, Result, ServiceStatus,
    Settled, Template, Tool, Write,
};
use conversation::{
    Activity, ActivityKind, AttachmentId, Conversation, ConversationPatch, Message, MessageId,
    MessagePatch, NewConversation, NewMessage, Participant,
};
use futures_util::Stream;
use futures_util::stream::{BoxStream, StreamExt as _};

use super::shelves::{End, Kept as _, Question, Who, Writing};
use super::{Cached, is_gone};

impl Cached {
    /// Runs a write of a conversation, and forgets what is remembered of it.
    async fn writing<T>(
        &self,
        at: &Location,
        write: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let writing = self.shelves.write(&at.native);
        let result = write.await;
        ended(writing, &result);
        result
    }
}

fn ended<T>(writing: Writing, result: &Result<T>) {
    writing.end(match result {
        Ok(_) => End::Changed,
        Err(error) if is_gone(error) => End::Changed,
        Err(error) => match error.outcome {
            Outcome::Applied => End::Changed,
            Outcome::Unknown => End::Doubtful,
            Outcome::NotApplied => End::Nothing,
        },
    });
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Backend for Cached {
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
        let made = self.below.create_conversation(cx, new).await?;
        // A vendor that gives an id again: nothing of the earlier one is told.
        self.shelves.forget(&made.location.native);
        Ok(made)
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let asked = self.below.get_conversation(cx, at);
        self.answered(cx, at, Question::Conversation, asked).await
    }

    /// Each is remembered. What could not be read is told as such: who asks for many has a copy of each.
    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        if !self.is_used() {
            return self.below.get_conversations(cx, at);
        }
        let tickets: Vec<_> = at
            .iter()
            .map(|location| self.shelves.ticket(&location.native))
            .collect();
        let read = self.below.get_conversations(cx, at);
        read.map(move |(place, read)| {
            let Some((location, ticket)) = at.get(place).zip(tickets.get(place)) else {
                return (place, read);
            };
            match &read {
                Ok(conversation) => self.shelves.put(
                    &location.native,
                    *ticket,
                    Who::new(cx, location),
                    Question::Conversation,
                    conversation.to_answer(),
                ),
                Err(error) if is_gone(error) => self.shelves.forget(&location.native),
                Err(_) => {}
            }
            (place, read)
        })
        .boxed()
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
        let update = self.below.update_conversation(cx, at, patch, precondition);
        self.writing(at, update).await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let delete = self.below.delete_conversation(cx, at, precondition);
        self.writing(at, delete).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let asked = self.below.list_messages(cx, at, page);
        self.answered(cx, at, Question::Messages(page.clone()), asked)
            .await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        let asked = self.below.get_message(cx, at, id);
        self.answered(cx, at, Question::Message(id.clone()), asked)
            .await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.writing(at, self.below.post_message(cx, at, new)).await
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        let import = self.below.import_messages(cx, at, messages);
        self.writing(at, import).await
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        let update = self.below.update_message(cx, at, id, patch, precondition);
        self.writing(at, update).await
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let delete = self.below.delete_message(cx, at, id, precondition);
        self.writing(at, delete).await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.writing(at, self.below.rate_message(cx, at, id, value))
            .await
    }

    /// An answer is a write until its last event.
    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let writing = self.shelves.write(&at.native);
        let answer = self.below.respond(cx, at, request).await;
        match answer {
            Ok(events) => Ok(Box::pin(Answering {
                events,
                writing: Some(writing),
            })),
            refused => {
                ended(writing, &refused);
                refused
            }
        }
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
        let asked = self.below.list_participants(cx, at);
        self.answered(cx, at, Question::Participants, asked).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.writing(at, self.below.add_participants(cx, at, new))
            .await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        let remove = self.below.remove_participant(cx, at, participant);
        self.writing(at, remove).await
    }

    /// Typing changes nothing that is remembered; reading does.
    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        let is_typing = matches!(
            activity.activity,
            ActivityKind::TypingStart | ActivityKind::TypingStop
        );
        let send = self.below.send_activity(cx, at, activity);
        if is_typing {
            return send.await;
        }
        self.writing(at, send).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.writing(at, self.below.put_attachment(cx, at, new))
            .await
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

    /// A write whose answer was lost may have been done after its conversation was last read.
    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        let writing = intent
            .location
            .as_ref()
            .map(|at| self.shelves.write(&at.native));
        let settled = self.below.settle(cx, intent).await;
        if let Some(writing) = writing {
            writing.end(match &settled {
                Ok(Settled::Applied(_)) => End::Changed,
                Ok(Settled::NotApplied | Settled::Unknown) | Err(_) => End::Nothing,
            });
        }
        settled
    }
}

/// The events of an answer, which is a write until the last of them.
struct Answering {
    events: EventStream,
    writing: Option<Writing>,
}

impl Stream for Answering {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Event>> {
        let polled = self.events.as_mut().poll_next(cx);
        if let Poll::Ready(event) = &polled
            && event.as_ref().is_none_or(Event::is_last)
            && let Some(writing) = self.writing.take()
        {
            writing.end(End::Changed);
        }
        polled
    }
}
