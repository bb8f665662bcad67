//! What became of a write whose answer was lost: the id of the write stands in the metadata of what it made.

use std::collections::{HashSet, VecDeque};

use adapterkit::{paired, settle_by_reading};
use backend::{Applied, Context, Error, Intent, Kind, Location, Result, Settled, Write};
use conversation::{
    ConversationPatch, Message, NewConversation, NewMessage, Part, TextFormat, text_of,
};

use super::Sunshine;
use super::folding::fold;
use super::vendor_page::{Step, is_gone, received};
use crate::client::Caller;
use crate::limits::PAGE_MAX;
use crate::mapping::{INTENT_KEY, intent_of, own_member};
use crate::wire;

const OPERATION: &str = "settle";
/// The most pages of conversations that are looked through.
const CONVERSATION_PAGES_MAX: usize = 20;
/// The most pages of messages that are looked through.
const MESSAGE_PAGES_MAX: usize = 20;

impl Sunshine {
    pub(super) async fn find_out(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        match (&intent.write, &intent.location) {
            (Write::CreateConversation(new), _) => self.settle_create(cx, intent, new).await,
            (Write::UpdateConversation(patch), Some(at)) => {
                self.settle_update(cx, intent, at, patch).await
            }
            (Write::PostMessage(_), Some(at)) => self.settle_message(cx, intent, at, None).await,
            (Write::ImportMessage(new), Some(at)) => {
                self.settle_message(cx, intent, at, Some(new)).await
            }
            (Write::ImportMessages(new), Some(at)) => {
                self.settle_imports(cx, intent, at, new).await
            }
            // Refused before anything is sent.
            (
                Write::Respond(_)
                | Write::UpdateMessage { .. }
                | Write::RateMessage { .. }
                | Write::PutAttachment {
                    message_id: Some(_),
                    ..
                },
                _,
            ) => Ok(Settled::NotApplied),
            (Write::DeleteConversation, Some(at)) => self.settle_delete(cx, intent, at).await,
            (
                Write::DeleteConversation
                | Write::DeleteMessage { .. }
                | Write::AddParticipants(_)
                | Write::RemoveParticipant { .. }
                | Write::PutAttachment { .. },
                _,
            ) => settle_by_reading(self, cx, intent, &self.0.window).await,
            (_, None) => Err(
                Error::new(Kind::Internal, "an intent names no conversation")
                    .at(self.name(), OPERATION),
            ),
        }
    }

    /// The user's conversation that carries the write's id.
    async fn settle_create(
        &self,
        cx: &Context,
        intent: &Intent,
        new: &NewConversation,
    ) -> Result<Settled> {
        let projection = backend::Backend::preview(self, &Write::CreateConversation(new.clone()));
        let Write::CreateConversation(new) = projection.write else {
            return Ok(Settled::Unknown);
        };
        // The same intent as then: users without an id have one that is made of it.
        let cx = Context {
            intent: intent.id,
            ..cx.clone()
        };
        let Ok(party) = self.party(&cx, &new, OPERATION) else {
            return Ok(Settled::NotApplied);
        };
        let Some((user, _)) = party.users.first() else {
            return Ok(Settled::Unknown);
        };
        let caller = self.caller(&cx);
        let wanted = intent.id.to_string();
        let mut after = None;
        let mut has_gaps = false;
        for _ in 0..CONVERSATION_PAGES_MAX {
            let page = self
                .conversations_of(caller, user, after, PAGE_MAX, OPERATION)
                .await?;
            let found = page
                .conversations
                .iter()
                .find(|found| own_member(&found.metadata, INTENT_KEY).as_deref() == Some(&*wanted));
            if let Some(found) = found {
                let located = self.located(found, OPERATION)?;
                return Ok(Settled::Applied(Applied::Conversation(Box::new(located))));
            }
            has_gaps |= page.has_gaps;
            match page.next {
                Some(next) => after = Some(next),
                // What could not be read may be it.
                None if has_gaps => return Ok(Settled::Unknown),
                None => return Ok(self.0.window.nothing_found(intent)),
            }
        }
        Ok(Settled::Unknown)
    }

    /// An update is done where the conversation is what it was to become: doing it again would change nothing.
    async fn settle_update(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        patch: &ConversationPatch,
    ) -> Result<Settled> {
        let caller = self.caller(cx);
        let wire = match self.read(caller, at, OPERATION).await {
            Ok(wire) => wire,
            Err(error) if error.kind == Kind::NotFound => return Ok(Settled::NotApplied),
            Err(error) => return Err(error),
        };
        let conversation = self.canonical(&wire, at, OPERATION)?;
        let projection = backend::Backend::preview(self, &Write::UpdateConversation(patch.clone()));
        let Write::UpdateConversation(projected) = projection.write else {
            return Ok(Settled::Unknown);
        };
        let mut wanted = conversation.clone();
        projected.apply(&mut wanted).map_err(|error| {
            Error::new(Kind::Internal, "a patch could not be applied").source(error)
        })?;
        if wanted != conversation {
            return Ok(self.0.window.nothing_found(intent));
        }
        let mut located = self.located(&wire, OPERATION)?;
        located.location = at.clone();
        located.conversation = conversation;
        Ok(Settled::Applied(Applied::Conversation(Box::new(located))))
    }

