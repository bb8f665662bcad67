//! What became of a write whose answer was lost, found by comparing content and times.

use adapterkit::{paired, settle_by_reading};
use backend::{
    Applied, Backend, Context, Error, Intent, Kind, Located, Location, Result, Settled, Write,
};
use conversation::{
    ConversationPatch, Direction, MessageId, MessagePatch, NewConversation, NewMessage, Part,
    Patch, Time, text_of,
};

use super::Convore;
use super::caches::Placed;
use super::conversations::participants_of;
use super::enumerate::Since;
use super::likeness::{Wanted, addresses, is_changed};
use crate::mapping::{Sides, body_of, import_request, participant_id, stored_at, with_ids};
use crate::wire::{self, MessageDirection};

const OPERATION: &str = "settle";

impl Convore {
    pub(super) async fn find_out(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        match (&intent.write, &intent.location) {
            (Write::CreateConversation(new), _) => self.settle_create(cx, intent, new).await,
            (Write::UpdateConversation(patch), Some(at)) => {
                self.settle_update(cx, intent, at, patch).await
            }
            (Write::PostMessage(_) | Write::ImportMessage(_), Some(at)) => {
                self.settle_message(cx, intent, at).await
            }
            (Write::ImportMessages(new), Some(at)) => {
                self.settle_imports(cx, intent, at, new).await
            }
            // These are refused before anything is sent.
            (
                Write::Respond(_)
                | Write::DeleteMessage { .. }
                | Write::RateMessage { .. }
                | Write::PutAttachment {
                    message_id: None, ..
                },
                _,
            ) => Ok(Settled::NotApplied),
            (Write::UpdateMessage { id, patch }, Some(at)) => {
                self.settle_edit(cx, intent, at, id, patch).await
            }
            (
                Write::DeleteConversation
                | Write::UpdateMessage { .. }
                | Write::AddParticipants(_)
                | Write::RemoveParticipant { .. }
                | Write::PutAttachment { .. },
                _,
            ) => settle_by_reading(self, cx, intent, &self.0.window).await,
            (
                Write::UpdateConversation(_)
                | Write::PostMessage(_)
                | Write::ImportMessage(_)
                | Write::ImportMessages(_),
                None,
            ) => Err(Error::new(
                Kind::Internal,
                "an intent names no conversation",
            )),
        }
    }

    /// The one empty conversation of the window that looks like what was to be made.
    async fn settle_create(
        &self,
        cx: &Context,
        intent: &Intent,
        new: &NewConversation,
    ) -> Result<Settled> {
        let projection = self.preview(&Write::CreateConversation(new.clone()));
        let Write::CreateConversation(wanted) = projection.write else {
            return Ok(Settled::Unknown);
        };
        let participants = participants_of(cx, &wanted, &intent.id.simple().to_string());
        let (first, _) = self.0.window.bounds(intent);
        let mut candidates = Vec::new();
        let listing = self
            .conversations_since(cx, Since::MadeEmpty(first), OPERATION)
            .await?;
        for row in listing.items {
            let location = self.location(&row);
            let found = self.canonical(&row, &location, OPERATION)?;
            let looks_alike = row.channel_id == self.1.channel_id
                && found.title == wanted.title
                && found.priority == wanted.priority
                && wanted
                    .labels
                    .iter()
                    .all(|label| found.labels.contains(label))
                && addresses(&found.participants) == addresses(&participants);
            if looks_alike
                && self.0.window.holds(intent, found.created_at)
                && self.is_empty(cx, &row, &location).await?
            {
                candidates.push((location, found));
            }
        }
        let only = if candidates.len() == 1 {
            candidates.pop()
        } else {
            None
        };
        Ok(match only {
            Some((location, conversation)) => {
                Settled::Applied(Applied::Conversation(Box::new(Located {
                    location,
                    conversation,
                })))
            }
            None if candidates.is_empty() && listing.complete => {
                self.0.window.nothing_found(intent)
            }
            None => Settled::Unknown,
        })
    }

    /// Counted by reading where the vendor does not count.
    async fn is_empty(
        &self,
        cx: &Context,
        row: &wire::Conversation,
        at: &Location,
    ) -> Result<bool> {
        match row.message_count.value() {
            Some(count) => Ok(*count == 0),
            None => {
                let messages = self.index(cx, at, OPERATION).await?;
                Ok(messages.complete && messages.items.is_empty())
            }
        }
    }

