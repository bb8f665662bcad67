//! Messages: lists through an index by time, and single reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapterkit::{Unmappable, name_left_out};
use backend::{
    Context, Error, Freshness, Kind, Location, Outcome, Page, PageRequest, Position, Result,
};
use conversation::{Message, MessageId};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::Convore;
use super::caches::{Placed, mark};
use super::pages::Listing;
use crate::error::{Effect, Target};
use crate::mapping::{message_to_canonical, said_at};
use crate::wire::{self, Conversation, MessageFormat};

/// How many messages are asked for at once where a list shows them without their texts.
const READS_AT_ONCE: usize = 4;

impl Convore {
    /// All messages in the order in which they were said: by time, then by id, which grows with the time of storing.
    ///
    /// Read whole, because the vendor's own order is not known.
    pub(super) async fn index(
        &self,
        cx: &Context,
        at: &Location,
        operation: &'static str,
    ) -> Result<Listing<Placed>> {
        let Listing {
            items: messages,
            mut complete,
        } = self.listed(cx, at, operation).await?;
        let whole = stream::iter(messages)
            .map(|message| self.read_again(cx, message, operation))
            .buffered(READS_AT_ONCE);
        let whole: Vec<wire::Message> = whole.try_collect().await?;
        let mut items = Vec::with_capacity(whole.len());
        for message in whole {
            // Nobody knows what one says that is nowhere shown with its texts.
            complete &= message.format != MessageFormat::Minimal;
            match self.placed(message, operation) {
                Some(placed) => items.push(placed),
                None => complete = false,
            }
        }
        items.sort_by(|one, other| one.place.cmp(&other.place));
        Ok(Listing { items, complete })
    }

    /// All messages as the vendor lists them, in no order.
    async fn listed(
        &self,
        cx: &Context,
        at: &Location,
        operation: &'static str,
    ) -> Result<Listing<wire::Message>> {
        let mut messages: BTreeMap<String, wire::Message> = BTreeMap::new();
        let mut complete = true;
        let read = |cursor: Option<String>| async move {
            self.client()
                .list_messages(cx.deadline, &at.native, cursor.as_deref())
                .await
        };
        self.read_all(operation, read, |raw| {
            match self.record::<wire::Message>(&raw, operation) {
                // Whatever the filter was taken for: only this conversation is shown.
                Some(message) if message.conversation_id == *at.native => {
                    messages.insert(message.id.clone(), message);
                }
                Some(_) => {}
                None => complete = false,
            }
            Ok(())
        })
        .await?;
        Ok(Listing {
            items: messages.into_values().collect(),
            complete,
        })
    }

    /// A message at its place; one without a readable place is left out and named.
    fn placed(&self, message: wire::Message, operation: &'static str) -> Option<Placed> {
        let place = place_of(&message);
        let Ok(place) = place else {
            name_left_out(self.name(), operation, Some(&message.id));
            return None;
        };
        Some(Placed { place, message })
    }

    /// The message with its texts, wherever the vendor shows them: one that came without is asked for by its id, then
    /// looked for in the list, because only a list can be asked to show everything.
    async fn whole(
        &self,
        cx: &Context,
        at: &Location,
        message: wire::Message,
        operation: &'static str,
    ) -> Result<wire::Message> {
        let message = self.read_again(cx, message, operation).await?;
        self.look_up(cx, at, message, operation).await
    }

    /// The message as the list shows it, where it came without its texts.
    async fn look_up(
        &self,
        cx: &Context,
        at: &Location,
        message: wire::Message,
        operation: &'static str,
    ) -> Result<wire::Message> {
        if message.format != MessageFormat::Minimal {
            return Ok(message);
        }
        let listing = self.listed(cx, at, operation).await?;
        let mut listed = listing.items.into_iter();
        Ok(listed.find(|one| one.id == message.id).unwrap_or(message))
    }

