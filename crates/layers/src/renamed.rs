//! One conversation, several homes: callers know its messages and attachments by their public ids, whatever its present
//! home calls them.
//!
//! Where [`Location::renamed`] is not set, every call goes through as it is. Where it is, ids go down as the backend knows
//! them and come up as callers do: those that a call names, those of what it tells, and those inside of messages. What
//! [`Names`] does not name has one id on both sides.
//!
//! - Each call asks for all ids of a direction at once.
//! - Cursors stay as they are: only the backend that gave one reads it.
//! - A precondition holds for what callers see. It is judged here, and the backend is then asked to change exactly what was
//!   judged.
//! - What a copying write has made is told by the ids that it got there: whoever copies notes them, and they have no other
//!   ids before that.
//! - What a copy is writing at this moment is not shown: its public id is known only when it is noted. Its writer reads it
//!   all the same, with [`Context::copying`]. Where it is not certain which message that is, rather none is hidden: a copied
//!   message that is told by its native id for a moment is better than a caller's own that is gone. For a write of which
//!   nobody learns the end, that moment comes too: what arrives too long is told no more as arriving.

mod arriving;
mod calls;
mod ids;
mod lookup;
mod telling;

use std::collections::HashSet;
use std::sync::Arc;

use backend::ports::{Names, PlaceQuery};
use backend::{
    Applied, Backend, Context, Error, Event, EventStream, Intent, Kind, Location, Order, Outcome,
    Precondition, Result, Settled, Write,
};
use conversation::{Message, MessageId, etag};
use futures_util::StreamExt as _;

use self::arriving::Known;
use self::ids::{HasIds, Made, Sort};
use self::telling::Telling;

/// A backend whose messages and attachments have their public ids. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Renamed {
    below: Arc<dyn Backend>,
    names: Arc<dyn Names>,
}

impl Renamed {
    /// `below`, where messages and attachments have other ids wherever `names` says so.
    #[must_use]
    pub fn new(below: Arc<dyn Backend>, names: Arc<dyn Names>) -> Self {
        Self { below, names }
    }

    fn place(&self, at: &Location) -> PlaceQuery {
        PlaceQuery {
            conversation: at.id,
            backend: self.below.info().name.clone(),
        }
    }

    /// A write or a question, with the ids that the backend knows.
    async fn lower<T: HasIds + Send>(&self, at: &Location, mut asked: T) -> Result<T> {
        let names = lookup::Lookup::new(&*self.names, self.place(at));
        names
            .natives(&mut [&mut asked])
            .await
            .map_err(|error| error.outcome(Outcome::NotApplied))?;
        Ok(asked)
    }

    /// An answer, and what was noted on its way, with public ids.
    async fn lift<T: HasIds + Send>(
        &self,
        at: &Location,
        telling: &mut Telling,
        answer: Result<T>,
    ) -> Result<T> {
        match answer {
            Ok(mut answer) => {
                let mut noted = telling.noted(at);
                let names = lookup::Lookup::new(&*self.names, self.place(at));
                let named = names.publics(&mut [&mut answer, &mut noted]).await;
                telling.tell(noted);
                named?;
                Ok(answer)
            }
            Err(error) => Err(self.failed(at, telling, error).await),
        }
    }

    /// Takes out of a list what a copy is writing at this moment.
    async fn hide_arriving(
        &self,
        at: &Location,
        telling: &mut Telling,
        order: Order,
        messages: &mut Vec<Message>,
    ) -> Result<()> {
        if messages.is_empty() || telling.cx().copying {
            return Ok(());
        }
        // What keeps times has them from the first.
        let known = match self.below.capabilities().transactional {
            true => Known::ByTime,
            false => Known::ByArrival,
        };
        let hidden = self.arriving_of(at, messages, order, known).await?;
        messages.retain(|message| !hidden.contains(&message.id));
        telling.hide(hidden);
        Ok(())
    }

    /// True for a message that a copy is writing at this moment. Only one that was said at its very time: of others only a
    /// whole list tells which it is, and nobody knows its id yet.
    async fn is_arriving(&self, cx: &Context, at: &Location, message: &Message) -> Result<bool> {
        if cx.copying {
            return Ok(false);
        }
        let one = std::slice::from_ref(message);
        let found = self.arriving_of(at, one, Order::Asc, Known::ByTime).await?;
        Ok(!found.is_empty())
    }

