//! What a case works with: a backend, somebody who calls it, and the ways to fill a conversation.

use std::sync::Arc;
use std::time::Duration;

use backend::{
    Backend, BackendExt, Capabilities, Context, Event, Fate, Located, Location, PageRequest,
    Principal, RespondRequest, Result, Write,
};
use conversation::{Message, MessageId, NewConversation, NewMessage, Part, Role, Time, text_of};
use futures_util::{StreamExt, TryStreamExt};

use crate::Harness;
use crate::case::{Outcome, skip};
use crate::expect::Must;

/// How long a call of the suite may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The most messages that a case reads from a conversation: far more than any case writes.
const MESSAGES_MAX: usize = 10_000;
/// The most events that a case reads from an answer.
const EVENTS_MAX: usize = 100_000;
/// The page size of a case that does not care.
const PAGE: usize = 100;

/// What one case works with.
pub(crate) struct Bench {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) capabilities: Capabilities,
    /// A place where no conversation is.
    pub(crate) missing: Location,
    /// An id that no message has.
    pub(crate) missing_message: MessageId,
    principal: Arc<Principal>,
}

impl Bench {
    pub(crate) async fn new(harness: &dyn Harness) -> Self {
        let backend = harness.backend().await;
        let capabilities = backend.capabilities();
        Self {
            backend,
            capabilities,
            missing: harness.missing(),
            missing_message: harness.missing_message(),
            principal: Arc::new(harness.principal()),
        }
    }

    /// The context of one call: the same caller each time, a new intent each time.
    pub(crate) fn cx(&self) -> Context {
        Context::new(self.principal.clone(), "conformance", CALL_TIMEOUT)
    }

    /// Makes a conversation.
    pub(crate) async fn create(&self, new: NewConversation) -> Located {
        self.backend
            .create_conversation(&self.cx(), new)
            .await
            .must("creating a conversation")
    }

    /// Makes the minimal conversation and says where it is.
    pub(crate) async fn conversation(&self) -> Location {
        self.create(NewConversation::default()).await.location
    }

    /// Makes a conversation with at least `count` messages.
    pub(crate) async fn conversation_of(&self, count: usize) -> (Location, Vec<Message>) {
        let at = self.conversation().await;
        let messages = self.grow(&at, count).await;
        (at, messages)
    }

    /// The largest page size up to `wanted` that the backend gives.
    pub(crate) fn page_size(&self, wanted: usize) -> usize {
        let max = self
            .capabilities
            .limits
            .page_max
            .and_then(|max| usize::try_from(max).ok());
        wanted.min(max.unwrap_or(wanted)).max(1)
    }

    /// All messages, oldest first.
    pub(crate) async fn messages(&self, at: &Location) -> Vec<Message> {
        self.walk(at, PageRequest::first(self.page_size(PAGE)))
            .await
    }

    /// All messages from `first` on, page after page.
    pub(crate) async fn walk(&self, at: &Location, first: PageRequest) -> Vec<Message> {
        let cx = self.cx();
        let messages: Vec<Message> = self
            .backend
            .all_messages(&cx, at, first)
            .take(MESSAGES_MAX)
            .try_collect()
            .await
            .must("listing messages");
        assert!(
            messages.len() < MESSAGES_MAX,
            "the list of messages has an end"
        );
        messages
    }

    /// Says `count` things, each apart from the others, in any way that the backend has; gives all messages of the
    /// conversation, at least `count`, as the list shows them. A way that answers may make more than one at a time.
    pub(crate) async fn grow(&self, at: &Location, count: usize) -> Vec<Message> {
        let mut messages = self.messages(at).await;
        let wanted = messages.len() + count;
        for _ in 0..count {
            self.say_text(at, format!("message {}", messages.len()))
                .await
                .must("saying something");
            messages = self.messages(at).await;
            if messages.len() >= wanted {
                return messages;
            }
        }
        panic!(
            "{count} messages were said, and the list shows {} instead of {wanted}",
            messages.len()
        );
    }

    /// Says a plain text.
    pub(crate) async fn say_text(
        &self,
        at: &Location,
        text: impl Into<Box<str>>,
    ) -> Result<Message> {
        self.say(at, NewMessage::text(Role::User, text)).await
    }

    /// Says `new` in any way that the backend has: posted, else imported, else as the input of an answer.
    pub(crate) async fn say(&self, at: &Location, new: NewMessage) -> Result<Message> {
        if self.capabilities.message_post.works() {
            return self.backend.post_message(&self.cx(), at, new).await;
        }
        if self.capabilities.message_import.works() {
            let new = NewMessage {
                sent_at: Some(Time::now()),
                ..new
            };
            let mut results = self
                .backend
                .import_messages(&self.cx(), at, vec![new])
                .await?;
            return results
                .pop()
                .unwrap_or_else(|| panic!("an import of one message gave no result"));
        }
        let wanted = text_of(&new.parts);
        let request = RespondRequest {
            input: Some(new),
            ..RespondRequest::default()
        };
        let events = self.answer(at, request).await?;
        if let Some(Event::MessageStarted {
            input: Some(input), ..
        }) = events.first()
        {
            return Ok((**input).clone());
        }
        let listed = self.messages(at).await;
        let said = listed
            .into_iter()
            .rev()
            .find(|message| message.role == Role::User);
        Ok(said.unwrap_or_else(|| {
            panic!(
                "the input of an answer is not listed ({} characters)",
                wanted.chars().count()
            )
        }))
    }

    /// Skips where the backend would not hold these parts exactly, however it is told.
    pub(crate) fn must_hold(&self, parts: &[Part]) -> Outcome {
        let new = NewMessage::of(Role::User, parts.to_vec());
        let write = if self.capabilities.message_post.works() {
            Write::PostMessage(new)
        } else if self.capabilities.message_import.works() {
            Write::ImportMessage(new)
        } else {
            Write::Respond(RespondRequest {
                input: Some(new),
                ..RespondRequest::default()
            })
        };
        let projection = self.backend.preview(&write);
        match projection
            .fates
            .iter()
            .find(|fate| !matches!(fate.fate, Fate::Exact | Fate::Overlay))
        {
            Some(fate) => Err(skip(format!(
                "backend cannot hold `{}` exactly: {}",
                fate.pointer, fate.detail
            ))),
            None => Ok(()),
        }
    }

    /// Asks for an answer and reads it to its end.
    pub(crate) async fn answer(
        &self,
        at: &Location,
        request: RespondRequest,
    ) -> Result<Vec<Event>> {
        let stream = self.backend.respond(&self.cx(), at, request).await?;
        let events: Vec<Event> = stream.take(EVENTS_MAX).collect().await;
        assert!(events.len() < EVENTS_MAX, "an answer has an end");
        Ok(events)
    }

    /// Asks for an answer to `text` and gives the stored answer.
    pub(crate) async fn answered(&self, at: &Location, text: &str) -> Message {
        let events = self
            .answer(at, asking(text))
            .await
            .must("asking for an answer");
        completed(&events).clone()
    }
}

/// A request for an answer to a text of the user.
pub(crate) fn asking(text: &str) -> RespondRequest {
    RespondRequest {
        input: Some(NewMessage::text(Role::User, text)),
        ..RespondRequest::default()
    }
}

/// The message that a complete answer ended with.
#[track_caller]
pub(crate) fn completed(events: &[Event]) -> &Message {
    match events.last() {
        Some(Event::MessageCompleted(message)) => message,
        other => panic!("an answer should end complete, and ended with {other:?}"),
    }
}
