//! The messages of a source, page by page.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use backend::{Error, Kind, Location, Order, Origin, Outcome, PageRequest, Position, Result};
use conversation::{Message, MessageId};

use super::source::Source;

/// Messages of a page.
const PAGE: usize = 200;

/// All messages of a conversation, a page at a time.
pub(super) struct Pages<'p> {
    source: &'p Source<'p>,
    at: &'p Location,
    next: Option<PageRequest>,
    /// Hashes of the cursors so far.
    seen: HashSet<u64>,
}

impl<'p> Pages<'p> {
    pub(super) fn new(source: &'p Source<'p>, at: &'p Location, order: Order) -> Self {
        Self {
            source,
            at,
            next: Some(PageRequest {
                limit: source.end().page_size(PAGE),
                order,
                position: None,
            }),
            seen: HashSet::new(),
        }
    }

    /// Those behind a message, oldest first.
    pub(super) fn behind(source: &'p Source<'p>, at: &'p Location, message: MessageId) -> Self {
        let mut pages = Self::new(source, at, Order::Asc);
        if let Some(first) = &mut pages.next {
            first.position = Some(Position::AfterMessage(message));
        }
        pages
    }

    /// The next page; `None` behind the last. One may be empty though others follow.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Message>>> {
        let Some(request) = self.next.take() else {
            return Ok(None);
        };
        let page = self.source.page(self.at, &request).await?;
        if let Some(cursor) = page.next {
            let mut hasher = DefaultHasher::new();
            cursor.hash(&mut hasher);
            if !self.seen.insert(hasher.finish()) {
                // Going on would never end; stopping would look like the end of the conversation.
                return Err(
                    Error::new(Kind::InvalidResponse, "the backend repeats a cursor")
                        .origin(Origin::Upstream)
                        .outcome(Outcome::NotApplied)
                        .at(self.source.end().name(), "list_messages"),
                );
            }
            self.next = Some(PageRequest {
                position: Some(Position::After(cursor)),
                ..request
            });
        }
        Ok(Some(page.items))
    }
}