    /// The message that carries the write's id, among those since the write began. All messages of one import carry
    /// the same; role, time and words tell which one this is. Where others of the import are there, it has begun, so
    /// that one is missing is no proof that nothing was done.
    async fn settle_message(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        imported: Option<&NewMessage>,
    ) -> Result<Settled> {
        let caller = self.caller(cx);
        let Some(carriers) = self.carriers(caller, intent, at).await? else {
            return Ok(Settled::NotApplied);
        };
        let messages = self
            .canonical_messages(cx, caller, at, &carriers.messages, OPERATION)
            .await?;
        let mut found: Vec<&Message> = messages.iter().collect();
        if let Some(imported) = imported {
            let projection =
                backend::Backend::preview(self, &Write::ImportMessage(imported.clone()));
            if let Write::ImportMessage(new) = projection.write {
                found.retain(|message| can_be(message, &new));
            }
        }
        Ok(match found.as_slice() {
            [message] => applied(message),
            // The text that led a content is the same write; the content is its result.
            [.., message] if imported.is_none() => applied(message),
            [] if carriers.messages.is_empty() && carriers.is_complete => {
                self.0.window.nothing_found(intent)
            }
            _ => Settled::Unknown,
        })
    }

    /// All messages of an import, each found by itself: equal ones are as many as were sent.
    async fn settle_imports(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        imported: &[NewMessage],
    ) -> Result<Settled> {
        let caller = self.caller(cx);
        let Some(carriers) = self.carriers(caller, intent, at).await? else {
            return Ok(Settled::NotApplied);
        };
        if carriers.messages.is_empty() {
            return Ok(if carriers.is_complete {
                self.0.window.nothing_found(intent)
            } else {
                Settled::Unknown
            });
        }
        let messages = self
            .canonical_messages(cx, caller, at, &carriers.messages, OPERATION)
            .await?;
        let mut wanted = Vec::with_capacity(imported.len());
        for new in imported {
            let write = Write::ImportMessage(new.clone());
            if let Write::ImportMessage(new) = backend::Backend::preview(self, &write).write {
                wanted.push(new);
            }
        }
        let found = paired(&wanted, messages, |new, message| can_be(message, new));
        Ok(found.map_or(Settled::Unknown, |found| {
            Settled::Applied(Applied::Messages(found))
        }))
    }

    /// The messages that carry the write's id, oldest first; `None` where there is no such conversation.
    async fn carriers(
        &self,
        caller: Caller,
        intent: &Intent,
        at: &Location,
    ) -> Result<Option<Carriers>> {
        let (first, _) = self.0.window.bounds(intent);
        let wanted = intent.id.to_string();
        let mut messages: VecDeque<wire::Message> = VecDeque::new();
        let mut has_gaps = false;
        let mut cursor: Option<String> = None;
        for _ in 0..MESSAGE_PAGES_MAX {
            let step = cursor.as_deref().map_or(Step::Newest, Step::Before);
            let page = match self.page(caller, &at.native, step, OPERATION).await {
                Ok(page) => page,
                Err(error) if error.kind == Kind::NotFound && cursor.is_none() => return Ok(None),
                Err(error) => return Err(error),
            };
            has_gaps |= page.has_gaps;
            let is_older = page
                .messages
                .iter()
                .any(|message| received(message).is_some_and(|received| received < first));
            let carries = |message: &wire::Message| {
                intent_of(message).as_deref() == Some(&*wanted) && !is_gone(message)
            };
            for message in page.messages.into_iter().rev().filter(carries) {
                messages.push_front(message);
            }
            if is_older || page.next.is_none() {
                let mut messages = messages.into();
                fold(&mut messages, HashSet::new());
                return Ok(Some(Carriers {
                    messages,
                    is_complete: !has_gaps,
                }));
            }
            cursor = page.next;
        }
        Ok(Some(Carriers {
            messages: messages.into(),
            is_complete: false,
        }))
    }
}

/// The messages that carry one write's id.
struct Carriers {
    messages: Vec<wire::Message>,
    /// Whether no other can carry it: every message since the write began was read.
    is_complete: bool,
}

fn applied(message: &Message) -> Settled {
    Settled::Applied(Applied::Message(Box::new(message.clone())))
}

/// Whether a stored message can be what became of an imported one. The vendor changes contents in ways of its own, so
/// only the words of a plain text are held against it.
fn can_be(message: &Message, new: &NewMessage) -> bool {
    let is_plain =
        |part: &Part| matches!(part, Part::Text(text) if text.format == TextFormat::Plain);
    message.role == new.role
        && new.sent_at.is_none_or(|sent_at| sent_at == message.sent_at)
        && (!new.parts.iter().all(is_plain) || text_of(&message.parts) == text_of(&new.parts))
}
