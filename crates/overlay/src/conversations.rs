//! Conversations: create, read, enumerate; below, update and delete.

use std::sync::Arc;

use backend::ports::{Change, IndexState, Kept};
use backend::{
    Context, ConversationPage, ConversationQuery, Error, FidelityPolicy, Kind, Located, Location,
    Outcome, Result, Write,
};
use conversation::{Conversation, NewConversation, Time};
use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::fields::{Compared, Named, compare_conversation};
use crate::index::{beginning, under};
use crate::preview::without;
use crate::ratings::is_refusal;
use crate::{Overlay, fidelity, participants};

mod changing;
mod deleting;

/// How often a write is sent again without the fields that the backend refused on the way.
const REFUSALS_MAX: usize = 3;

/// How many conversations are read at once where some of them can no longer be reached.
const READ_PARALLEL: usize = 8;

impl Overlay {
    pub(crate) async fn create(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        participants::check(&new.participants)?;
        let write = Write::CreateConversation(new.clone());
        self.foretell(&write).check(cx, self.name())?;
        let projection = self.below().preview(&write);
        let sent = match projection.write {
            Write::CreateConversation(sent) => sent,
            _ => new.clone(),
        };
        let located = self.create_below(cx, sent).await?;
        self.created(cx, &new, located).await
    }

    /// Creates at the backend; what it refuses on the way is left out.
    async fn create_below(&self, cx: &Context, mut new: NewConversation) -> Result<Located> {
        let mut rounds = 0;
        loop {
            let made = self
                .below()
                .create_conversation(&under(cx), new.clone())
                .await;
            match made {
                Err(error) if may_send_less(cx, &error, rounds) => {
                    new = without(&new, &error.violations)?.ok_or(error)?;
                    rounds += 1;
                }
                made => return made,
            }
        }
    }

    /// Keeps what the backend does not hold of a conversation that it has just made of `new`. The same again changes
    /// nothing.
    pub(crate) async fn created(
        &self,
        cx: &Context,
        new: &NewConversation,
        located: Located,
    ) -> Result<Located> {
        let Located {
            location,
            conversation: held,
        } = as_copy(cx, located);
        let mut wanted = new
            .clone()
            .into_conversation(location.id, self.name(), held.created_at);
        participants::name(cx, &mut wanted.participants, &held.participants);
        let named = if cx.copying {
            Named::Copied
        } else {
            Named::Sent(new)
        };
        let mut foretold = self.foretell(&Write::CreateConversation(new.clone())).fates;
        foretold.extend(participants::apart(
            &self.below().capabilities(),
            &held.participants,
        ));
        let Compared { rows, mut changes } =
            compare_conversation(&wanted, named, &held, &[], &foretold)?;
        fidelity::note_rows(cx, &location.id.to_string(), &rows, &foretold);
        changes.extend(self.copy_of(&held, &Kept::default()));
        let can = self.below().capabilities();
        // Where all of a copied history is kept here, nothing needs to be read of what was made just now.
        let is_filled_here = cx.copying && !can.message_import.works();
        if can.access_expires || is_filled_here {
            changes.push(empty_index(&location));
        }
        if changes.is_empty() {
            return Ok(Located {
                location,
                conversation: held,
            });
        }
        self.apply(cx, &location, changes).await.map_err(applied)?;
        let kept = self.kept(&location).await.map_err(applied)?;
        let conversation = self.show_conversation(held, &kept)?;
        Ok(Located {
            location,
            conversation,
        })
    }

    pub(crate) async fn read(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let kept = self.kept_filled(cx, at).await?;
        let (held, kept) = self.held_conversation(cx, at, kept).await?;
        self.lay_conversation(cx, at, held, &kept).await
    }

    /// The conversation as the backend holds it; where access has ended, and for a reader where the backend is down, as it
    /// last showed it.
    pub(crate) async fn held_conversation(
        &self,
        cx: &Context,
        at: &Location,
        kept: Arc<Kept>,
    ) -> Result<(Conversation, Arc<Kept>)> {
        if kept.has_ended {
            return copied(kept);
        }
        match self.below().get_conversation(&under(cx), at).await {
            Ok(held) => Ok((held, kept)),
            Err(error) if self.has_ended(&kept, &error) => copied(self.note_ended(cx, at).await?),
            Err(error) => Ok((Self::copy_of_down(cx, &kept, error)?, kept)),
        }
    }

