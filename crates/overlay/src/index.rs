//! The index of a conversation's messages: filled from the backend, and kept true.

mod places;
mod questions;
mod reconcile;
mod refresh;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use backend::ports::{Change, IndexState, Indexed, Kept, Sending};
use backend::{Context, Error, FidelityPolicy, Kind, Location, Outcome, Result};
use conversation::{Conversation, Digest, Message, MessageId, Time, canonical_json};
use uuid::Uuid;

use crate::Overlay;
use reconcile::{Reading, Reconciled, reconcile};

pub(crate) use places::{beginning, raised, said};
pub(crate) use questions::{answer_to, carries, is_in_time, questions_of};
pub(crate) use refresh::{Why, impersonal};

/// What a look at the backend found of a conversation that has an index, or gets one.
#[derive(Debug)]
pub(crate) struct Look {
    /// The index before the backend was read.
    pub(crate) before: HashMap<MessageId, Indexed>,
    /// The backend's messages, oldest first.
    pub(crate) messages: Vec<Message>,
    /// True where these are all.
    pub(crate) is_whole: bool,
    /// The backend's change mark, read before the messages.
    mark: Option<Digest>,
    /// The conversation as the backend showed it, where it was read.
    conversation: Option<Conversation>,
    /// When the look began.
    began: Time,
}

/// The context of calls below the overlay, which are never strict: what is strict was judged above.
pub(crate) fn under(cx: &Context) -> Context {
    Context {
        fidelity: FidelityPolicy::Lenient,
        ..cx.clone()
    }
}

/// A failure before anything was sent.
pub(crate) fn not_applied(error: Error) -> Error {
    error.outcome(Outcome::NotApplied)
}

/// What changes of a conversation whenever a message is added to it, as the backend gave it.
fn mark_of(conversation: &Conversation) -> Digest {
    let mark = (
        conversation.updated_at,
        conversation.last_message_at,
        &conversation.counts,
    );
    Digest::of(canonical_json(&mark).as_bytes())
}

impl Overlay {
    /// What is kept of a conversation, its index as true as its age allows. Gives one an index whose access at the
    /// backend ends by itself; any other that has none is left without.
    ///
    /// # Errors
    /// Those of reading the backend; where access has ended, what is kept is all there is, and no error.
    pub(crate) async fn refreshed(
        &self,
        cx: &Context,
        at: &Location,
    ) -> Result<std::sync::Arc<Kept>> {
        self.refreshed_for(cx, at, Why::Read).await
    }

    /// Like [`Overlay::refreshed`], for a page of a list.
    pub(crate) async fn refreshed_for(
        &self,
        cx: &Context,
        at: &Location,
        why: Why,
    ) -> Result<std::sync::Arc<Kept>> {
        let kept = self.kept(at).await?;
        if kept.index.is_none() && !self.below().capabilities().access_expires {
            return Ok(kept);
        }
        self.refresh(cx, at, kept, why).await
    }

    /// Like [`Overlay::refreshed`], and gives any conversation an index that has none. This also proves that the
    /// conversation is there.
    pub(crate) async fn indexed(
        &self,
        cx: &Context,
        at: &Location,
    ) -> Result<(std::sync::Arc<Kept>, IndexState)> {
        let kept = self.kept(at).await?;
        let kept = self
            .refresh(cx, at, kept, Why::Read)
            .await
            .map_err(not_applied)?;
        match kept.index.clone() {
            Some(index) => Ok((kept, index)),
            None => Err(
                Error::new(Kind::Internal, "an index was filled and is not there")
                    .outcome(Outcome::NotApplied)
                    .at(self.name(), "list_messages"),
            ),
        }
    }

    /// Gives a conversation an index that has none, without the messages `apart`: those that were just written to the
    /// backend, and take their place together with others that are kept here.
    pub(crate) async fn indexed_apart_from(
        &self,
        cx: &Context,
        at: &Location,
        apart: &HashSet<MessageId>,
    ) -> Result<()> {
        let kept = self.kept(at).await?;
        self.refresh_apart_from(cx, at, kept, Why::Read, apart)
            .await?;
        Ok(())
    }

