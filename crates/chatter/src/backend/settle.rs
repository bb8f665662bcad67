//! What became of a write whose answer was lost, found by comparing content and times.

use adapterkit::{Chosen, name_left_out, possible, settle_by_reading};
use backend::{
    Applied, Context, Error, Intent, Kind, Located, Location, Order, Result, Settled, Write,
};
use conversation::{ConversationPatch, NewConversation, Time, text_of};

use super::enumerate::{numbered, sent};
use super::{Chatter, prefix};
use crate::client::{Access, Caller};
use crate::config::Generation;
use crate::error::Effect;
use crate::mapping::{conversation_to_canonical, create_request, preview};
use crate::wire::{
    ConversationListQuery, ConversationResponse, MessageListQuery, MessageRole, SortOrder,
};

/// Newest conversations among which a lost create is looked for.
const CREATES_LOOKED_AT: u64 = 200;

const OPERATION: &str = "settle";

impl Chatter {
    pub(super) async fn find_out(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        match (&intent.write, &intent.location) {
            (Write::CreateConversation(new), _) => self.settle_create(cx, intent, new).await,
            (Write::UpdateConversation(patch), Some(at)) => {
                self.settle_update(cx, intent, at, patch).await
            }
            (Write::Respond(_), Some(at)) => {
                let projection = backend::Backend::preview(self, &intent.write);
                match projection.write {
                    Write::Respond(request) if projection.is_held => match request.input {
                        Some(input) => {
                            let text = text_of(&input.parts);
                            self.settle_answer(cx, intent, at, &text).await
                        }
                        None => Ok(Settled::NotApplied),
                    },
                    // Refused before anything is sent.
                    _ => Ok(Settled::NotApplied),
                }
            }
            // These are refused before anything is sent.
            (Write::PostMessage(_) | Write::ImportMessage(_), _) => Ok(Settled::NotApplied),
            (
                Write::DeleteConversation
                | Write::ImportMessages(_)
                | Write::UpdateMessage { .. }
                | Write::DeleteMessage { .. }
                | Write::RateMessage { .. }
                | Write::AddParticipants(_)
                | Write::RemoveParticipant { .. }
                | Write::PutAttachment { .. },
                _,
            ) => settle_by_reading(self, cx, intent, &self.0.window).await,
            (Write::UpdateConversation(_) | Write::Respond(_), None) => Err(Error::new(
                Kind::Internal,
                "an intent names no conversation",
            )
            .at(self.name(), OPERATION)),
        }
    }

    /// The one empty conversation of the window that looks like what was to be made.
    async fn settle_create(
        &self,
        cx: &Context,
        intent: &Intent,
        new: &NewConversation,
    ) -> Result<Settled> {
        let stored = self.0.stored_tokens.as_deref();
        let (all, mut looks) = possible(stored, self.name(), &cx.principal, intent).await?;
        for token in all {
            looks.take(self.settle_create_with(cx, intent, new, token).await);
        }
        looks.end()
    }

    /// The same among what one token sees; `None`: the backend's own.
    async fn settle_create_with(
        &self,
        cx: &Context,
        intent: &Intent,
        new: &NewConversation,
        token: Option<Chosen>,
    ) -> Result<Settled> {
        let (access, credential) = match token {
            Some(stored) => (Access::Token(stored.secret), Some(stored.reference)),
            None => (Access::Own, None),
        };
        let caller = Caller {
            correlation_id: cx.request_id.clone(),
            deadline: cx.deadline,
            access,
        };
        let generation = self.generation(&caller).await?;
        let projection = preview(&Write::CreateConversation(new.clone()), Some(generation));
        let Write::CreateConversation(projected) = projection.write else {
            return Ok(Settled::Unknown);
        };
        let sent = create_request(&projected);
        let (rows, mut complete) = self.newest(intent, &caller, generation).await?;
        let mut candidates = Vec::new();
        for row in rows {
            let looks_alike = row.title == sent.title
                && row.temperature.value() == sent.temperature.value()
                && row.max_tokens.value() == sent.max_tokens.value()
                && (row.profile_id.value() == sent.profile_id.value()
                    // One of another server was left out of a copy.
                    || (cx.copying && row.profile_id.value().is_none()));
            let time = created(&row);
            if !looks_alike || time.is_some_and(|time| !self.0.window.holds(intent, time)) {
                continue;
            }
            let Ok(conversation) = conversation_to_canonical(&row, self.name()) else {
                // It may be the one.
                name_left_out(self.name(), OPERATION, Some(&row.id));
                complete = false;
                continue;
            };
            if conversation.metadata == projected.metadata
                && self.is_empty(&caller, generation, &row).await?
            {
                candidates.push(Located {
                    location: self.location(&row, credential.clone()),
                    conversation,
                });
            }
        }
        let only = if candidates.len() == 1 {
            candidates.pop()
        } else {
            None
        };
        Ok(match only {
            Some(located) if complete => Settled::Applied(Applied::Conversation(Box::new(located))),
            None if candidates.is_empty() && complete => self.0.window.nothing_found(intent),
            _ => Settled::Unknown,
        })
    }

