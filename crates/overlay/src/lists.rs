//! Lists of messages and single messages.

use std::sync::Arc;

use backend::ports::{Holder, Kept, KeptMessage, KeptPage, Place};
use backend::{
    Context, Cursor, Error, FieldFate, Kind, Location, Order, Page, PageRequest, Position, Result,
};
use conversation::{Message, MessageId};

use crate::Overlay;
use crate::cursor::{Mark, before_time, list_name, of_backend, to_place};
use crate::index::{Why, under};

impl Overlay {
    /// A page of the messages that are shown: the backend's own, or those of the index.
    pub(crate) async fn message_page(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let why = match page.position {
            Some(Position::After(_) | Position::Before(_)) => Why::WalkGoesOn,
            Some(Position::AfterMessage(_) | Position::BeforeMessage(_)) | None => Why::Read,
        };
        let kept = match self.refreshed_for(cx, at, why).await {
            Ok(kept) => kept,
            Err(error) => self.kept_of_down(cx, at, error).await?,
        };
        let list = list_name(self.name(), at, page.order);
        let shown = if kept.index.is_some() {
            self.page_of_index(cx, at, page, &list).await
        } else {
            self.page_of_backend(cx, at, page, &list).await
        };
        let mut shown = shown.map_err(|error| error.at(self.name(), "list_messages"))?;
        let items = std::mem::take(&mut shown.items);
        shown.items = if kept.index.is_some() {
            self.lay_copies(cx, at, &kept, items).await?
        } else {
            self.lay_messages(cx, at, &kept, items).await?
        };
        Ok(shown)
    }

    async fn page_of_backend(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
        list: &str,
    ) -> Result<Page<Message>> {
        let position = match &page.position {
            Some(Position::After(cursor)) => Some(Position::After(inner(cursor, list)?)),
            Some(Position::Before(cursor)) => Some(Position::Before(inner(cursor, list)?)),
            other => other.clone(),
        };
        let request = PageRequest {
            position,
            ..page.clone()
        };
        let found = self.below().list_messages(&under(cx), at, &request).await?;
        of_backend(list, found)
    }

    async fn page_of_index(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
        list: &str,
    ) -> Result<Page<Message>> {
        let (start, is_backwards) = match &page.position {
            None => (None, false),
            Some(Position::After(cursor)) => {
                let place = self.place_of(at, cursor, list, page.order).await?;
                (Some(place), false)
            }
            Some(Position::Before(cursor)) => {
                let walk = reversed(page.order);
                let place = self.place_of(at, cursor, list, walk).await?;
                (Some(place), true)
            }
            Some(Position::AfterMessage(id)) => (Some(self.shown(at, id).await?.place), false),
            Some(Position::BeforeMessage(id)) => (Some(self.shown(at, id).await?.place), true),
        };
        let limit = page.limit.max(1);
        let walk = if is_backwards {
            reversed(page.order)
        } else {
            page.order
        };
        let mut items = self.walk(at, walk, start, limit.saturating_add(1)).await?;
        let goes_on = items.len() > limit;
        items.truncate(limit);
        let Some(nearest) = items.first().map(|message| message.place) else {
            return Ok(Page::default());
        };
        // Whether anything stands on the other side of where the walk began.
        let comes_after = match start {
            None => false,
            Some(_) => {
                let other = self.walk(at, reversed(walk), Some(nearest), 1).await?;
                !other.is_empty()
            }
        };
        if is_backwards {
            items.reverse();
        }
        let (has_next, has_previous) = if is_backwards {
            (comes_after, goes_on)
        } else {
            (goes_on, comes_after)
        };
        items.iter().for_each(|row| note_kept(cx, row));
        let cursor = |message: Option<&KeptMessage>, is_there: bool| {
            message
                .filter(|_| is_there)
                .map(|message| to_place(list, message.place))
                .transpose()
        };
        Ok(Page {
            next: cursor(items.last(), has_next)?,
            previous: cursor(items.first(), has_previous)?,
            items: items.into_iter().map(|message| message.message).collect(),
        })
    }