    /// The message as a read of it alone shows it, where it came without its texts.
    async fn read_again(
        &self,
        cx: &Context,
        message: wire::Message,
        operation: &'static str,
    ) -> Result<wire::Message> {
        if message.format != MessageFormat::Minimal {
            return Ok(message);
        }
        match self.client().get_message(cx.deadline, &message.id).await {
            Ok(whole) => Ok(whole),
            Err(failure) => {
                let error = self.failed(failure, operation, Target::Message, Effect::Read);
                // Gone in the meantime, or never to be read alone: what is known is shown.
                if error.kind == Kind::NotFound {
                    return Ok(message);
                }
                Err(error)
            }
        }
    }

    /// The index for a page: read anew where a walk begins, kept where it goes on.
    pub(super) async fn index_at(
        &self,
        cx: &Context,
        at: &Location,
        row: &Conversation,
        may_be_kept: bool,
        operation: &'static str,
    ) -> Result<Arc<Vec<Placed>>> {
        let mark = mark(row);
        if may_be_kept
            && let Some(mark) = &mark
            && let Some(index) = self.0.indexes.get(&at.native, mark)
        {
            return Ok(index);
        }
        let index = Arc::new(self.index(cx, at, operation).await?.items);
        if let Some(mark) = mark {
            self.0.indexes.put(&at.native, mark, Arc::clone(&index));
        }
        Ok(index)
    }

    pub(super) async fn message_page(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let operation = "list_messages";
        let row = self.read_row(cx, at, operation).await?;
        let has_cursor = matches!(
            page.position,
            Some(Position::After(_) | Position::Before(_))
        );
        let goes_on = has_cursor && cx.freshness == Freshness::Cached;
        let index = self.index_at(cx, at, &row, goes_on, operation).await?;
        let found = page
            .of_index(
                &format!("{}/messages/{}", self.name(), at.native),
                &index,
                |placed| placed.place.clone(),
                |placed, id| placed.message.id == id.as_str(),
            )
            .map_err(|error| error.at(self.name(), operation))?;
        let items = found
            .items
            .iter()
            .map(|placed| self.canonical_message(&placed.message, at, operation))
            .collect::<Result<_>>()?;
        Ok(Page {
            items,
            next: found.next,
            previous: found.previous,
        })
    }

    /// One message of this conversation, with its texts.
    pub(super) async fn read_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        operation: &'static str,
    ) -> Result<wire::Message> {
        let message = self.shown_message(cx, at, id, operation).await?;
        self.look_up(cx, at, message, operation).await
    }

    /// One message of this conversation, as the vendor's own call shows it.
    pub(super) async fn shown_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        operation: &'static str,
    ) -> Result<wire::Message> {
        let message = self
            .client()
            .get_message(cx.deadline, id.as_str())
            .await
            .map_err(|failure| self.failed(failure, operation, Target::Message, Effect::Read))?;
        if message.conversation_id != *at.native {
            return Err(Error::message_not_found().at(self.name(), operation));
        }
        Ok(message)
    }

    pub(super) fn canonical_message(
        &self,
        message: &wire::Message,
        at: &Location,
        operation: &'static str,
    ) -> Result<Message> {
        message_to_canonical(message, at.id).map_err(|error| self.unmappable(error, operation))
    }

    /// What a write answered: in this conversation, with its texts, in canonical form.
    pub(super) async fn stored(
        &self,
        cx: &Context,
        at: &Location,
        message: wire::Message,
        operation: &'static str,
    ) -> Result<Message> {
        self.0.indexes.forget(&at.native);
        if message.conversation_id != *at.native {
            let message = format!(
                "convore put the message into another conversation, whose id there is {}",
                message.conversation_id
            );
            return Err(Error::new(Kind::InvalidResponse, message)
                .outcome(Outcome::Applied)
                .at(self.name(), operation));
        }
        let is_applied = |error: Error| error.outcome(Outcome::Applied);
        let message = self
            .whole(cx, at, message, operation)
            .await
            .map_err(is_applied)?;
        self.canonical_message(&message, at, operation)
            .map_err(is_applied)
    }
}

/// When a message was said, and its id. A message that has no canonical form has no place either.
fn place_of(message: &wire::Message) -> std::result::Result<(i64, String), Unmappable> {
    let said_at = said_at(message)?;
    message
        .id
        .parse::<MessageId>()
        .map_err(|_| Unmappable("id"))?;
    crate::mapping::stored_at(message)?;
    Ok((said_at.as_micros(), message.id.clone()))
}
