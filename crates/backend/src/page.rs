//! Pages and cursors: every list is read in pages, in either direction.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conversation::{Digest, MessageId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, Kind, Result};

/// The order of a list: by time, or by the key it is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Oldest or smallest first.
    #[default]
    Asc,
    /// Newest or largest first.
    Desc,
}

/// A place in a list. Opaque to callers; bound to the list that made it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(Box<str>);

/// The first byte of what a cursor encodes: the version of the encoding.
const CURSOR_VERSION: u8 = 1;
/// The longest cursor that is read at all, in bytes.
const CURSOR_MAX_BYTES: usize = 1_024;

impl Cursor {
    /// A cursor to `place` in the list that `list` describes: everything that selects and orders it, the backend's
    /// name first. The page size is not part of it.
    ///
    /// # Errors
    /// [`Kind::Internal`] where `place` cannot be JSON.
    pub fn encode<T: Serialize>(list: &str, place: &T) -> Result<Self> {
        let mut bytes = vec![CURSOR_VERSION];
        bytes.extend_from_slice(&Digest::of(list.as_bytes()).as_bytes()[..8]);
        serde_json::to_writer(&mut bytes, place).map_err(|error| {
            Error::new(Kind::Internal, "a cursor could not be written").source(error)
        })?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// The place, where this cursor belongs to the list that `list` describes.
    ///
    /// # Errors
    /// [`Kind::InvalidCursor`] for a cursor of another list, backend, filter or version, or one that was changed.
    pub fn decode<T: DeserializeOwned>(&self, list: &str) -> Result<T> {
        let invalid = |message: &str| Error::new(Kind::InvalidCursor, message);
        let foreign = "the cursor belongs to another list: use it with the same filters, sort and order that it came from";
        if self.0.len() > CURSOR_MAX_BYTES {
            return Err(invalid("not a cursor"));
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(self.0.as_bytes())
            .map_err(|_| invalid("not a cursor"))?;
        let (version, rest) = bytes.split_first().ok_or_else(|| invalid("not a cursor"))?;
        let (bound, place) = rest
            .split_at_checked(8)
            .ok_or_else(|| invalid("not a cursor"))?;
        if *version != CURSOR_VERSION || bound != &Digest::of(list.as_bytes()).as_bytes()[..8] {
            return Err(invalid(foreign));
        }
        serde_json::from_slice(place).map_err(|_| invalid(foreign))
    }

    /// The cursor as text, safe in a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Cursor {
    /// Takes a caller's text as it is; [`Cursor::decode`] judges it.
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// Right after this place, in the list's order.
    After(Cursor),
    /// Right before it: the page that ends there, still in the list's order.
    Before(Cursor),
    /// Right after this message, in the list's order.
    AfterMessage(MessageId),
    /// Right before this message.
    BeforeMessage(MessageId),
}

/// Which page is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many items, at least 1.
    pub limit: usize,
    /// The list's order.
    pub order: Order,
    /// Where the page begins; absent: at the list's beginning.
    pub position: Option<Position>,
}

impl PageRequest {
    /// The first page, oldest first.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self {
            limit,
            order: Order::Asc,
            position: None,
        }
    }

    /// The same list, after `cursor`.
    #[must_use]
    pub fn after(&self, cursor: Cursor) -> Self {
        Self {
            position: Some(Position::After(cursor)),
            ..self.clone()
        }
    }

    /// The same list, before `cursor`.
    #[must_use]
    pub fn before(&self, cursor: Cursor) -> Self {
        Self {
            position: Some(Position::Before(cursor)),
            ..self.clone()
        }
    }
}

