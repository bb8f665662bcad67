//! One page of the vendor's messages: reading it, putting it in order, finding where the next begins.

use adapterkit::{Effect, Failure, name_left_out};
use backend::{Error, Result};
use conversation::Time;

use super::Sunshine;
use super::records::repeats;
use crate::client::Caller;
use crate::error::Subject;
use crate::limits::PAGE_MAX;
use crate::wire::{self, Meta, PageQuery};

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
    /// Whether records are left out that cannot be read.
    pub(super) has_gaps: bool,
    /// Where the next page in the direction of travel begins; absent on the last one.
    pub(super) next: Option<String>,
}

/// A page that cannot be read, or was refused.
pub(super) enum Unread {
    /// The vendor refused it or did not answer.
    Failed(Failure),
    /// It is no page.
    Broken(Error),
}

impl Sunshine {
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

    pub(super) fn unread(&self, unread: Unread, operation: &'static str) -> Error {
        match unread {
            Unread::Failed(failure) => {
                self.failed(failure, Subject::Conversation, Effect::Read, operation)
            }
            Unread::Broken(error) => error.at(self.name(), operation),
        }
    }

    pub(super) async fn read_page(
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
            .map_err(Unread::Failed)?
            .named(self.name(), operation);
        let count = answer.answer.messages.len() + answer.left_out.len();
        let answer = answer.answer;
        let mut messages = answer.messages;
        messages.retain(|message| {
            let has_id = message.id.value().is_some();
            if !has_id {
                name_left_out(self.name(), operation, None);
            }
            has_id
        });
        let has_gaps = messages.len() < count;
        let (meta, links) = (answer.meta.value(), answer.links.value());
        if is_descending(&messages, meta) {
            messages.reverse();
        }
        if sent.is_some() && messages.iter().any(|message| id_of(message) == sent) {
            return Err(Unread::Broken(repeats()));
        }
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
        Ok(VendorPage {
            messages,
            has_gaps,
            next,
        })
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

/// When the vendor received a message, where it says so.
pub(super) fn received(message: &wire::Message) -> Option<Time> {
    message.received.value()?.parse().ok()
}

/// Whether a page is plainly newest first: the order inside a page is not stated. Its cursors say so, else the times at
/// which its ends were received.
fn is_descending(messages: &[wire::Message], meta: Option<&Meta>) -> bool {
    let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
        return false;
    };
    let (first_id, last_id) = (id_of(first), id_of(last));
    if first_id == last_id {
        return false;
    }
    let oldest = meta.and_then(|meta| meta.before_cursor.value());
    let newest = meta.and_then(|meta| meta.after_cursor.value());
    let is = |cursor: Option<&String>, id: Option<&str>| {
        cursor.is_some_and(|cursor| Some(cursor.as_str()) == id)
    };
    if is(oldest, first_id) || is(newest, last_id) {
        return false;
    }
    if is(oldest, last_id) || is(newest, first_id) {
        return true;
    }
    match (received(first), received(last)) {
        (Some(first), Some(last)) => first > last,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, received: &str) -> wire::Message {
        serde_json::from_str(&format!(r#"{{"id":"{id}","received":"{received}"}}"#)).unwrap()
    }

    #[test]
    fn only_a_page_that_is_plainly_newest_first_is_turned() {
        let (early, late) = (
            message("a", "2024-01-01T00:00:00.000Z"),
            message("b", "2024-01-01T00:00:00.001Z"),
        );
        assert!(is_descending(&[late.clone(), early.clone()], None));
        assert!(!is_descending(&[early.clone(), late], None));
        assert!(!is_descending(&[early.clone(), early], None));
        assert!(!is_descending(&[], None));
        // Spelled otherwise, it is still the earlier one.
        let spelled = message("c", "2023-12-31T23:59:59Z");
        let same_second = message("d", "2023-12-31T23:59:59.5Z");
        assert!(!is_descending(&[spelled, same_second], None));
    }

    #[test]
    fn cursors_tell_the_order_where_times_do_not() {
        let at_once = ["a", "b"].map(|id| message(id, "2024-01-01T00:00:00.000Z"));
        for (meta, descending) in [
            (r#"{"beforeCursor":"a"}"#, false),
            (r#"{"beforeCursor":"b"}"#, true),
            (r#"{"afterCursor":"a"}"#, true),
            (r#"{"afterCursor":"b"}"#, false),
            (r#"{"beforeCursor":"elsewhere"}"#, false),
        ] {
            let decoded: Meta = serde_json::from_str(meta).unwrap();
            assert_eq!(
                is_descending(&at_once, Some(&decoded)),
                descending,
                "{meta}"
            );
        }
    }
}