    /// The newest conversations, and whether they are all back to before the intent: only then does it prove anything
    /// that none of them fits.
    async fn newest(
        &self,
        intent: &Intent,
        caller: &Caller,
        generation: Generation,
    ) -> Result<(Vec<ConversationResponse>, bool)> {
        if generation == Generation::V0 {
            let all = self.all_after(caller, None, Order::Desc).await?;
            let complete = all.is_complete();
            return Ok((
                all.answer.into_iter().map(|(_, row)| row).collect(),
                complete,
            ));
        }
        let query = ConversationListQuery {
            limit: Some(CREATES_LOOKED_AT),
            sort_by: Some("id".to_owned()),
            sort_order: Some(SortOrder::Desc),
            ..ConversationListQuery::default()
        };
        let read = self.rows(caller, prefix(generation), &query).await?;
        let is_whole = sent(&read) < CREATES_LOOKED_AT;
        let left_out = read.left_out.clone();
        let rows = numbered(read, 0);
        let (first, _) = self.0.window.bounds(intent);
        let before = rows
            .iter()
            .find(|(_, row)| created(row).is_some_and(|time| time < first))
            .map(|(place, _)| *place);
        // What cannot be read and is older than the intent is not what is looked for.
        let complete = match before {
            Some(place) => left_out.iter().all(|record| record.position as u64 > place),
            None => is_whole && left_out.is_empty(),
        };
        Ok((rows.into_iter().map(|(_, row)| row).collect(), complete))
    }

    /// Counted by reading: the vendor's own counter is always 0.
    async fn is_empty(
        &self,
        caller: &Caller,
        generation: Generation,
        row: &ConversationResponse,
    ) -> Result<bool> {
        let one = MessageListQuery {
            limit: Some(1),
            offset: None,
        };
        let messages = self
            .client()
            .list_messages(caller, prefix(generation), &row.id, &one)
            .await;
        let messages = messages
            .map_err(|failure| self.failed(failure, OPERATION, Effect::Read))?
            .named(self.name(), OPERATION);
        // One that cannot be read is one all the same.
        Ok(messages.answer.is_empty() && messages.is_complete())
    }

    /// An update is done where the conversation is what it was to become: doing it again would change nothing.
    async fn settle_update(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        patch: &ConversationPatch,
    ) -> Result<Settled> {
        let reach = self.reach(cx, at, OPERATION).await?;
        let row = match self.read_row(&reach).await {
            Ok(row) => row,
            Err(error) if error.kind == Kind::NotFound => return Ok(Settled::NotApplied),
            Err(error) => return Err(error),
        };
        let conversation = self.canonical(&row, &reach)?;
        let projection = preview(
            &Write::UpdateConversation(patch.clone()),
            Some(reach.generation),
        );
        let Write::UpdateConversation(projected) = projection.write else {
            return Ok(Settled::Unknown);
        };
        let mut wanted = conversation.clone();
        projected.apply(&mut wanted).map_err(|error| {
            Error::new(Kind::Internal, "a patch could not be applied").source(error)
        })?;
        if wanted == conversation {
            let located = Located {
                location: at.clone(),
                conversation,
            };
            return Ok(Settled::Applied(Applied::Conversation(Box::new(located))));
        }
        Ok(self.0.window.nothing_found(intent))
    }

    /// The one message of the user with this text in the window, and the answer that follows it.
    async fn settle_answer(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        text: &str,
    ) -> Result<Settled> {
        let reach = self.reach(cx, at, OPERATION).await?;
        let index = match self.index(&reach).await {
            Ok(index) => index,
            Err(error) if error.kind == Kind::NotFound => return Ok(Settled::NotApplied),
            Err(error) => return Err(error),
        };
        if !index.left_out.is_empty() {
            // What cannot be read may be the question, or the answer.
            return Ok(Settled::Unknown);
        }
        let messages = index.messages;
        let mut ours = Vec::new();
        for (position, shown) in messages.iter().enumerate() {
            let message = &shown.message;
            if message.role != MessageRole::User || message.content != text {
                continue;
            }
            let Ok(time) = message.created_at.parse() else {
                return Ok(Settled::Unknown);
            };
            if self.0.window.holds(intent, time) {
                ours.push(position);
            }
        }
        let position = match ours.as_slice() {
            [] => return Ok(self.0.window.nothing_found(intent)),
            [position] => *position,
            _ => return Ok(Settled::Unknown),
        };
        match messages
            .get(position + 1)
            .filter(|next| next.message.role == MessageRole::Assistant)
        {
            Some(answer) => {
                let message = self.canonical_message(&answer.message, &reach)?;
                Ok(Settled::Applied(Applied::Message(Box::new(message))))
            }
            // V2 stores the question before the answer: the answer may still come, or never.
            None => Ok(Settled::Unknown),
        }
    }
}

fn created(row: &ConversationResponse) -> Option<Time> {
    row.created_at.parse().ok()
}