    /// The row of a conversation, where there is one. What was thrown away since may have been written to before.
    async fn row_of(&self, cx: &Context, at: &Location) -> Result<Option<wire::Conversation>> {
        match self.stored_row(cx, at, OPERATION).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An update is done where the conversation is what it was to become: doing it again would change nothing.
    async fn settle_update(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        patch: &ConversationPatch,
    ) -> Result<Settled> {
        let Some(row) = self.row_of(cx, at).await? else {
            return Ok(self.0.window.nothing_found(intent));
        };
        let found = self.canonical(&row, at, OPERATION)?;
        let projection = self.preview(&Write::UpdateConversation(patch.clone()));
        let Write::UpdateConversation(mut wanted) = projection.write else {
            return Ok(Settled::Unknown);
        };
        if let Patch::Set(participants) = wanted.participants {
            let seed = intent.id.simple().to_string();
            wanted.participants = Patch::Set(with_ids(participants, &seed));
        }
        if is_changed(&found, &wanted) {
            return Ok(Settled::Applied(Applied::Conversation(Box::new(Located {
                location: at.clone(),
                conversation: found,
            }))));
        }
        Ok(self.0.window.nothing_found(intent))
    }

    /// The one message with this content that was stored in the window.
    async fn settle_message(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
    ) -> Result<Settled> {
        let (Write::PostMessage(projected) | Write::ImportMessage(projected)) =
            self.preview(&intent.write).write
        else {
            return Ok(Settled::Unknown);
        };
        let Some(row) = self.row_of(cx, at).await? else {
            return Ok(self.0.window.nothing_found(intent));
        };
        let wanted = wanted_of(cx, &projected, &row);
        let listing = self.index(cx, at, OPERATION).await?;
        let is_ours = |placed: &&Placed| {
            wanted.fits(&placed.message)
                && stored_at(&placed.message).is_ok_and(|time| self.0.window.holds(intent, time))
        };
        let ours: Vec<&Placed> = listing.items.iter().filter(is_ours).collect();
        match ours.as_slice() {
            [found] => {
                let message = self.canonical_message(&found.message, at, OPERATION)?;
                Ok(Settled::Applied(Applied::Message(Box::new(message))))
            }
            [] if !listing.complete => Ok(Settled::Unknown),
            [] if wanted.direction == MessageDirection::Outbound
                && matches!(intent.write, Write::PostMessage(_))
                && self.went_astray(cx, intent, at, &wanted).await? =>
            {
                Ok(Settled::Unknown)
            }
            [] => Ok(self.0.window.nothing_found(intent)),
            _ => Ok(Settled::Unknown),
        }
    }

    /// An edit writes the words first, and takes files away one by one afterwards: it may have ended in between.
    async fn settle_edit(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        id: &MessageId,
        patch: &MessagePatch,
    ) -> Result<Settled> {
        let settled = settle_by_reading(self, cx, intent, &self.0.window).await?;
        let Patch::Set(parts) = &patch.parts else {
            return Ok(settled);
        };
        if settled != Settled::NotApplied {
            return Ok(settled);
        }
        let message = match self.get_message(&cx.fresh(), at, id).await {
            Ok(message) => message,
            Err(error) if error.kind == Kind::NotFound => return Ok(settled),
            Err(error) => return Err(error),
        };
        Ok(if words(&message.parts) == words(parts) {
            Settled::Unknown
        } else {
            settled
        })
    }

    /// All messages of an import: as many as were sent, and no other that could be one of them.
    async fn settle_imports(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        imported: &[NewMessage],
    ) -> Result<Settled> {
        let Some(row) = self.row_of(cx, at).await? else {
            return Ok(self.0.window.nothing_found(intent));
        };
        let mut wanted = Vec::with_capacity(imported.len());
        for new in imported {
            if let Write::ImportMessage(new) =
                self.preview(&Write::ImportMessage(new.clone())).write
            {
                wanted.push(wanted_of(cx, &new, &row));
            }
        }
        let listing = self.index(cx, at, OPERATION).await?;
        let is_one = |placed: &&Placed| {
            stored_at(&placed.message).is_ok_and(|time| self.0.window.holds(intent, time))
                && wanted.iter().any(|wanted| wanted.fits(&placed.message))
        };
        let found: Vec<&Placed> = listing.items.iter().filter(is_one).collect();
        if found.is_empty() && listing.complete {
            return Ok(self.0.window.nothing_found(intent));
        }
        if found.len() != wanted.len() {
            return Ok(Settled::Unknown);
        }
        let found = paired(&wanted, found, |wanted, placed| {
            wanted.fits(&placed.message)
        });
        let Some(found) = found else {
            return Ok(Settled::Unknown);
        };
        let messages = found
            .iter()
            .map(|placed| self.canonical_message(&placed.message, at, OPERATION))
            .collect::<Result<_>>()?;
        Ok(Settled::Applied(Applied::Messages(messages)))
    }

    /// Whether a message like this was or may have been sent in another conversation: nobody knows whether a send stays in its own.
    async fn went_astray(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        wanted: &Wanted,
    ) -> Result<bool> {
        let (first, _) = self.0.window.bounds(intent);
        let touched = self
            .conversations_since(cx, Since::Said(first), OPERATION)
            .await?;
        let mut complete = touched.complete;
        for row in touched.items.iter().filter(|row| row.id != *at.native) {
            let there = self.location(row);
            let listing = self.index(cx, &there, OPERATION).await?;
            complete &= listing.complete;
            let found = listing.items.iter().any(|placed| {
                wanted.fits(&placed.message)
                    && stored_at(&placed.message)
                        .is_ok_and(|time| self.0.window.holds(intent, time))
            });
            if found {
                return Ok(true);
            }
        }
        // What was left out may be it.
        Ok(!complete)
    }
}

/// The words of a message, without its files.
fn words(parts: &[Part]) -> String {
    let texts = parts.iter().filter(|part| matches!(part, Part::Text(_)));
    text_of(&texts.cloned().collect::<Vec<_>>())
}

/// How a message that was previewed would look there.
fn wanted_of(cx: &Context, new: &NewMessage, row: &wire::Conversation) -> Wanted {
    let caller = Convore::caller(cx);
    let sides = Sides {
        conversation: row,
        caller: &caller,
    };
    let sender = || import_request(new, sides, Time::now()).sender;
    Wanted {
        direction: match new.effective_direction() {
            Direction::Inbound => MessageDirection::Inbound,
            _ => MessageDirection::Outbound,
        },
        body: body_of(&new.parts),
        said_at: new.sent_at,
        sender: new
            .author
            .as_ref()
            .map(|_| participant_id(&sender().handle)),
    }
}
