//! Pages of messages, built on the vendor's own cursors: a cursor is a message's id, and so is ours.
//!
//! The vendor's page holds 100 messages, the newest without a cursor, else those next to the cursor on the side that
//! is asked for. So a page of ours costs one call, whatever the length of the conversation; the first one of a
//! conversation that is longer than a page of the vendor's costs two.

use std::sync::atomic::Ordering;

use backend::{Context, Cursor, Error, Kind, Location, Order, Page, PageRequest, Position, Result};
use conversation::Message;

use super::Sunshine;
use super::records::repeats;
use super::vendor_page::{Step, Unread, VendorPage, id_of, is_gone};
use crate::client::Caller;
use crate::error::{has_status, is_about_the_request};
use crate::limits::{CONVERSATION_MAX_MESSAGES, PAGE_MAX};
use crate::wire;

const OPERATION: &str = "list_messages";
/// A cursor before every message: ids are hexadecimal digits, and this is the smallest of them. Without it nothing
/// leads to a conversation's beginning but the way back from its end.
const BEGINNING: &str = "000000000000000000000000";
/// The most pages that a full conversation has, and a few for those that grow meanwhile.
const PAGES_MAX: usize = (CONVERSATION_MAX_MESSAGES as usize).div_ceil(PAGE_MAX) + 8;

/// What was met on the way from one place in one direction.
struct Travelled {
    /// In the order of travel.
    messages: Vec<wire::Message>,
    /// Whether there are more in that direction.
    more: bool,
}

impl Sunshine {
    pub(super) async fn message_page(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let caller = self.caller(cx);
        // One that counts as deleted shows nothing, whatever a customer wrote into it since.
        self.facts(caller, at, OPERATION).await?;
        let limit = page.limit.clamp(1, PAGE_MAX);
        let list = format!("{}/messages/{}/{:?}", self.name(), at.native, page.order);
        let (anchor, forwards) = match &page.position {
            None => (None, true),
            Some(Position::After(cursor)) => (Some(cursor.decode::<String>(&list)?), true),
            Some(Position::Before(cursor)) => (Some(cursor.decode::<String>(&list)?), false),
            Some(Position::AfterMessage(id)) => {
                self.find(caller, at, id, OPERATION).await?;
                (Some(id.to_string()), true)
            }
            Some(Position::BeforeMessage(id)) => {
                self.find(caller, at, id, OPERATION).await?;
                (Some(id.to_string()), false)
            }
        };
        let ascending = forwards == (page.order == Order::Asc);
        let Travelled { mut messages, more } = self
            .travel(caller, at, anchor.as_deref(), ascending, limit)
            .await?;
        if messages.is_empty() {
            // Nothing to show, or nothing that may be shown.
            self.0.known.forget(&at.native);
            self.facts(caller, at, OPERATION).await?;
            return Ok(Page::default());
        }
        if !forwards {
            messages.reverse();
        }
        let place = |message: Option<&wire::Message>| -> Result<Option<Cursor>> {
            let id = message.and_then(|message| message.id.value());
            id.map(|id| Cursor::encode(&list, id)).transpose()
        };
        let (has_next, has_previous) = if forwards {
            (more, anchor.is_some())
        } else {
            (true, more)
        };
        let next = place(messages.last().filter(|_| has_next))?;
        let previous = place(messages.first().filter(|_| has_previous))?;
        Ok(Page {
            items: self
                .canonical_messages(cx, caller, at, &messages, OPERATION)
                .await?,
            next,
            previous,
        })
    }

    /// At most `limit` messages from `anchor` on, or from the end of the conversation that lies in that direction.
    /// Deleted ones are passed over.
    async fn travel(
        &self,
        caller: Caller,
        at: &Location,
        anchor: Option<&str>,
        ascending: bool,
        limit: usize,
    ) -> Result<Travelled> {
        let Some(anchor) = anchor else {
            let newest = self.shown_page(caller, at, Step::Newest).await?;
            return if ascending {
                self.first_messages(caller, at, newest, limit).await
            } else {
                self.go_on(caller, at, newest, false, limit).await
            };
        };
        let step = step(anchor, ascending);
        match self.read_page(caller, &at.native, step, OPERATION).await {
            Ok(page) => {
                let page = self
                    .folded(caller, &at.native, step, page, OPERATION)
                    .await?;
                self.go_on(caller, at, page, ascending, limit).await
            }
            Err(Unread::Failed(failure))
                if has_status(&failure, 400) || has_status(&failure, 404) =>
            {
                // Where the conversation is there, it is the cursor that leads nowhere.
                self.read(caller, at, OPERATION).await?;
                let message = "the message at which this page begins is not there any more";
                Err(Error::new(Kind::InvalidCursor, message).at(self.name(), OPERATION))
            }
            Err(unread) => Err(self.unread(unread, OPERATION)),
        }
    }