    pub(crate) fn read_each<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        stream::once(self.kept_of_each(at))
            .flat_map(move |kept| match kept {
                Ok(kept) => self.read_each_of(cx, at, kept),
                Err(error) => {
                    let failed = (0..at.len()).map(move |place| (place, Err(error.clone())));
                    stream::iter(failed).boxed()
                }
            })
            .boxed()
    }

    fn read_each_of<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
        kept: Vec<Arc<Kept>>,
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        if kept.iter().any(|kept| kept.has_ended) {
            let all = at.iter().zip(kept).enumerate();
            return stream::iter(all)
                .map(move |(place, (location, kept))| async move {
                    (place, self.read_known(cx, location, kept, None).await)
                })
                .buffer_unordered(READ_PARALLEL)
                .boxed();
        }
        let read = self.below().get_conversations(cx, at);
        let laid = read.filter_map(move |(place, read)| {
            let known = at.get(place).zip(kept.get(place).cloned());
            async move {
                let (location, kept) = known?;
                Some((place, self.read_known(cx, location, kept, Some(read)).await))
            }
        });
        laid.boxed()
    }

    /// A conversation of which it is known what is kept, and where `read` is given, what reading it gave.
    async fn read_known(
        &self,
        cx: &Context,
        at: &Location,
        kept: Arc<Kept>,
        read: Option<Result<Conversation>>,
    ) -> Result<Conversation> {
        let (held, kept) = match read {
            Some(Ok(held)) => (held, kept),
            Some(Err(error)) if self.has_ended(&kept, &error) => {
                copied(self.note_ended(cx, at).await?)?
            }
            Some(Err(error)) => return Err(error),
            None => self.held_conversation(cx, at, kept).await?,
        };
        self.lay_conversation(cx, at, held, &kept).await
    }

    pub(crate) async fn enumerate(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        let mut found = self.below().list_conversations(cx, query).await?;
        let places: Vec<Location> = found
            .page
            .items
            .iter()
            .map(|located| located.location.clone())
            .collect();
        let kept = self.kept_of_each(&places).await?;
        let held = std::mem::take(&mut found.page.items);
        for (
            Located {
                location,
                conversation,
            },
            kept,
        ) in held.into_iter().zip(kept)
        {
            let conversation = self.lay_listed(cx, &location, conversation, &kept).await?;
            found.page.items.push(Located {
                location,
                conversation,
            });
        }
        Ok(found)
    }
}

/// A conversation that was just made, with the public id of the one that it is a copy of.
pub(crate) fn as_copy(cx: &Context, mut made: Located) -> Located {
    if let Some(id) = cx.public_id {
        made.location.id = id;
        made.conversation.id = id;
    }
    made
}

/// The index of a conversation in which nothing was said yet: known from the start where access ends.
fn empty_index(at: &Location) -> Change {
    let now = Time::now();
    Change::Index(IndexState {
        native: at.native.clone(),
        mark: None,
        read_at: now,
        whole_at: now,
        floor: beginning(),
    })
}

/// A failure after the backend was changed.
pub(crate) fn applied(error: Error) -> Error {
    error.outcome(Outcome::Applied)
}

/// True where the backend named what it cannot hold, and the rest may be sent: nothing was done, and the caller does not
/// insist.
pub(crate) fn may_send_less(cx: &Context, error: &Error, rounds: usize) -> bool {
    cx.fidelity == FidelityPolicy::Lenient
        && error.kind == Kind::NotHeld
        && is_refusal(error)
        && rounds < REFUSALS_MAX
}

fn copied(kept: Arc<Kept>) -> Result<(Conversation, Arc<Kept>)> {
    let copy = kept.copy.as_deref().cloned().ok_or_else(|| {
        Error::new(
            Kind::AccessEnded,
            "access to the conversation has ended, and no copy was kept",
        )
    })?;
    Ok((copy, kept))
}