    async fn refresh(
        &self,
        cx: &Context,
        at: &Location,
        kept: std::sync::Arc<Kept>,
        why: Why,
    ) -> Result<std::sync::Arc<Kept>> {
        self.refresh_apart_from(cx, at, kept, why, &HashSet::new())
            .await
    }

    async fn refresh_apart_from(
        &self,
        cx: &Context,
        at: &Location,
        kept: std::sync::Arc<Kept>,
        why: Why,
        apart: &HashSet<MessageId>,
    ) -> Result<std::sync::Arc<Kept>> {
        if kept.has_ended {
            return Ok(kept);
        }
        match self.look(cx, at, &kept, why).await {
            Ok(Some(mut look)) => {
                look.messages.retain(|message| !apart.contains(&message.id));
                self.take_in(cx, at, &look, &[], Vec::new()).await?;
                self.kept(at).await
            }
            Ok(None) => Ok(kept),
            Err(error) if self.has_ended(&kept, &error) => self.note_ended(cx, at).await,
            Err(error) => Err(error),
        }
    }

    /// Takes what a look found into the index, behind the changes `first`, in one step. `questions` are messages that are
    /// known to be the question of a sending.
    pub(crate) async fn take_in(
        &self,
        cx: &Context,
        at: &Location,
        look: &Look,
        questions: &[(Uuid, MessageId)],
        first: Vec<Change>,
    ) -> Result<Reconciled> {
        let place = self.beside(at);
        // Sendings first: words that were bound meanwhile are then either still on their way, or bound in the index.
        let sendings: Vec<Sending> = self.state().sendings(&place).await?;
        let index: Vec<Indexed> = self.state().index(&place).await?;
        let kept = self.kept(at).await?;
        let is_moved = kept
            .index
            .as_ref()
            .is_some_and(|index| index.native != at.native);
        if is_moved && !self.is_home(at).await? {
            // The conversation was given a new home while its old one was read.
            return Ok(Reconciled::default());
        }
        let mut done = reconcile(&Reading {
            native: &at.native,
            before: &look.before,
            index: &index,
            sendings: &sendings,
            messages: &look.messages,
            is_whole: look.is_whole,
            questions,
            now: look.began,
        });
        let known = kept.index.as_ref();
        let state = IndexState {
            native: at.native.clone(),
            // A look that was cut short is repeated.
            mark: look.mark.filter(|_| !done.is_cut),
            read_at: look.began,
            whole_at: match known {
                Some(known) if !look.is_whole => known.whole_at,
                _ => look.began,
            },
            floor: known
                .map(|known| known.floor)
                .max(done.floor)
                .unwrap_or_else(beginning),
        };
        let mut changes = first;
        changes.append(&mut done.changes);
        changes.push(if is_moved {
            Change::Home(state)
        } else {
            Change::Index(state)
        });
        if let Some(conversation) = &look.conversation
            && self.below().capabilities().access_expires
            && kept.copy.as_deref() != Some(conversation)
        {
            changes.push(Change::Copy(Box::new(conversation.clone())));
        }
        self.apply(cx, at, changes).await?;
        Ok(done)
    }

    /// True where a conversation lives at this place still, as far as the directory knows.
    async fn is_home(&self, at: &Location) -> Result<bool> {
        let binding = self.directory().locate(at.id).await?;
        // Of a place beside its home it knows nothing: whoever reads there was told where it is.
        Ok(binding.is_none_or(|binding| {
            binding.location.backend != at.backend || binding.location.native == at.native
        }))
    }

    /// True where all that travelled in a sending is bound.
    pub(crate) async fn is_bound(&self, at: &Location, sending: &Sending) -> Result<bool> {
        let index = self.state().index(&self.beside(at)).await?;
        let known = index.iter().map(|row| (&row.id, row)).collect();
        Ok(questions::is_bound(sending, &known))
    }
}
