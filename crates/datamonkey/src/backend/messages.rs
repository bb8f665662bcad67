//! Messages: lists and single reads, each from the whole conversation, because the vendor has neither pages nor ids.

use adapterkit::Unmappable;
use backend::{Context, Error, Location, Outcome, Page, PageRequest, Result};
use conversation::{Message, MessageId};

use super::Datamonkey;
use super::identity::Reach;
use crate::error::Call;
use crate::mapping::{Placed, message_to_canonical, placed};

/// The messages of a conversation, and whether they are all.
pub(super) struct Index {
    /// In the order in which they were said.
    pub(super) messages: Vec<Placed>,
    /// False where one cannot be read.
    pub(super) is_complete: bool,
}

impl Datamonkey {
    /// All messages in the order in which they were said.
    pub(super) async fn index(&self, reach: &Reach<'_>) -> Result<Index> {
        let list = self
            .client()
            .list_messages(&reach.caller, reach.native())
            .await
            .map_err(|failure| self.failed_at(failure, reach, Call::Read))?;
        let sent = self.listed(list, |list| list.messages, "messages", reach.operation)?;
        let is_complete = sent.is_complete();
        let (messages, unreadable) = placed(sent.answer);
        for position in &unreadable {
            tracing::warn!(
                backend.name = self.name(),
                operation = reach.operation,
                record.position = position,
                "left out a message whose time cannot be read"
            );
        }
        Ok(Index {
            messages,
            is_complete: is_complete && unreadable.is_empty(),
        })
    }

    pub(super) async fn message_page(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let reach = self.reach(cx, at, "list_messages").await?;
        let index = self.index(&reach).await?.messages;
        let found = page
            .of_index(
                &format!("{}/messages/{}", self.name(), at.native),
                &index,
                |placed| placed.place,
                |placed, id| self.id_of(placed, &reach) == *id,
            )
            .map_err(|error| error.at(self.name(), reach.operation))?;
        let items = found
            .items
            .iter()
            .map(|placed| self.canonical_message(placed, &reach))
            .collect::<Result<_>>()?;
        Ok(Page {
            items,
            next: found.next,
            previous: found.previous,
        })
    }

    pub(super) async fn one_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
    ) -> Result<Message> {
        let reach = self.reach(cx, at, "get_message").await?;
        let index = self.index(&reach).await?;
        let found = index
            .messages
            .iter()
            .find(|placed| self.id_of(placed, &reach) == *id)
            .ok_or_else(|| {
                if index.is_complete {
                    Error::message_not_found().at(self.name(), reach.operation)
                } else {
                    // What is there but cannot be read is not to be called missing.
                    self.unmappable(Unmappable("messages"), reach.operation)
                        .outcome(Outcome::NotApplied)
                }
            })?;
        self.canonical_message(found, &reach)
    }

    pub(super) fn id_of(&self, placed: &Placed, reach: &Reach<'_>) -> MessageId {
        placed.id(self.name(), reach.native())
    }

    pub(super) fn canonical_message(&self, placed: &Placed, reach: &Reach<'_>) -> Result<Message> {
        message_to_canonical(&placed.message, self.id_of(placed, reach), reach.at.id).map_err(
            |error| {
                self.unmappable(error, reach.operation)
                    .outcome(Outcome::NotApplied)
            },
        )
    }
}
