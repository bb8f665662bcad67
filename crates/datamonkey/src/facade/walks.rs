//! Whole lists: the vendor has no pages, backends have nothing else.

use std::cmp::Reverse;

use backend::{
    Context, ConversationFilter, ConversationQuery, Cursor, Location, Order, PageRequest, Position,
    SortKey,
};

use super::App;
use super::problem::Problem;
use super::view::{self, SPELLING};
use crate::wire::{ChatConversation, ChatMessage};

/// Items of one page of a walk.
const PAGE: usize = 200;
/// The most conversations of a list: those that began last. The vendor has no limit.
const CONVERSATIONS_MAX: usize = 10_000;
/// The most messages that are shown of a conversation: the newest.
const MESSAGES_MAX: usize = 10_000;
/// The most bytes of words in a list: behind that it is cut like one with too many items.
const BYTES_MAX: usize = 64 * 1024 * 1024;

impl App {
    /// All conversations of the caller, the last changed first.
    pub(super) async fn all_conversations(
        &self,
        cx: &Context,
    ) -> Result<Vec<ChatConversation>, Problem> {
        let size = |(_, one): &(_, ChatConversation)| {
            one.title.value().map_or(0, String::len) + one.id.len()
        };
        let mut walk = Walk::new("conversations", CONVERSATIONS_MAX, size);
        loop {
            let query = ConversationQuery {
                filter: ConversationFilter::default(),
                // A walk by change would miss what changes during it.
                sort: SortKey::CreatedAt,
                page: walk.request(),
            };
            let found = self.parts.backend.list_conversations(cx, &query).await?;
            let conversations: Vec<_> = found
                .page
                .items
                .iter()
                .map(|located| &located.conversation)
                .collect();
            let spelled = SPELLING.spelled(&self.parts, &conversations).await?;
            let shown = conversations.iter().zip(&spelled).map(|(one, spelled)| {
                // By more than the milliseconds that are shown.
                let moved = (one.updated_at, one.created_at);
                (moved, view::listed(one, spelled))
            });
            if walk.is_over_after(shown, found.page.next) {
                break;
            }
        }
        let mut shown = walk.found;
        shown.sort_by_key(|(moved, _)| Reverse(*moved));
        Ok(shown.into_iter().map(|(_, one)| one).collect())
    }

    /// All messages that can be shown, oldest first.
    pub(super) async fn all_messages(
        &self,
        cx: &Context,
        at: &Location,
    ) -> Result<Vec<ChatMessage>, Problem> {
        let mut walk = Walk::new("messages", MESSAGES_MAX, |one: &ChatMessage| {
            one.content.len()
        });
        loop {
            let request = walk.request();
            let page = self.parts.backend.list_messages(cx, at, &request).await?;
            let shown = page.items.iter().filter_map(view::message);
            if walk.is_over_after(shown, page.next) {
                break;
            }
        }
        let mut shown = walk.found;
        shown.reverse();
        Ok(shown)
    }
}

/// A walk through pages, from the newest on: where not all fit, the oldest are left out.
struct Walk<T, F> {
    what: &'static str,
    /// The most items.
    most: usize,
    /// The bytes that an item counts.
    size: F,
    /// The bytes that still fit.
    room: usize,
    found: Vec<T>,
    position: Option<Cursor>,
}

impl<T, F: Fn(&T) -> usize> Walk<T, F> {
    fn new(what: &'static str, most: usize, size: F) -> Self {
        Self {
            what,
            most,
            size,
            room: BYTES_MAX,
            found: Vec::new(),
            position: None,
        }
    }

    /// The next page.
    fn request(&self) -> PageRequest {
        PageRequest {
            limit: PAGE,
            order: Order::Desc,
            position: self.position.clone().map(Position::After),
        }
    }

    /// Takes a page. True where nothing follows, or nothing more is shown.
    fn is_over_after(&mut self, page: impl IntoIterator<Item = T>, next: Option<Cursor>) -> bool {
        let mut is_cut = false;
        for one in page {
            let size = (self.size)(&one);
            // The newest is shown however long it is.
            let fits = self.found.is_empty() || size <= self.room;
            if self.found.len() == self.most || !fits {
                is_cut = true;
                break;
            }
            self.room = self.room.saturating_sub(size);
            self.found.push(one);
        }
        is_cut |= self.found.len() == self.most && next.is_some();
        if is_cut {
            tracing::warn!(
                facade = super::KIND,
                list = self.what,
                "a list is longer than this facade shows; the oldest are left out"
            );
        }
        self.position = next;
        is_cut || self.position.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_at(number: usize) -> Cursor {
        Cursor::encode("tests", &number).unwrap()
    }

    /// Walks through pages of this many items, newest first, of which all are shown but every third.
    fn walked(pages: &[usize], most: usize) -> (Vec<usize>, usize) {
        let mut walk = Walk::new("tests", most, |_: &usize| 1);
        let mut number = 0;
        for (place, length) in pages.iter().enumerate() {
            let page = number..number + length;
            number += length;
            let next = (place + 1 < pages.len()).then(|| place_at(number));
            if walk.is_over_after(page.filter(|item| item % 3 != 2), next) {
                return (walk.found, place + 1);
            }
        }
        panic!("a walk ends with the last page");
    }

    #[test]
    fn a_walk_ends_with_the_last_page_or_where_no_more_is_shown() {
        assert_eq!(walked(&[0], 5), (vec![], 1));
        assert_eq!(walked(&[3, 0, 3], 5), (vec![0, 1, 3, 4], 3));
        assert_eq!(walked(&[3, 3, 3, 3], 5), (vec![0, 1, 3, 4, 6], 3));
        assert_eq!(walked(&[3, 3, 3], 4), (vec![0, 1, 3, 4], 2));
        assert_eq!(walked(&[3, 3], 4), (vec![0, 1, 3, 4], 2));
        assert_eq!(walked(&[3], 1), (vec![0], 1));
    }

    #[test]
    fn a_walk_ends_where_the_bytes_end_with_the_newest_at_least() {
        let size = |item: &usize| item * 1024 * 1024;
        let mut walk = Walk::new("tests", 100, size);
        assert!(!walk.is_over_after([30, 30], Some(place_at(2))));
        // 3 fits, 2 does not; 1 would, and is older than what was left out.
        assert!(walk.is_over_after([3, 2, 1], Some(place_at(5))));
        assert_eq!(walk.found, [30, 30, 3]);
        let mut walk = Walk::new("tests", 100, size);
        assert!(!walk.is_over_after([65], Some(place_at(1))));
        assert!(!walk.is_over_after([0], Some(place_at(2))));
        assert!(walk.is_over_after([1], None));
        assert_eq!(walk.found, [65, 0]);
    }

    #[test]
    fn each_page_begins_where_the_last_one_ended() {
        let mut walk = Walk::new("tests", 5, |_: &usize| 1);
        assert!(walk.request().position.is_none());
        assert!(!walk.is_over_after([1], Some(place_at(2))));
        let Some(Position::After(cursor)) = walk.request().position else {
            panic!("a place to go on from");
        };
        assert!(cursor == place_at(2));
    }
}
