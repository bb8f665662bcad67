//! Messages of all conversations, a page at a time: one conversation after the other.

use backend::{
    Context, ConversationFilter, ConversationQuery, Cursor, Kind, Location, Order, Page,
    PageRequest, Position, SortKey,
};
use conversation::{ConversationId, Message, Time};
use serde::{Deserialize, Serialize};

use super::App;
use super::answer::Problem;
use super::show;

/// Conversations that one page looks into at most; a page may be short, and still not the last.
const VISITS_MAX: usize = 50;

/// Which messages are wanted.
pub(super) enum Walk {
    /// All, by conversation, oldest first.
    All,
    /// Those said since a time, where there is one, in the conversations that changed since.
    Since(Option<Time>),
}

impl Walk {
    fn query(&self, position: Option<&str>) -> ConversationQuery {
        let (sort, updated_after) = match self {
            Self::All => (SortKey::CreatedAt, None),
            // What was said at this very time counts too.
            Self::Since(since) => (
                SortKey::UpdatedAt,
                since.map(|time| time.saturating_add_micros(-1)),
            ),
        };
        ConversationQuery {
            filter: ConversationFilter {
                updated_after,
                ..ConversationFilter::default()
            },
            sort,
            page: PageRequest {
                // One at a time: the cursor then stands right behind it.
                limit: 1,
                order: Order::Asc,
                position: position.map(|cursor| Position::After(Cursor::from(cursor))),
            },
        }
    }

    fn order(&self) -> Order {
        match self {
            Self::All => Order::Asc,
            // So that what is older is not read.
            Self::Since(_) => Order::Desc,
        }
    }

    fn is_wanted(&self, message: &Message) -> bool {
        match self {
            Self::All | Self::Since(None) => true,
            Self::Since(Some(since)) => message.sent_at >= *since,
        }
    }
}

/// Where a walk stands: behind a conversation, and behind a message of the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spot {
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    /// The conversation behind that, where something of it was told.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    begun: Option<ConversationId>,
    /// Where to go on in it; absent where all of it was told.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Messages by conversation, and where to go on.
pub(super) type Walked = (Vec<(ConversationId, Vec<Message>)>, Option<Spot>);

/// At most `limit` messages that fit, of those that the vendor can have.
pub(super) async fn page(
    app: &App,
    cx: &Context,
    walk: &Walk,
    mut spot: Spot,
    limit: usize,
    fits: impl Fn(&Message) -> bool,
) -> Result<Walked, Problem> {
    let backend = &app.parts.backend;
    let mut found = Vec::new();
    let mut count = 0;
    // First the rest of what was begun, wherever that stands in the order by now.
    let mut begun = spot.begun.take();
    if let (Some(id), Some(message)) = (begun, spot.message.take()) {
        let left = limit - count;
        let visit = visit(app, cx, walk, id, Some(message), left, &fits);
        let (of_one, rest) = visit.await?;
        count += of_one.len();
        if !of_one.is_empty() {
            found.push((id, of_one));
        }
        if rest.is_some() || count >= limit {
            spot.begun = Some(id);
            spot.message = rest;
            return Ok((found, Some(spot)));
        }
    }
    for _ in 0..VISITS_MAX {
        let query = walk.query(spot.conversation.as_deref());
        let listed = backend.list_conversations(cx, &query).await?.page;
        let next = listed.next.map(|cursor| cursor.as_str().to_owned());
        // One may have gone between the directory and its backend.
        let id = listed.items.first().map(|located| located.location.id);
        if let Some(id) = id.filter(|id| Some(*id) != begun) {
            let visit = visit(app, cx, walk, id, None, limit - count, &fits);
            let (of_one, rest) = visit.await?;
            count += of_one.len();
            if !of_one.is_empty() {
                found.push((id, of_one));
            }
            if rest.is_some() {
                spot.begun = Some(id);
                spot.message = rest;
                return Ok((found, Some(spot)));
            }
        }
        begun = None;
        let Some(next) = next else {
            return Ok((found, None));
        };
        spot.conversation = Some(next);
        if count >= limit {
            break;
        }
    }
    Ok((found, Some(spot)))
}

/// At most `limit` messages of one conversation, and where to go on in it.
async fn visit(
    app: &App,
    cx: &Context,
    walk: &Walk,
    id: ConversationId,
    mut position: Option<String>,
    limit: usize,
    fits: impl Fn(&Message) -> bool,
) -> Result<(Vec<Message>, Option<String>), Problem> {
    let at = Location::unresolved(id);
    let mut told = Vec::new();
    loop {
        let read = read(app, cx, walk, &at, position, limit - told.len()).await?;
        let is_over = !read.items.iter().all(|message| walk.is_wanted(message));
        let fitting = read.items.into_iter().filter(|message| {
            walk.is_wanted(message) && show::is_visible(message) && fits(message)
        });
        told.extend(fitting);
        position = match read.next {
            Some(cursor) if !is_over => Some(cursor.as_str().to_owned()),
            _ => None,
        };
        if position.is_none() || told.len() >= limit {
            return Ok((told, position));
        }
    }
}

async fn read(
    app: &App,
    cx: &Context,
    walk: &Walk,
    at: &Location,
    position: Option<String>,
    limit: usize,
) -> Result<Page<Message>, Problem> {
    let request = PageRequest {
        limit,
        order: walk.order(),
        position: position.map(|cursor| Position::After(Cursor::from(cursor.as_str()))),
    };
    let backend = &app.parts.backend;
    let read = match backend.list_messages(cx, at, &request).await {
        // It lives elsewhere by now: what was told of it is told again.
        Err(error) if error.kind == Kind::InvalidCursor && request.position.is_some() => {
            let request = PageRequest {
                position: None,
                ..request
            };
            backend.list_messages(cx, at, &request).await
        }
        read => read,
    };
    match read {
        Ok(page) => Ok(page),
        Err(error) if error.kind == Kind::NotFound => Ok(Page {
            items: Vec::new(),
            next: None,
            previous: None,
        }),
        Err(error) => Err(error.into()),
    }
}