    /// One of the vendor's pages, without messages that are not shown by themselves.
    async fn shown_page(
        &self,
        caller: Caller,
        at: &Location,
        step: Step<'_>,
    ) -> Result<VendorPage> {
        let page = self.page(caller, &at.native, step, OPERATION).await?;
        self.folded(caller, &at.native, step, page, OPERATION).await
    }

    /// At most `limit` messages from the beginning of `page` on.
    async fn go_on(
        &self,
        caller: Caller,
        at: &Location,
        mut page: VendorPage,
        ascending: bool,
        limit: usize,
    ) -> Result<Travelled> {
        let mut messages: Vec<wire::Message> = Vec::new();
        for _ in 0..PAGES_MAX {
            let visible = page
                .messages
                .into_iter()
                .filter(|message| !is_gone(message));
            if ascending {
                messages.extend(visible);
            } else {
                messages.extend(visible.rev());
            }
            let next = match page.next {
                Some(next) if messages.len() < limit => next,
                next => {
                    let more = messages.len() > limit || next.is_some();
                    messages.truncate(limit);
                    return Ok(Travelled { messages, more });
                }
            };
            page = self.shown_page(caller, at, step(&next, ascending)).await?;
        }
        Err(repeats().at(self.name(), OPERATION))
    }

    /// The first messages of a conversation: on the newest page where that is the only one, else behind the cursor
    /// before all messages, else found by walking back.
    async fn first_messages(
        &self,
        caller: Caller,
        at: &Location,
        newest: VendorPage,
        limit: usize,
    ) -> Result<Travelled> {
        if newest.next.is_none() {
            return self.go_on(caller, at, newest, true, limit).await;
        }
        if self.0.beginning_is_refused.load(Ordering::Relaxed) {
            return self.walk_back(caller, at, newest, limit).await;
        }
        let step = Step::After(BEGINNING);
        let is_certain = match self.read_page(caller, &at.native, step, OPERATION).await {
            Ok(oldest) if lies_before(&oldest, &newest) => {
                let oldest = self
                    .folded(caller, &at.native, step, oldest, OPERATION)
                    .await?;
                return self.go_on(caller, at, oldest, true, limit).await;
            }
            // It took the cursor for another one.
            Ok(_) => true,
            Err(Unread::Failed(failure)) if is_about_the_request(&failure) => {
                !has_status(&failure, 500)
            }
            Err(unread) => return Err(self.unread(unread, OPERATION)),
        };
        let found = self.walk_back(caller, at, newest, limit).await?;
        if is_certain {
            tracing::info!(
                backend.name = self.name(),
                "sunshine takes no cursor before all messages: first pages are read from the end"
            );
            self.0.beginning_is_refused.store(true, Ordering::Relaxed);
        }
        Ok(found)
    }

    /// The first messages of a conversation, found by walking back from its newest page.
    async fn walk_back(
        &self,
        caller: Caller,
        at: &Location,
        newest: VendorPage,
        limit: usize,
    ) -> Result<Travelled> {
        // Oldest first; never more than two pages of the vendor's.
        let mut oldest: Vec<wire::Message> = Vec::new();
        let mut more = false;
        let mut page = newest;
        for _ in 0..PAGES_MAX {
            let mut found: Vec<wire::Message> = page
                .messages
                .into_iter()
                .filter(|message| !is_gone(message))
                .collect();
            found.append(&mut oldest);
            more |= found.len() > limit;
            found.truncate(limit);
            oldest = found;
            let Some(next) = page.next else {
                return Ok(Travelled {
                    messages: oldest,
                    more,
                });
            };
            page = self.shown_page(caller, at, Step::Before(&next)).await?;
        }
        Err(repeats().at(self.name(), OPERATION))
    }
}

/// From a message on, in one direction.
fn step(anchor: &str, ascending: bool) -> Step<'_> {
    if ascending {
        Step::After(anchor)
    } else {
        Step::Before(anchor)
    }
}

/// Whether a page that is to be the first one begins before the newest one, which has others before it.
fn lies_before(oldest: &VendorPage, newest: &VendorPage) -> bool {
    oldest.messages.first().is_some_and(|first| {
        newest
            .messages
            .iter()
            .all(|message| id_of(message) != id_of(first))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CURSOR_CHARS;

    #[test]
    fn a_conversation_has_its_longest_walk() {
        assert_eq!(BEGINNING.len(), CURSOR_CHARS);
        assert_eq!(PAGES_MAX, 308);
    }
}
