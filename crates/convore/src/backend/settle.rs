//! What became of a write whose answer was lost, found by comparing content and times.

use backend::{
    Applied, Backend, Context, Error, Intent, Kind, Located, Location, Result, Settled, Write,
};
use conversation::{
    Conversation, ConversationPatch, Direction, NewConversation, NewMessage, Participant, Patch,
    Time,
};

use super::Convore;
use super::caches::Placed;
use super::conversations::participants_of;
use super::enumerate::Since;
use crate::mapping::{
    Sides, body_of, import_request, participant_id, same_words, stored_at, with_ids,
};
use crate::wire::{self, MessageDirection};

const OPERATION: &str = "settle";

/// How an intent's message would look there.
struct Wanted {
    direction: MessageDirection,
    body: String,
    /// When it was said; nothing where that is when it was stored.
    said_at: Option<Time>,
    /// The address of its author, where the write names one.
    sender: Option<String>,
}

impl Wanted {
    fn fits(&self, message: &wire::Message) -> bool {
        let said_at = message.date.parse::<Time>().map(Time::to_millis);
        message.direction == self.direction
            && self
                .said_at
                .is_none_or(|wanted| said_at == Ok(wanted.to_millis()))
            && self
                .sender
                .as_ref()
                .is_none_or(|wanted| participant_id(&message.sender.handle) == *wanted)
            && same_words(&words(message), &self.body)
    }
}

/// The body of a message, or what stands for it.
fn words(message: &wire::Message) -> String {
    let text_body = message.text_body.value().map(String::as_str);
    crate::mapping::parts_of(message.body.value().map(String::as_str), text_body)
        .map(|part| body_of(&[part]))
        .unwrap_or_default()
}

impl Convore {
    pub(super) async fn find_out(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        match (&intent.write, &intent.location) {
            (Write::CreateConversation(new), _) => self.settle_create(cx, intent, new).await,
            (Write::UpdateConversation(patch), Some(at)) => {
                self.settle_update(cx, intent, at, patch).await
            }
            (Write::PostMessage(new) | Write::ImportMessage(new), Some(at)) => {
                self.settle_message(cx, intent, at, new).await
            }
            // An intent does not say which message was to change.
            (Write::UpdateMessage(_), _) => Ok(Settled::Unknown),
            // These are refused before anything is sent.
            (Write::Respond(_), _) => Ok(Settled::NotApplied),
            (
                Write::UpdateConversation(_) | Write::PostMessage(_) | Write::ImportMessage(_),
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
            .conversations_since(cx, Since::Created(first), OPERATION)
            .await?;
        for row in listing.items {
            let location = self.location(&row);
            let found = self.canonical(&row, &location, OPERATION)?;
            let looks_alike = row.channel_id == self.0.channel_id
                && found.title == wanted.title
                && found.priority == wanted.priority
                && wanted
                    .labels
                    .iter()
                    .all(|label| found.labels.contains(label))
                && people(&found.participants) == people(&participants);
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

    /// An update is done where the conversation is what it was to become: doing it again would change nothing.
    async fn settle_update(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        patch: &ConversationPatch,
    ) -> Result<Settled> {
        let row = match self.read_row(cx, at, OPERATION).await {
            Ok(row) => row,
            Err(error) if error.kind == Kind::NotFound => return Ok(Settled::NotApplied),
            Err(error) => return Err(error),
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
        new: &NewMessage,
    ) -> Result<Settled> {
        let (Write::PostMessage(projected) | Write::ImportMessage(projected)) =
            self.preview(&intent.write).write
        else {
            return Ok(Settled::Unknown);
        };
        let row = match self.read_row(cx, at, OPERATION).await {
            Ok(row) => row,
            Err(error) if error.kind == Kind::NotFound => return Ok(Settled::NotApplied),
            Err(error) => return Err(error),
        };
        let caller = Self::caller(cx);
        let sides = Sides {
            conversation: &row,
            caller: &caller,
        };
        let request = import_request(&projected, sides, Time::now());
        let wanted = Wanted {
            direction: match new.effective_direction() {
                Direction::Inbound => MessageDirection::Inbound,
                _ => MessageDirection::Outbound,
            },
            body: body_of(&projected.parts),
            said_at: projected.sent_at,
            sender: projected
                .author
                .as_ref()
                .map(|_| participant_id(&request.sender.handle)),
        };
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

/// Who takes part, in an order of its own. Sides are left out: roles stand for them.
fn people(participants: &[Participant]) -> Vec<[&str; 2]> {
    let mut people: Vec<[&str; 2]> = participants
        .iter()
        .map(|one| [&one.id, &one.name].map(|word| word.as_deref().unwrap_or_default()))
        .collect();
    people.sort_unstable();
    people
}

/// Whether a conversation is what an update was to make of it. Labels may be more: twins come along.
fn is_changed(found: &Conversation, wanted: &ConversationPatch) -> bool {
    let title = match &wanted.title {
        Patch::Set(title) => found.title.as_ref() == Some(title),
        Patch::Keep | Patch::Clear => true,
    };
    let status = wanted
        .status
        .set()
        .is_none_or(|status| *status == found.status);
    let priority = match &wanted.priority {
        Patch::Keep => true,
        other => other.set() == found.priority.as_ref(),
    };
    let labels = match &wanted.labels {
        Patch::Keep => true,
        Patch::Clear => found.labels.is_empty(),
        Patch::Set(labels) if labels.is_empty() => found.labels.is_empty(),
        Patch::Set(labels) => labels.iter().all(|label| found.labels.contains(label)),
    };
    let participants = match &wanted.participants {
        Patch::Keep => true,
        Patch::Clear => found.participants.is_empty(),
        Patch::Set(participants) => people(participants) == people(&found.participants),
    };
    title && status && priority && labels && participants
}
