//! Pages of messages: backwards from the newest, 100 each, with ids as cursors.

use backend::{Kind, Location, Order, PageRequest, Position};
use conversation::{Message, MessageId, Time};

use super::answer::Refused;
use super::call::Call;
use super::ids::{MESSAGES, is_object_id, time_of};
use crate::limits::PAGE_MAX;
use crate::wire::PageQuery;

/// A cursor before all messages, and one behind them.
const FIRST: &str = "000000000000000000000000";
const LAST: &str = "ffffffffffffffffffffffff";

/// What a vendor's clock adds at most, in milliseconds.
const SKEW_MS: i64 = 300_000;

/// One page, oldest first.
#[derive(Debug)]
pub(super) struct History {
    pub(super) messages: Vec<Message>,
    /// Whether there are more in the direction of travel.
    pub(super) has_more: bool,
    /// To the page before, where there is one.
    pub(super) before: Option<String>,
    /// To the page after.
    pub(super) after: Option<String>,
}

impl History {
    /// A page with nothing on it.
    fn empty() -> Self {
        Self {
            messages: Vec::new(),
            has_more: false,
            before: None,
            after: None,
        }
    }
}

/// Where a page lies.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Newest,
    Oldest,
    Before(MessageId),
    After(MessageId),
    Nowhere,
}

/// The page that is asked for. Its size does not count here.
pub(super) async fn page(
    call: &Call,
    at: &Location,
    began: Time,
    query: &PageQuery,
) -> Result<History, Refused> {
    let cursor = query.before.as_ref().or(query.after.as_ref());
    let is_before_all = match cursor {
        Some(cursor) => is_before_all(call, at, began, cursor).await?,
        None => false,
    };
    let place = match (&query.before, &query.after) {
        (Some(_), _) if is_before_all => Place::Nowhere,
        (None, Some(_)) if is_before_all => Place::Oldest,
        (Some(cursor), _) => before(call, at, cursor).await?,
        (None, Some(cursor)) => after(call, at, cursor).await?,
        (None, None) => Place::Newest,
    };
    let backwards = query.after.is_none();
    let request = |order, position| PageRequest {
        limit: PAGE_MAX,
        order,
        position,
    };
    let request = match place {
        Place::Nowhere => return Ok(History::empty()),
        Place::Newest => request(Order::Desc, None),
        Place::Oldest => request(Order::Asc, None),
        Place::Before(id) => request(Order::Asc, Some(Position::BeforeMessage(id))),
        Place::After(id) => request(Order::Asc, Some(Position::AfterMessage(id))),
    };
    let is_turned = request.order == Order::Desc;
    let page = call
        .backend()
        .list_messages(&call.cx(), at, &request)
        .await?;
    call.shared.messages.remember(&MESSAGES, at.id, &page.items);
    let mut messages = page.items;
    let (mut older, mut newer) = (page.previous.is_some(), page.next.is_some());
    if is_turned {
        messages.reverse();
        std::mem::swap(&mut older, &mut newer);
    }
    let spelled = |message: &Message| (MESSAGES.spell)(message);
    Ok(History {
        has_more: if backwards { older } else { newer },
        before: messages.first().filter(|_| older).map(spelled),
        after: messages.last().filter(|_| newer).map(spelled),
        messages,
    })
}

/// Whether an id is older than all messages: whoever guesses one is not worth a walk. Only messages that were copied can be
/// older than their conversation.
pub(super) async fn is_before_all(
    call: &Call,
    at: &Location,
    began: Time,
    cursor: &str,
) -> Result<bool, Refused> {
    let Some(time) = time_of(cursor).filter(|time| *time + SKEW_MS < began.as_millis()) else {
        return Ok(false);
    };
    let first = PageRequest {
        limit: 1,
        order: Order::Asc,
        position: None,
    };
    let page = call.backend().list_messages(&call.cx(), at, &first).await?;
    let is_behind = |oldest: &Message| time + SKEW_MS < oldest.sent_at.as_millis();
    Ok(page.items.first().is_none_or(is_behind))
}

async fn before(call: &Call, at: &Location, cursor: &str) -> Result<Place, Refused> {
    match cursor {
        FIRST => return Ok(Place::Nowhere),
        LAST => return Ok(Place::Newest),
        _ => {}
    }
    if let Some(id) = known(call, at, cursor).await? {
        return Ok(Place::Before(id));
    }
    let around = around(call, at, cursor).await?;
    Ok(match around {
        (None, _) => Place::Nowhere,
        (Some(_), Some(newer)) => Place::Before(newer),
        (Some(_), None) => Place::Newest,
    })
}

async fn after(call: &Call, at: &Location, cursor: &str) -> Result<Place, Refused> {
    match cursor {
        FIRST => return Ok(Place::Oldest),
        LAST => return Ok(Place::Nowhere),
        _ => {}
    }
    if let Some(id) = known(call, at, cursor).await? {
        return Ok(Place::After(id));
    }
    let around = around(call, at, cursor).await?;
    Ok(match around {
        (_, None) => Place::Nowhere,
        (Some(older), Some(_)) => Place::After(older),
        (None, Some(_)) => Place::Oldest,
    })
}

/// The message that a cursor names; `None` where it is gone.
async fn known(call: &Call, at: &Location, cursor: &str) -> Result<Option<MessageId>, Refused> {
    if !is_object_id(cursor) {
        return Err(Refused::bad_page());
    }
    let found = call
        .shared
        .messages
        .find(&call.cx(), at, &MESSAGES, cursor)
        .await;
    match found {
        Ok(message) => Ok(Some(message.id)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The messages between which one stood that is gone: whoever deletes what it has read goes on from such a cursor. Its
/// id still tells when that was.
async fn around(
    call: &Call,
    at: &Location,
    cursor: &str,
) -> Result<(Option<MessageId>, Option<MessageId>), Refused> {
    let time = time_of(cursor).ok_or_else(Refused::bad_page)?;
    let mut newer = None;
    let mut request = PageRequest {
        limit: PAGE_MAX,
        order: Order::Desc,
        position: None,
    };
    loop {
        let page = call
            .backend()
            .list_messages(&call.cx(), at, &request)
            .await?;
        for message in page.items {
            let said = message.sent_at.as_millis();
            let is_older = said < time || (said == time && *(MESSAGES.spell)(&message) < *cursor);
            if is_older {
                return Ok((Some(message.id), newer));
            }
            newer = Some(message.id);
        }
        match page.next {
            Some(next) => request = request.after(next),
            None => return Ok((None, newer)),
        }
    }
}
