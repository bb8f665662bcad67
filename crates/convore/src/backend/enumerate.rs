//! Enumerating conversations: all are read, sorted by their time of making, and shown page by page.
//!
//! The vendor's order is not known, and its cursors are not known to outlive a write, so a walk reads every list to
//! its end before it shows anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapterkit::name_left_out;
use backend::{
    Context, ConversationPage, ConversationQuery, Cursor, Error, Kind, Located, Order, Outcome,
    Page, Position, Result, SortKey,
};
use conversation::{ConversationId, Time};

use super::Convore;
use super::caches::Found;
use super::pages::Listing;
use crate::client::PAGE_MAX;
use crate::mapping::conversation_to_canonical;
use crate::wire::{Conversation, ConversationListQuery, ConversationStatus, Raw, spelled_second};

const OPERATION: &str = "list_conversations";
/// More conversations than these are not walked: they would not fit into memory.
const CONVERSATIONS_MAX: usize = 150_000;
/// Every status but the trash. Each is asked for alone: nobody knows which ones are shown where none is named.
const STATUSES: [ConversationStatus; 3] = [
    ConversationStatus::Open,
    ConversationStatus::Done,
    ConversationStatus::Spam,
];

/// Where a page ended: the walk, and the place of the last conversation.
type Place = (u128, (i64, String));

impl Convore {
    pub(super) async fn enumerate(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        if !query.filter.is_empty() || query.sort != SortKey::CreatedAt {
            let message = "convore enumerates conversations by creation and without filters";
            return Err(Error::new(Kind::Unsupported, message).at(self.name(), OPERATION));
        }
        let order = query.page.order;
        let list = format!("{}/conversations/{order:?}", self.name());
        let place: Option<Place> = match &query.page.position {
            None => None,
            Some(Position::After(cursor)) => Some(cursor.decode(&list)?),
            Some(_) => return Err(self.unsupported("list_conversations_backwards")),
        };
        let known = place.as_ref().and_then(|(walk, _)| self.0.walks.get(*walk));
        let (walk, found) = match (known, &place) {
            (Some(found), Some((walk, _))) => (*walk, found),
            // A walk begins, or what it had read is forgotten by now: its place is still a place.
            _ => self.begin_walk(cx).await?,
        };
        let rest = behind(&found, place.as_ref().map(|(_, place)| place), order);
        let limit = query.page.limit.max(1).min(rest.len());
        let shown = match order {
            Order::Asc => &rest[..limit],
            Order::Desc => &rest[rest.len() - limit..],
        };
        let last = match order {
            Order::Asc => shown.last(),
            Order::Desc => shown.first(),
        };
        let next = match last {
            Some(last) if limit < rest.len() => Some(Cursor::encode(&list, &(walk, &last.place))?),
            _ => {
                self.0.walks.end(walk);
                None
            }
        };
        let mut items: Vec<Located> = shown
            .iter()
            .filter_map(|found| self.located(found))
            .collect();
        if order == Order::Desc {
            items.reverse();
        }
        Ok(ConversationPage {
            page: Page {
                items,
                next,
                previous: None,
            },
            ..ConversationPage::default()
        })
    }

    fn located(&self, found: &Found) -> Option<Located> {
        let row: Conversation = self.record(&found.raw, OPERATION)?;
        match conversation_to_canonical(&row, self.name()) {
            Ok(conversation) => Some(Located {
                location: self.location(&row),
                conversation,
            }),
            Err(_) => {
                name_left_out(self.name(), OPERATION, Some(&row.id));
                None
            }
        }
    }

