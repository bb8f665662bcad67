//! One side of a comparison: a conversation at one backend, read past every cache and page by page.

use std::collections::VecDeque;

use backend::{Cursor, Error, Kind, Location, Order, Origin, Page, PageRequest, Position, Result};
use conversation::{AttachmentId, Conversation, Digest, Message, MessageId};

use crate::end::End as Asked;
use crate::files;
use crate::parts::Endpoint;
use crate::run::{Run, Subject};

/// How many messages a page holds, where the backend gives so many.
const PAGE: usize = 200;

/// One side of a comparison, or of a plan.
#[derive(Debug)]
pub(crate) struct Side {
    end: Asked,
    at: Location,
    /// For whom the other places of the conversation are asked for files that are not here; absent where they are not.
    asks: Option<(Run, Subject)>,
    /// Messages that were read and not taken yet.
    page: VecDeque<Message>,
    /// The page behind them; absent behind the last one.
    next: Option<PageRequest>,
    circle: Circle,
}

/// Notices that a backend leads in a circle, however long, by remembering one cursor: after 1, 2, 4, 8 … pages another.
#[derive(Debug, Default)]
struct Circle {
    remembered: Option<Cursor>,
    pages: u64,
    until: u64,
}

impl Circle {
    /// True where the circle is closed.
    fn is_closed_by(&mut self, cursor: &Cursor) -> bool {
        if self.remembered.as_ref() == Some(cursor) {
            return true;
        }
        if self.pages == self.until {
            self.remembered = Some(cursor.clone());
            self.until = (self.until * 2).max(1);
            self.pages = 0;
        }
        self.pages += 1;
        false
    }
}

impl Side {
    pub(crate) fn new(run: &Run, endpoint: &Endpoint, subject: &Subject, at: Location) -> Self {
        let end = run.end(endpoint, subject);
        let first = PageRequest::first(end.page_size(PAGE));
        Self {
            end,
            at,
            asks: None,
            page: VecDeque::new(),
            next: Some(first),
            circle: Circle::default(),
        }
    }

    /// The same side, as a copy reads it: a file that it names and does not have is taken from where it is.
    pub(super) fn asking_elsewhere(self, run: &Run, subject: &Subject) -> Self {
        Self {
            asks: Some((run.clone(), subject.clone())),
            ..self
        }
    }

    /// The conversation itself.
    pub(crate) async fn own(&self) -> Result<Conversation> {
        self.end.conversation(&self.at).await
    }

    /// From now on only the newest `limit` messages are met, the newest first.
    pub(super) async fn only_newest(&mut self, limit: usize) -> Result<()> {
        let request = PageRequest {
            limit: self.end.page_size(limit),
            order: Order::Desc,
            position: None,
        };
        let page = self.end.page(&self.at, &request).await?;
        self.page = page.items.into();
        self.page.truncate(limit);
        self.next = None;
        Ok(())
    }

    /// Makes sure that the next message is there, where there is one.
    pub(crate) async fn fill(&mut self) -> Result<()> {
        while self.page.is_empty()
            && let Some(request) = &self.next
        {
            let Page { items, next, .. } = self.end.page(&self.at, request).await?;
            self.next = match next {
                None => None,
                Some(cursor) if self.circle.is_closed_by(&cursor) => return Err(repeats()),
                Some(cursor) => Some(PageRequest {
                    position: Some(Position::After(cursor)),
                    ..request.clone()
                }),
            };
            self.page = items.into();
        }
        Ok(())
    }

    /// The next message, after [`Side::fill`].
    pub(super) fn head(&self) -> Option<&Message> {
        self.page.front()
    }

    /// Takes the next message, after [`Side::fill`].
    pub(crate) fn take(&mut self) -> Option<Message> {
        self.page.pop_front()
    }

    /// A message by its id; nothing where this side has none such.
    pub(super) async fn message(&self, id: &MessageId) -> Result<Option<Message>> {
        self.end.message(&self.at, id).await
    }

    /// SHA-256 of an attachment's bytes; nothing where this side has none such.
    pub(super) async fn attachment(&self, id: &AttachmentId) -> Result<Option<Digest>> {
        let mut content = self.end.attachment(&self.at, id).await?;
        if content.is_none()
            && let Some((run, subject)) = &self.asks
        {
            let found = files::elsewhere(run, subject, id, self.end.name()).await?;
            content = found.map(|(_, content)| content);
        }
        Ok(content.map(|content| Digest::of(&content.bytes)))
    }
}

/// Going on would never end; stopping would look like the end of the list.
fn repeats() -> Error {
    Error::new(Kind::InvalidResponse, "the backend repeats a cursor").origin(Origin::Upstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_any_length_is_noticed_and_a_straight_way_is_none() {
        let cursor = |number: usize| Cursor::from(number.to_string().as_str());
        for length in 1..40 {
            for before in 0..20 {
                let mut circle = Circle::default();
                let way = (0..before).chain((before..before + length).cycle());
                let closed = way
                    .take(1_000)
                    .position(|number| circle.is_closed_by(&cursor(number)));
                assert!(closed.is_some(), "{length} {before}");
            }
        }
        let mut circle = Circle::default();
        assert!((0..10_000).all(|number| !circle.is_closed_by(&cursor(number))));
    }
}