    async fn walk(
        &self,
        at: &Location,
        order: Order,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<KeptMessage>> {
        let page = KeptPage {
            order,
            after,
            limit,
        };
        self.state().messages(&self.beside(at), &page).await
    }

    /// Where a cursor leads in the index. One that was given before there was an index leads to the message that it
    /// stood at.
    async fn place_of(
        &self,
        at: &Location,
        cursor: &Cursor,
        list: &str,
        walk: Order,
    ) -> Result<Place> {
        match cursor.decode(list)? {
            Mark::Place(place) => Ok(place),
            Mark::Backend {
                anchor, sent_at, ..
            } => {
                let row = self.state().message(&self.beside(at), &anchor).await?;
                Ok(row.map_or_else(|| before_time(sent_at, walk), |row| row.place))
            }
        }
    }

    /// A message of the index that is shown, by its id or that of a message of the backend behind it.
    pub(crate) async fn shown(&self, at: &Location, id: &MessageId) -> Result<KeptMessage> {
        let row = self.state().message(&self.beside(at), id).await?;
        row.filter(|row| !row.is_hidden && !row.is_gone)
            .ok_or_else(Error::message_not_found)
    }

    /// One message as it is shown.
    pub(crate) async fn one_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
    ) -> Result<Message> {
        let kept = match self.knowing(cx, at, id).await {
            Ok(kept) => kept,
            Err(error) => self.kept_of_down(cx, at, error).await?,
        };
        let found = match self.held(cx, at, &kept, id).await {
            Ok(found) => found,
            Err(error) => self.held_of_down(cx, at, &kept, id, error).await?,
        };
        if let Held::Ours(row) = &found {
            note_kept(cx, row);
        }
        match found {
            Held::Backends(message) => self.laid(cx, at, &kept, *message).await,
            Held::Ours(row) | Held::Copy(row) => {
                let mut laid = self.lay_copies(cx, at, &kept, vec![row.message]).await?;
                laid.pop().ok_or_else(Error::message_not_found)
            }
        }
    }

    /// What is kept of a conversation, with an index that is true of this message. One that the index knows needs no
    /// reading of the others: the backend is asked for it by itself.
    pub(crate) async fn knowing(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
    ) -> Result<Arc<Kept>> {
        let kept = self.kept(at).await?;
        let is_known = kept.index.is_some()
            && !self.below().capabilities().access_expires
            && self.state().message(&self.beside(at), id).await?.is_some();
        if is_known {
            return Ok(kept);
        }
        self.refreshed(cx, at).await
    }

    /// A message with its rows laid over it.
    pub(crate) async fn laid(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        message: Message,
    ) -> Result<Message> {
        let mut laid = self.lay_messages(cx, at, kept, vec![message]).await?;
        laid.pop()
            .ok_or_else(|| Error::new(Kind::Internal, "one message was laid, and none came back"))
    }

    /// A message without its rows: ours as it is kept, the backend's as it holds it now.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for one that is hidden, gone, or in neither place.
    pub(crate) async fn held(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        id: &MessageId,
    ) -> Result<Held> {
        let not_found = || Error::message_not_found().at(self.name(), "get_message");
        let row = match &kept.index {
            Some(_) => self.state().message(&self.beside(at), id).await?,
            None => None,
        };
        if let Some(row) = row {
            if row.is_hidden {
                return Err(not_found());
            }
            let is_here = match &row.holder {
                Holder::Gateway => {
                    return Ok(Held::Ours(Box::new(row)));
                }
                Holder::Backend(native) => *native == at.native,
            };
            // What an earlier home of the conversation had, and what cannot be reached any more, is shown as it was.
            if kept.has_ended || !is_here {
                return if row.is_gone {
                    Err(not_found())
                } else {
                    Ok(Held::Copy(Box::new(row)))
                };
            }
            // A question that was asked again stands for the message that carries it.
            let id = row.message.id;
            let message = self.below().get_message(&under(cx), at, &id).await?;
            return Ok(Held::Backends(Box::new(message)));
        }
        if kept.has_ended {
            return Err(not_found());
        }
        let message = self.below().get_message(&under(cx), at, id).await?;
        Ok(Held::Backends(Box::new(message)))
    }
}

/// A message without its rows, by who has it.
#[derive(Debug)]
pub(crate) enum Held {
    /// Only the gateway.
    Ours(Box<KeptMessage>),
    /// The backend, which has just shown it.
    Backends(Box<Message>),
    /// The backend, out of our reach: a copy.
    Copy(Box<KeptMessage>),
}

impl Held {
    pub(crate) fn message(&self) -> &Message {
        match self {
            Self::Ours(row) | Self::Copy(row) => &row.message,
            Self::Backends(message) => message,
        }
    }
}

/// Notes where a message is kept that the backend does not have as it is shown.
fn note_kept(cx: &Context, row: &KeptMessage) {
    if row.holder != Holder::Gateway {
        return;
    }
    let detail = if row.natives.is_empty() {
        "kept beside the backend, which does not have this message"
    } else {
        "kept beside the backend, which has the words of this message in its own form"
    };
    let fates = vec![FieldFate::overlay("", detail)];
    cx.trace.note_fates(row.message.id.as_str(), fates);
}

fn reversed(order: Order) -> Order {
    match order {
        Order::Asc => Order::Desc,
        Order::Desc => Order::Asc,
    }
}

/// The backend's own cursor inside one of ours.
fn inner(cursor: &Cursor, list: &str) -> Result<Cursor> {
    match cursor.decode(list)? {
        Mark::Backend { cursor, .. } => Ok(cursor),
        Mark::Place(_) => Err(Error::new(
            Kind::InvalidCursor,
            "the cursor leads into what is no longer kept: begin the list again",
        )),
    }
}
