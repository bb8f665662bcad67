//! Pages of messages, built on the vendor's own cursors: a cursor is a message's id, and so is ours.
//!
//! The vendor's page holds 100 messages, the newest without a cursor, else those next to the cursor on the side that
//! is asked for. So any page of ours costs one call, whatever the length of the conversation.

use std::sync::atomic::Ordering;

use adapterkit::{Effect, Failure};
use backend::{Context, Cursor, Error, Location, Order, Page, PageRequest, Position, Result};
use conversation::{Message, MessageId};

use super::Sunshine;
use super::records::{readable, repeats, skipped};
use crate::client::Caller;
use crate::error::{Subject, has_status};
use crate::limits::{CONVERSATION_MAX_MESSAGES, PAGE_MAX};
use crate::mapping::message_to_canonical;
use crate::wire::{self, CURSOR_CHARS, PageQuery};

/// A cursor before every message: ids are hexadecimal digits, and this is the smallest of them. Without it nothing
/// leads to a conversation's beginning but the way back from its end.
const BEGINNING: &str = "000000000000000000000000";
/// The most pages that a full conversation has, and a few for those that grow meanwhile.
const PAGES_MAX: usize = (CONVERSATION_MAX_MESSAGES as usize).div_ceil(PAGE_MAX) + 8;
/// The most pages that are read for one of ours, where all of their messages are deleted.
const HIDDEN_PAGES_MAX: usize = 32;

/// Which of the vendor's pages.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    /// The last one.
    Newest,
    /// The one right before a message.
    Before(&'a str),
    /// The one right after a message.
    After(&'a str),
}

impl<'a> Step<'a> {
    fn cursor(self) -> Option<&'a str> {
        match self {
            Self::Newest => None,
            Self::Before(cursor) | Self::After(cursor) => Some(cursor),
        }
    }
}

/// One page of the vendor's, oldest first.
pub(super) struct VendorPage {
    pub(super) messages: Vec<wire::Message>,
    /// Where the next page in the direction of travel begins; absent on the last one.
    pub(super) next: Option<String>,
}