    /// Reads all conversations and remembers them under a new number.
    async fn begin_walk(&self, cx: &Context) -> Result<(u128, Arc<Vec<Found>>)> {
        let mut all: BTreeMap<String, (i64, Raw)> = BTreeMap::new();
        for status in STATUSES {
            let query = ConversationListQuery {
                status: Some(status),
                limit: Some(PAGE_MAX),
                ..ConversationListQuery::default()
            };
            self.read_conversations(cx, &query, OPERATION, |row, raw| {
                // One that is moved meanwhile may come twice; one that was thrown away is not shown.
                if row.status != ConversationStatus::Trash
                    && let Ok(conversation) = conversation_to_canonical(&row, self.name())
                {
                    let created_at = conversation.created_at.as_micros();
                    all.insert(row.id, (created_at, raw));
                } else if row.status != ConversationStatus::Trash {
                    name_left_out(self.name(), OPERATION, Some(&row.id));
                }
                if all.len() > CONVERSATIONS_MAX {
                    let message = "convore has more conversations than can be listed";
                    return Err(Error::new(Kind::UpstreamFailed, message)
                        .outcome(Outcome::NotApplied)
                        .at(self.name(), OPERATION));
                }
                Ok(())
            })
            .await?;
        }
        let mut found: Vec<Found> = all
            .into_iter()
            .map(|(id, (created_at, raw))| Found {
                place: (created_at, id),
                raw,
            })
            .collect();
        found.sort_by(|one, other| one.place.cmp(&other.place));
        let (walk, found) = (ConversationId::generate().bits(), Arc::new(found));
        self.0.walks.put(walk, Arc::clone(&found));
        Ok((walk, found))
    }

    /// Every conversation of a query, page after page, with the JSON that it came as. True where none was left out.
    async fn read_conversations(
        &self,
        cx: &Context,
        query: &ConversationListQuery,
        operation: &'static str,
        mut take: impl FnMut(Conversation, Raw) -> Result<()>,
    ) -> Result<bool> {
        let mut complete = true;
        let read = |cursor: Option<String>| {
            // The filters are repeated on every page: nobody knows whether a cursor remembers them.
            let query = ConversationListQuery {
                cursor,
                ..query.clone()
            };
            async move { self.client().list_conversations(cx.deadline, &query).await }
        };
        self.read_all(operation, read, |raw| {
            match self.record::<Conversation>(&raw, operation) {
                Some(row) => take(row, raw),
                None => {
                    complete = false;
                    Ok(())
                }
            }
        })
        .await?;
        Ok(complete)
    }

    /// Conversations made or written to since a time, those in the trash left out.
    pub(super) async fn conversations_since(
        &self,
        cx: &Context,
        since: Since,
        operation: &'static str,
    ) -> Result<Listing<Conversation>> {
        let mut rows: BTreeMap<String, Conversation> = BTreeMap::new();
        let mut complete = true;
        for status in STATUSES {
            let query = since.query(status);
            complete &= self
                .read_conversations(cx, &query, operation, |row, _| {
                    rows.insert(row.id.clone(), row);
                    Ok(())
                })
                .await?;
        }
        Ok(Listing {
            items: rows.into_values().collect(),
            complete,
        })
    }
}

/// Since when conversations are looked for. The vendor's bounds may or may not include the time itself.
#[derive(Clone, Copy)]
pub(super) enum Since {
    /// They were made, and nobody has written to them: nobody knows whether those are shown unasked.
    MadeEmpty(Time),
    /// Their newest message was said.
    Said(Time),
}

impl Since {
    fn query(self, status: ConversationStatus) -> ConversationListQuery {
        let spelled = |time: Time| Some(spelled_second(time.saturating_add_micros(-1_000)));
        let (created_at_after, last_message_date_after) = match self {
            Self::MadeEmpty(time) => (spelled(time), None),
            Self::Said(time) => (None, spelled(time)),
        };
        ConversationListQuery {
            status: Some(status),
            has_messages: matches!(self, Self::MadeEmpty(_)).then_some(false),
            created_at_after,
            last_message_date_after,
            limit: Some(PAGE_MAX),
            cursor: None,
        }
    }
}

/// What is left behind a place, in ascending order whatever the order of the list.
fn behind<'f>(found: &'f [Found], place: Option<&(i64, String)>, order: Order) -> &'f [Found] {
    let Some(place) = place else {
        return found;
    };
    match order {
        Order::Asc => &found[found.partition_point(|found| found.place <= *place)..],
        Order::Desc => &found[..found.partition_point(|found| found.place < *place)],
    }
}
