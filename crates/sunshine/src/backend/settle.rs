//! What became of a write whose answer was lost: the id of the write stands in the metadata of what it made.

use backend::{Applied, Context, Error, Intent, Kind, Location, Result, Settled, Write};
use conversation::{ConversationPatch, NewConversation, NewMessage, Time};

use super::Sunshine;
use super::pages::{Step, is_gone};
use crate::limits::PAGE_MAX;
use crate::mapping::{INTENT_KEY, own_member};
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
            // Refused before anything is sent.
            (Write::UpdateMessage(_) | Write::Respond(_), _) => Ok(Settled::NotApplied),
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
            match page.next {
                Some(next) => after = Some(next),
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

    /// The message that carries the write's id, among those since the write began. Several messages of one import
    /// carry the same; then the time at which they were said and their parts tell them apart, or nothing does.
    async fn settle_message(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        imported: Option<&NewMessage>,
    ) -> Result<Settled> {
        let caller = self.caller(cx);
        let (first, _) = self.0.window.bounds(intent);
        let wanted = intent.id.to_string();
        let mut candidates: Vec<wire::Message> = Vec::new();
        let mut cursor: Option<String> = None;
        let mut is_complete = false;
        for _ in 0..MESSAGE_PAGES_MAX {
            let step = cursor.as_deref().map_or(Step::Newest, Step::Before);
            let page = match self.page(caller, &at.native, step, OPERATION).await {
                Ok(page) => page,
                Err(error) if error.kind == Kind::NotFound => return Ok(Settled::NotApplied),
                Err(error) => return Err(error),
            };
            let is_older = page.messages.iter().any(|message| {
                let received = message.received.value().and_then(|text| text.parse().ok());
                received.is_some_and(|received: Time| received < first)
            });
            candidates.extend(page.messages.into_iter().filter(|message| {
                own_member(&message.metadata, INTENT_KEY).as_deref() == Some(&*wanted)
                    && !is_gone(message)
            }));
            if is_older || page.next.is_none() {
                is_complete = true;
                break;
            }
            cursor = page.next;
        }
        let mut messages = self
            .canonical_messages(cx, caller, at, &candidates, OPERATION)
            .await?;
        if let Some(imported) = imported {
            let projection =
                backend::Backend::preview(self, &Write::ImportMessage(imported.clone()));
            if let Write::ImportMessage(new) = projection.write {
                messages.retain(|message| {
                    message.role == new.role
                        && (new.sent_at.is_none() || new.sent_at == Some(message.sent_at))
                        && (candidates.len() == 1 || message.parts == new.parts)
                });
            }
        }
        let message = messages.pop();
        Ok(match message {
            // The text that led a content is the same write; the content is its result.
            Some(message) if imported.is_none() || messages.is_empty() => {
                Settled::Applied(Applied::Message(Box::new(message)))
            }
            Some(_) => Settled::Unknown,
            None if is_complete => self.0.window.nothing_found(intent),
            None => Settled::Unknown,
        })
    }
}
