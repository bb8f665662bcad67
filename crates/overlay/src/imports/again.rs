//! Copies of messages that the backend still has: they were deleted here, and it does not delete.
//!
//! A copy takes messages back and writes them again to bring them into their order. Where the backend only had them
//! hidden, writing them again would leave two of each there, for everybody who reads it without the gateway.

use std::collections::HashSet;

use backend::ports::{Holder, KeptMessage};
use backend::{Location, Result};
use conversation::{Message, MessageId, NewMessage, Time, text_of};

use super::{Item, Way};
use crate::Overlay;

/// The most hidden messages among which one is looked for: as a rule those of its time are one or two.
const LOOKED_AT_MAX: usize = 100;

impl Overlay {
    /// Finds those of an import that the backend has and that are hidden here. Each is one message's only.
    pub(super) async fn find_hidden(&self, at: &Location, items: &mut [Item]) -> Result<()> {
        let mut taken = HashSet::new();
        for item in items {
            let Way::Below(sent) = &item.way else {
                continue;
            };
            if let Some(found) = self.hidden_like(at, sent, &taken).await? {
                taken.insert(found.id.clone());
                item.way = Way::Again(Box::new(found));
            }
        }
        Ok(())
    }

    async fn hidden_like(
        &self,
        at: &Location,
        sent: &NewMessage,
        taken: &HashSet<MessageId>,
    ) -> Result<Option<Message>> {
        let Some(sent_at) = sent.sent_at else {
            return Ok(None);
        };
        let millis = sent_at.as_millis();
        // The backend may count in milliseconds.
        let from = Time::from_micros(millis.saturating_mul(1_000)).unwrap_or(sent_at);
        let text = text_of(&sent.parts);
        let is_it = |row: &KeptMessage| {
            let message = &row.message;
            matches!(&row.holder, Holder::Backend(native) if *native == at.native)
                && message.sent_at.as_millis() == millis
                && message.role == sent.role
                && text_of(&message.parts) == text
                && !taken.contains(&message.id)
        };
        let place = self.beside(at);
        let hidden = self.state().hidden(&place, from, LOOKED_AT_MAX).await?;
        Ok(hidden.into_iter().find(is_it).map(|row| row.message))
    }

    /// What becomes of a copy that the backend was found to have: where it was hidden before, it is shown again.
    pub(crate) async fn way_of_found(&self, at: &Location, found: Message) -> Result<Way> {
        let row = self.state().message(&self.beside(at), &found.id).await?;
        let is_hidden = row.is_some_and(|row| row.is_hidden && row.message.id == found.id);
        let found = Box::new(found);
        Ok(if is_hidden {
            Way::Again(found)
        } else {
            Way::Stored(found)
        })
    }
}