/// A page that cannot be read, or was refused.
enum Unread {
    /// The vendor refused it or did not answer.
    Failed(Failure),
    /// It is no page.
    Broken(Error),
}

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
        let operation = "list_messages";
        let caller = self.caller(cx);
        let limit = page.limit.clamp(1, PAGE_MAX);
        let list = format!("{}/messages/{}/{:?}", self.name(), at.native, page.order);
        let (anchor, forwards) = match &page.position {
            None => (None, true),
            Some(Position::After(cursor)) => (Some(cursor.decode::<String>(&list)?), true),
            Some(Position::Before(cursor)) => (Some(cursor.decode::<String>(&list)?), false),
            Some(Position::AfterMessage(id)) => {
                self.find(caller, at, id, operation).await?;
                (Some(id.to_string()), true)
            }
            Some(Position::BeforeMessage(id)) => {
                self.find(caller, at, id, operation).await?;
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
            self.facts(caller, at, operation).await?;
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
                .canonical_messages(cx, caller, at, &messages, operation)
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
        let operation = "list_messages";
        if ascending && anchor.is_none() && self.0.beginning_is_refused.load(Ordering::Relaxed) {
            return self.first_by_walking_back(caller, at, limit).await;
        }
        let mut messages: Vec<wire::Message> = Vec::new();
        let mut cursor = anchor.map(str::to_owned);
        for _ in 0..HIDDEN_PAGES_MAX {
            let step = match (&cursor, ascending) {
                (None, false) => Step::Newest,
                (None, true) => Step::After(BEGINNING),
                (Some(cursor), true) => Step::After(cursor),
                (Some(cursor), false) => Step::Before(cursor),
            };
            let from_beginning = ascending && cursor.is_none();
            let page = match self.read_page(caller, &at.native, step, operation).await {
                Err(Unread::Failed(failure)) if from_beginning && has_status(&failure, 400) => {
                    tracing::info!(
                        backend.name = self.name(),
                        "sunshine takes no cursor before all messages: first pages are read from the end"
                    );
                    self.0.beginning_is_refused.store(true, Ordering::Relaxed);
                    return self.first_by_walking_back(caller, at, limit).await;
                }
                page => page.map_err(|unread| self.unread(unread, operation))?,
            };
            let visible = page
                .messages
                .into_iter()
                .filter(|message| !is_gone(message));
            if ascending {
                messages.extend(visible);
            } else {
                messages.extend(visible.rev());
            }
            if messages.len() >= limit || page.next.is_none() {
                let more = messages.len() > limit || page.next.is_some();
                messages.truncate(limit);
                return Ok(Travelled { messages, more });
            }
            cursor = page.next;
        }
        let more = !messages.is_empty();
        Ok(Travelled { messages, more })
    }

    /// The first messages of a conversation, found by walking back from its end.
    async fn first_by_walking_back(
        &self,
        caller: Caller,
        at: &Location,
        limit: usize,
    ) -> Result<Travelled> {
        let operation = "list_messages";
        // Oldest first; never more than two pages of the vendor's.
        let mut oldest: Vec<wire::Message> = Vec::new();
        let mut more = false;
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let step = cursor.as_deref().map_or(Step::Newest, Step::Before);
            let page = self.page(caller, &at.native, step, operation).await?;
            let mut found: Vec<wire::Message> = page
                .messages
                .into_iter()
                .filter(|message| !is_gone(message))
                .collect();
            found.append(&mut oldest);
            more |= found.len() > limit;
            found.truncate(limit);
            oldest = found;
            match page.next {
                Some(next) => cursor = Some(next),
                None => {
                    return Ok(Travelled {
                        messages: oldest,
                        more,
                    });
                }
            }
        }
        Err(repeats().at(self.name(), operation))
    }

    /// One of the vendor's pages.
    pub(super) async fn page(
        &self,
        caller: Caller,
        native: &str,
        step: Step<'_>,
        operation: &'static str,
    ) -> Result<VendorPage> {
        self.read_page(caller, native, step, operation)
            .await
            .map_err(|unread| self.unread(unread, operation))
    }

    fn unread(&self, unread: Unread, operation: &'static str) -> Error {
        match unread {
            Unread::Failed(failure) => {
                self.failed(failure, Subject::Conversation, Effect::Read, operation)
            }
            Unread::Broken(error) => error.at(self.name(), operation),
        }
    }

    async fn read_page(
        &self,
        caller: Caller,
        native: &str,
        step: Step<'_>,
        operation: &'static str,
    ) -> std::result::Result<VendorPage, Unread> {
        let sent = step.cursor();
        let query = PageQuery {
            after: match step {
                Step::After(cursor) => Some(cursor.to_owned()),
                Step::Newest | Step::Before(_) => None,
            },
            before: match step {
                Step::Before(cursor) => Some(cursor.to_owned()),
                Step::Newest | Step::After(_) => None,
            },
            size: None,
        };
        let answer = self
            .client()
            .list_messages(caller, native, &query)
            .await
            .map_err(Unread::Failed)?;
        let count = answer.messages.len();
        let mut messages: Vec<wire::Message> = readable(&answer.messages, self.name(), operation);
        messages.retain(|message| {
            let has_id = message.id.value().is_some();
            if !has_id {
                skipped(self.name(), operation, None, adapterkit::Unmappable("id"));
            }
            has_id
        });
        if is_descending(&messages) {
            messages.reverse();
        }
        if sent.is_some() && messages.iter().any(|message| id_of(message) == sent) {
            return Err(Unread::Broken(repeats()));
        }
        let (meta, links) = (answer.meta.value(), answer.links.value());
        let ascending = matches!(step, Step::After(_));
        let told = meta.and_then(|meta| {
            let cursor = if ascending {
                &meta.after_cursor
            } else {
                &meta.before_cursor
            };
            cursor.value().map(String::as_str)
        });
        let link = links.and_then(|links| {
            let link = if ascending { &links.next } else { &links.prev };
            link.value()
        });
        let has_more = match meta.and_then(|meta| meta.has_more.into_value()) {
            Some(has_more) => has_more,
            None if meta.is_some() || links.is_some() => told.is_some() || link.is_some(),
            None => count >= PAGE_MAX,
        };
        let edge = if ascending {
            messages.last()
        } else {
            messages.first()
        };
        // Ids are the cursors; the vendor's own is needed only where no message of the page can be read.
        let next = edge.and_then(id_of).or(told).map(str::to_owned);
        let next = next.filter(|_| has_more);
        let leads_back = |cursor: Option<&str>| cursor.is_some() && cursor == sent;
        if has_more && (leads_back(next.as_deref()) || leads_back(told)) {
            return Err(Unread::Broken(repeats()));
        }
        Ok(VendorPage { messages, next })
    }

    /// One message, for which the vendor has no call: it is on the newest page, or right before the one that comes
    /// right after it. At most three calls.
    pub(super) async fn find(
        &self,
        caller: Caller,
        at: &Location,
        id: &MessageId,
        operation: &'static str,
    ) -> Result<wire::Message> {
        let missing = || Error::message_not_found().at(self.name(), operation);
        let shown = |message: wire::Message| {
            if is_gone(&message) {
                Err(missing())
            } else {
                Ok(message)
            }
        };
        let wanted = Some(id.as_str());
        let newest = self
            .page(caller, &at.native, Step::Newest, operation)
            .await?;
        let is_whole = newest.next.is_none();
        if let Some(found) = newest
            .messages
            .into_iter()
            .find(|message| id_of(message) == wanted)
        {
            return shown(found);
        }
        // Cursors have one length; an id of another is none of this vendor's.
        if is_whole || id.as_str().chars().count() != CURSOR_CHARS {
            return Err(missing());
        }
        let step = Step::After(id.as_str());
        let after = match self.read_page(caller, &at.native, step, operation).await {
            Err(Unread::Failed(failure)) if has_status(&failure, 400) => return Err(missing()),
            page => page.map_err(|unread| self.unread(unread, operation))?,
        };
        let Some(follower) = after.messages.first().and_then(id_of) else {
            return Err(missing());
        };
        let mut before = self
            .page(caller, &at.native, Step::Before(follower), operation)
            .await?;
        match before.messages.pop() {
            Some(found) if id_of(&found) == wanted => shown(found),
            _ => Err(missing()),
        }
    }

    /// Messages in canonical form, with our ids of their users. One that cannot be read is named and left out.
    pub(super) async fn canonical_messages(
        &self,
        cx: &Context,
        caller: Caller,
        at: &Location,
        messages: &[wire::Message],
        operation: &'static str,
    ) -> Result<Vec<Message>> {
        self.learn_names(caller, &at.native, messages, operation)
            .await?;
        let name_of = |id: &str| self.name_of(&cx.principal.tenant, id);
        let readable = messages.iter().filter_map(|message| {
            match message_to_canonical(message, at.id, &name_of) {
                Ok(message) => Some(message),
                Err(reason) => {
                    skipped(self.name(), operation, id_of(message), reason);
                    None
                }
            }
        });
        Ok(readable.collect())
    }

    /// One message in canonical form.
    pub(super) async fn canonical_message(
        &self,
        cx: &Context,
        caller: Caller,
        at: &Location,
        message: &wire::Message,
        operation: &'static str,
    ) -> Result<Message> {
        let one = std::slice::from_ref(message);
        self.learn_names(caller, &at.native, one, operation).await?;
        let name_of = |id: &str| self.name_of(&cx.principal.tenant, id);
        message_to_canonical(message, at.id, &name_of)
            .map_err(|error| self.unmappable(error, operation))
    }

    pub(super) async fn one_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
    ) -> Result<Message> {
        let operation = "get_message";
        let caller = self.caller(cx);
        let found = self.find(caller, at, id, operation).await?;
        self.canonical_message(cx, caller, at, &found, operation)
            .await
    }
}