    /// Which of these messages a copy is writing at this moment. What arrives is asked for before the names are: what was
    /// noted in between has a name then. And once more afterwards, where it decides: what was noted in between is not
    /// among those without a name, so that another message would be taken for it.
    async fn arriving_of(
        &self,
        at: &Location,
        messages: &[Message],
        order: Order,
        known: Known,
    ) -> Result<HashSet<MessageId>> {
        let place = self.place(at);
        let arriving = self.names.arriving(&place).await?;
        if arriving.is_empty() {
            return Ok(HashSet::new());
        }
        let names = lookup::Lookup::new(&*self.names, place.clone());
        let unnamed = names.unnamed(messages).await?;
        let found = arriving::found(messages, order, &unnamed, &arriving, known);
        if found.is_empty() {
            return Ok(found);
        }
        let still = self.names.arriving(&place).await?;
        let both = arriving::in_both(arriving, still);
        Ok(arriving::found(messages, order, &unnamed, &both, known))
    }

    /// A call that failed. What was noted of it is told as well as may be: the failure is what matters.
    async fn failed(&self, at: &Location, telling: &mut Telling, error: Error) -> Error {
        let mut noted = telling.noted(at);
        let names = lookup::Lookup::new(&*self.names, self.place(at));
        if names.publics(&mut [&mut noted]).await.is_ok() {
            telling.tell(noted);
        }
        error
    }

    /// [`Renamed::lift`] of what a write has done: whatever fails now, it was done.
    async fn lift_done<T: HasIds + Send>(
        &self,
        at: &Location,
        telling: &mut Telling,
        done: Result<T>,
    ) -> Result<T> {
        let was_done = done.is_ok();
        let lifted = self.lift(at, telling, done).await;
        lifted.map_err(|error| {
            if was_done {
                error.outcome(Outcome::Applied)
            } else {
                error
            }
        })
    }

    /// What the backend is to demand of a message, known there as `native`, where callers demand `precondition` of it:
    /// that it still is what was judged here.
    async fn judge(
        &self,
        cx: &Context,
        at: &Location,
        native: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<Option<Precondition>> {
        let Some(precondition @ Precondition::Matches(_)) = precondition else {
            return Ok(precondition.cloned());
        };
        let mut aside = Telling::aside(cx);
        let fresh = aside.cx().fresh();
        let held = self.below.get_message(&fresh, at, native).await;
        let held = held.map_err(|error| error.outcome(Outcome::NotApplied))?;
        let representation = serde_json::to_vec(&held).map_err(|error| {
            Error::new(Kind::Internal, "a message could not be written")
                .outcome(Outcome::NotApplied)
                .source(error)
        })?;
        let shown = self.lift(at, &mut aside, Ok(held)).await;
        precondition.check(&shown.map_err(|error| error.outcome(Outcome::NotApplied))?)?;
        Ok(Some(Precondition::Matches(vec![etag(&representation)])))
    }

    /// The events of an answer with public ids.
    fn lift_events(&self, at: &Location, telling: Telling, events: EventStream) -> EventStream {
        let state = (self.clone(), at.clone(), telling, events);
        let lifted =
            futures_util::stream::unfold(state, |(this, at, mut telling, mut events)| async move {
                let event = events.next().await?;
                if matches!(event, Event::PartStarted { .. } | Event::PartDelta { .. }) {
                    return Some((event, (this, at, telling, events)));
                }
                let event = match this.lift(&at, &mut telling, Ok(event)).await {
                    Ok(event) => event,
                    // The answer is stored all the same.
                    Err(error) => Event::MessageFailed {
                        message: None,
                        error: error.outcome(Outcome::Applied),
                    },
                };
                Some((event, (this, at, telling, events)))
            });
        Box::pin(ids::until_last(lifted))
    }

    async fn settle_renamed(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
    ) -> Result<Settled> {
        let write = self.lower(at, intent.write.clone()).await?;
        let makes = matches!(
            write,
            Write::ImportMessage(_) | Write::ImportMessages(_) | Write::PutAttachment { .. }
        );
        let lowered = Intent {
            write,
            ..intent.clone()
        };
        let mut telling = Telling::under(cx);
        let settled = self.below.settle(telling.cx(), &lowered).await;
        let sort = Sort::of(makes && cx.copying);
        let settled = settled.map(|settled| Made::new(sort, settled));
        let mut settled = self.lift(at, &mut telling, settled).await?.into_inner();
        if let Settled::Applied(Applied::Conversation(located)) = &mut settled {
            located.location.renamed = true;
        }
        Ok(settled)
    }
}

/// A copy of a conversation that has its public id already: its messages get other ids here from the first.
fn mark_copy(cx: &Context, location: &mut Location) {
    location.renamed |= cx.public_id.is_some();
}
