//! Pages by keyset, the same for every list: the ten-thousandth costs what the first costs.

use backend::{Cursor, Error, Kind, Order, Page, PageRequest, Position, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Attempt;

/// The largest page; a larger request gets this.
pub(crate) const PAGE_MAX_ITEMS: usize = 1_000;

/// How many items a page may hold.
pub(crate) fn page_size(page: &PageRequest) -> Result<usize> {
    bounded(page.limit)
}

/// A page's limit, made as small as the largest page.
pub(crate) fn bounded(limit: usize) -> Result<usize> {
    if limit == 0 {
        return Err(Error::new(
            Kind::InvalidRequest,
            "a page holds at least one item",
        ));
    }
    Ok(limit.min(PAGE_MAX_ITEMS))
}

/// The order as it stands in the names of lists.
pub(crate) fn order_name(order: Order) -> &'static str {
    match order {
        Order::Asc => "asc",
        Order::Desc => "desc",
    }
}

/// Which way a page is read, and from where.
#[derive(Debug)]
pub(crate) struct Walk<P> {
    /// The place next to which it begins; `None` at the list's beginning.
    pub(crate) start: Option<P>,
    /// True for a page that ends at the place: it is read the other way and turned round.
    backwards: bool,
    /// True where larger places are read first.
    pub(crate) descending: bool,
}

impl<P> Walk<P> {
    pub(crate) fn new(order: Order, start: Option<P>, backwards: bool) -> Self {
        Self {
            start,
            backwards,
            descending: (order == Order::Desc) != backwards,
        }
    }

    /// The walk of a list of conversations, which never begins at a message.
    pub(crate) fn of_conversations(page: &PageRequest, list: &str) -> Result<Self>
    where
        P: DeserializeOwned,
    {
        Ok(match &page.position {
            None => Self::new(page.order, None, false),
            Some(Position::After(cursor)) => {
                Self::new(page.order, Some(cursor.decode(list)?), false)
            }
            Some(Position::Before(cursor)) => {
                Self::new(page.order, Some(cursor.decode(list)?), true)
            }
            Some(Position::AfterMessage(_) | Position::BeforeMessage(_)) => {
                return Err(Error::new(
                    Kind::InvalidRequest,
                    "a list of conversations does not begin at a message",
                ));
            }
        })
    }

    /// Makes a page of what was read, which is one item more than the page holds where there are more. `beyond` looks
    /// whether anything lies on the side from which the walk came.
    pub(crate) fn cut<T>(
        &self,
        mut items: Vec<(P, T)>,
        size: usize,
        beyond: impl FnOnce(&P) -> Attempt<bool>,
    ) -> Attempt<Found<P, T>> {
        let more = items.len() > size;
        items.truncate(size);
        let behind = match (&self.start, items.first()) {
            (Some(_), Some((nearest, _))) => beyond(nearest)?,
            _ => false,
        };
        if self.backwards {
            items.reverse();
            return Ok(Found {
                items,
                more_before: more,
                more_after: behind,
            });
        }
        Ok(Found {
            items,
            more_before: behind,
            more_after: more,
        })
    }
}

/// A page's items with their places, and whether there are more on either side.
pub(crate) struct Found<P, T> {
    items: Vec<(P, T)>,
    more_before: bool,
    more_after: bool,
}

impl<P: Serialize, T> Found<P, T> {
    /// The page, with cursors that open in `list` only.
    pub(crate) fn into_page(self, list: &str) -> Result<Page<T>> {
        let cursor = |wanted: bool, item: Option<&(P, T)>| {
            item.filter(|_| wanted)
                .map(|(place, _)| Cursor::encode(list, place))
                .transpose()
        };
        let previous = cursor(self.more_before, self.items.first())?;
        let next = cursor(self.more_after, self.items.last())?;
        Ok(Page {
            items: self.items.into_iter().map(|(_, item)| item).collect(),
            next,
            previous,
        })
    }
}