impl PageRequest {
    /// This page of messages that are known whole: `index` holds them oldest first, each at a `place` of its own that
    /// only grows. `list` names the list without its order.
    ///
    /// # Errors
    /// [`Kind::InvalidCursor`] for a cursor of another list, [`Kind::NotFound`] where the page begins at a message that
    /// is not in it.
    pub fn of_index<'i, T, K>(
        &self,
        list: &str,
        index: &'i [T],
        place: impl Fn(&T) -> K,
        is: impl Fn(&T, &MessageId) -> bool,
    ) -> Result<Page<&'i T>>
    where
        K: Ord + Serialize + DeserializeOwned,
    {
        let list = format!("{list}/{:?}", self.order);
        let (limit, length) = (self.limit.max(1), index.len());
        let nth = |position: usize| match self.order {
            Order::Asc => &index[position],
            Order::Desc => &index[length - 1 - position],
        };
        // How many come before `wanted` in the list's order, or up to it.
        let before = |wanted: &K, inclusive: bool| match self.order {
            Order::Asc => index.partition_point(|item| {
                let place = place(item);
                place < *wanted || (inclusive && place == *wanted)
            }),
            Order::Desc => {
                length
                    - index.partition_point(|item| {
                        let place = place(item);
                        place < *wanted || (!inclusive && place == *wanted)
                    })
            }
        };
        let of_message = |id: &MessageId| {
            (0..length)
                .find(|position| is(nth(*position), id))
                .ok_or_else(Error::message_not_found)
        };
        let (start, end) = match &self.position {
            None => (0, limit.min(length)),
            Some(Position::After(cursor)) => {
                let start = before(&cursor.decode(&list)?, true);
                (start, start.saturating_add(limit).min(length))
            }
            Some(Position::AfterMessage(id)) => {
                let start = of_message(id)? + 1;
                (start, start.saturating_add(limit).min(length))
            }
            Some(Position::Before(cursor)) => {
                let end = before(&cursor.decode(&list)?, false);
                (end.saturating_sub(limit), end)
            }
            Some(Position::BeforeMessage(id)) => {
                let end = of_message(id)?;
                (end.saturating_sub(limit), end)
            }
        };
        let cursor = |position: usize| Cursor::encode(&list, &place(nth(position)));
        Ok(Page {
            items: (start..end).map(nth).collect(),
            next: (start < end && end < length)
                .then(|| cursor(end - 1))
                .transpose()?,
            previous: (start < end && start > 0)
                .then(|| cursor(start))
                .transpose()?,
        })
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// To the page after this one; absent on the last page.
    pub next: Option<Cursor>,
    /// To the page before this one; absent on the first page.
    pub previous: Option<Cursor>,
}

impl<T> Page<T> {
    /// The same page with other items.
    pub fn map<U>(self, map: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(map).collect(),
            next: self.next,
            previous: self.previous,
        }
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            next: None,
            previous: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_an_index_lead_there_and_back_in_both_orders() {
        let index = [1_i64, 2, 4, 8, 16, 32, 64];
        let is = |item: &i64, id: &MessageId| id.as_str() == item.to_string();
        for order in [Order::Asc, Order::Desc] {
            let first = PageRequest {
                limit: 3,
                order,
                position: None,
            };
            let page = |request: &PageRequest| request.of_index("list", &index, |item| *item, is);
            let mut expected = index.to_vec();
            if order == Order::Desc {
                expected.reverse();
            }
            let one = page(&first).unwrap();
            let two = page(&first.after(one.next.clone().unwrap())).unwrap();
            let three = page(&first.after(two.next.clone().unwrap())).unwrap();
            let walked: Vec<i64> = [&one, &two, &three]
                .into_iter()
                .flat_map(|page| page.items.iter().map(|item| **item))
                .collect();
            assert_eq!(walked, expected);
            assert_eq!((one.previous, three.next), (None, None));
            assert_eq!(
                page(&first.before(two.previous.unwrap())).unwrap().items,
                one.items
            );
            let from_message = |position| PageRequest {
                position: Some(position),
                ..first.clone()
            };
            let id: MessageId = "8".parse().unwrap();
            assert_eq!(
                page(&from_message(Position::AfterMessage(id.clone())))
                    .unwrap()
                    .items,
                expected[4..].iter().collect::<Vec<_>>()
            );
            assert_eq!(
                page(&from_message(Position::BeforeMessage(id)))
                    .unwrap()
                    .items,
                expected[..3].iter().collect::<Vec<_>>()
            );
            let missing = from_message(Position::AfterMessage("3".parse().unwrap()));
            assert_eq!(page(&missing).unwrap_err().kind, Kind::NotFound);
        }
    }

    #[test]
    fn a_cursor_opens_only_in_its_own_list() {
        let cursor = Cursor::encode("store/messages/a/asc", &(5_i64, "m1")).unwrap();
        assert_eq!(
            cursor
                .decode::<(i64, String)>("store/messages/a/asc")
                .unwrap(),
            (5, "m1".to_owned())
        );
        for list in ["store/messages/a/desc", "other/messages/a/asc", ""] {
            assert_eq!(
                cursor.decode::<(i64, String)>(list).unwrap_err().kind,
                Kind::InvalidCursor
            );
        }
        for text in ["", "x", "AQ", "!!!!", &"A".repeat(5_000)] {
            assert_eq!(
                Cursor::from(text).decode::<i64>("a").unwrap_err().kind,
                Kind::InvalidCursor,
                "{text}"
            );
        }
    }
}