/// A message's id.
pub(super) fn id_of(message: &wire::Message) -> Option<&str> {
    message.id.value().map(String::as_str)
}

/// Whether only a placeholder is left of a message.
pub(super) fn is_gone(message: &wire::Message) -> bool {
    message.deleted.into_value().unwrap_or_default()
}

/// Whether a page is plainly newest first: the order inside a page is not stated. Times are compared as text, which
/// one spelling allows.
fn is_descending(messages: &[wire::Message]) -> bool {
    let received = |message: Option<&wire::Message>| {
        message.and_then(|message| message.received.value().cloned())
    };
    match (received(messages.first()), received(messages.last())) {
        (Some(first), Some(last)) => first > last,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(received: &str) -> wire::Message {
        serde_json::from_str(&format!(r#"{{"received":"{received}"}}"#)).unwrap()
    }

    #[test]
    fn only_a_page_that_is_plainly_newest_first_is_turned() {
        let (early, late) = (
            message("2024-01-01T00:00:00.000Z"),
            message("2024-01-01T00:00:00.001Z"),
        );
        assert!(is_descending(&[late.clone(), early.clone()]));
        assert!(!is_descending(&[early.clone(), late]));
        assert!(!is_descending(&[early.clone(), early]));
        assert!(!is_descending(&[]));
        assert_eq!(BEGINNING.len(), CURSOR_CHARS);
        assert_eq!(PAGES_MAX, 308);
    }
}
