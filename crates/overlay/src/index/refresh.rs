//! Reading the messages of a conversation at its backend: all of them, or the new ones, or none where nothing moved.

use std::collections::HashSet;
use std::time::Duration;

use backend::ports::{IndexState, Indexed, Kept};
use backend::{
    BackendExt, Context, Error, Freshness, Kind, Location, MessageOrder, Order, Origin, Outcome,
    PageRequest, Result,
};
use conversation::{Message, MessageId, Time};
use futures_util::TryStreamExt;

use super::{Look, mark_of, under};
use crate::Overlay;

/// The page size where the backend names no largest.
const PAGE: usize = 1_000;
/// For how many messages more an index is read whole half as often.
const WHOLE_READING_MESSAGES: u64 = 1_000;

/// Why the backend is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It must be known what is there now.
    Asked,
    /// Something is read or written.
    Read,
    /// A list is read on from a cursor.
    WalkGoesOn,
}

impl Overlay {
    /// Looks at what the backend has; nothing where its change mark says that nothing was added, as far as `why` allows.
    pub(crate) async fn look(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        why: Why,
    ) -> Result<Option<Look>> {
        let capabilities = self.below().capabilities();
        let is_fresh = cx.freshness == Freshness::Fresh;
        // What is learned here changes rows: never from memory.
        let cx = &under(&cx.fresh());
        let began = Time::now();
        let index = kept
            .index
            .as_ref()
            .filter(|index| index.native == at.native);
        let reads_conversation = capabilities.change_mark || capabilities.access_expires;
        let conversation = if reads_conversation {
            Some(self.below().get_conversation(cx, at).await?)
        } else {
            None
        };
        let mark = conversation
            .as_ref()
            .filter(|_| capabilities.change_mark)
            .map(mark_of);
        let max_age = self.settings().index_max_age;
        let is_young = index.is_some_and(|index| is_younger(index.read_at, began, max_age));
        let stands_still = index.is_some_and(|index| index.mark == mark);
        let is_due = match why {
            Why::Asked => true,
            Why::Read => !is_young || mark.is_none() || !stands_still || is_fresh,
            // The reading with which the walk began is as fresh as was asked for.
            Why::WalkGoesOn => !is_young || (mark.is_some() && !stands_still),
        };
        if !is_due {
            return Ok(None);
        }
        // Before the backend is read: what is added to the index meanwhile is not missing there.
        let known: Vec<Indexed> = self.state().index(&self.beside(at)).await?;
        let grown = index.filter(|index| {
            capabilities.message_order == MessageOrder::Native
                && (why == Why::Asked || !is_fresh)
                && !is_whole_due(index, kept.messages, began, max_age)
        });
        let size = capabilities
            .limits
            .page_max
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(PAGE)
            .max(1);
        let messages = match grown {
            Some(_) => self.read_new(cx, at, &known, size).await?,
            None => None,
        };
        let is_whole = messages.is_none();
        let messages: Vec<Message> = match messages {
            Some(messages) => messages,
            None => {
                self.below()
                    .all_messages(cx, at, PageRequest::first(size))
                    .try_collect()
                    .await?
            }
        };
        let known = known.into_iter().map(|row| (row.id.clone(), row));
        Ok(Some(Look {
            before: known.collect(),
            messages: messages.into_iter().map(impersonal).collect(),
            is_whole,
            mark,
            conversation,
            began,
        }))
    }

    /// The newest messages back to a page with one that is known, oldest first; nothing where none is known to the end:
    /// then these are all, and the caller reads them as such.
    async fn read_new(
        &self,
        cx: &Context,
        at: &Location,
        known: &[Indexed],
        size: usize,
    ) -> Result<Option<Vec<Message>>> {
        let known: HashSet<&MessageId> = known
            .iter()
            .filter(|row| !row.is_gone)
            .flat_map(|row| std::iter::once(&row.id).chain(&row.natives))
            .collect();
        let mut request = PageRequest {
            limit: size,
            order: Order::Desc,
            position: None,
        };
        let mut seen = HashSet::new();
        let mut newest_first = Vec::new();
        loop {
            let page = self.below().list_messages(cx, at, &request).await?;
            let meets = page.items.iter().any(|message| known.contains(&message.id));
            newest_first.extend(page.items);
            if meets {
                newest_first.reverse();
                return Ok(Some(newest_first));
            }
            match page.next {
                None => return Ok(None),
                Some(next) if !seen.insert(next.clone()) => {
                    return Err(
                        Error::new(Kind::InvalidResponse, "the backend repeats a cursor")
                            .origin(Origin::Upstream)
                            .outcome(Outcome::NotApplied)
                            .at(self.name(), "list_messages"),
                    );
                }
                Some(next) => request = request.after(next),
            }
        }
    }
}

/// The message without the vote of who asked: a copy is read by others.
pub(crate) fn impersonal(mut message: Message) -> Message {
    if let Some(rating) = &mut message.rating {
        rating.mine = None;
    }
    message
}

fn is_younger(time: Time, now: Time, max: Duration) -> bool {
    let micros = i64::try_from(max.as_micros()).unwrap_or(i64::MAX);
    now < time.saturating_add_micros(micros)
}

/// Whether all messages are to be read again: rarely where there are many, because each reading costs as many.
fn is_whole_due(index: &IndexState, messages: u64, now: Time, max_age: Duration) -> bool {
    let times = u32::try_from(1 + messages / WHOLE_READING_MESSAGES).unwrap_or(u32::MAX);
    !is_younger(index.whole_at, now, max_age.saturating_mul(times))
}
