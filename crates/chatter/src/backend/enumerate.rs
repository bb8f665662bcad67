//! Enumerating conversations: in order of their ids, the only order in which the vendor's offsets mean something.

use std::collections::BTreeMap;

use adapterkit::{Listed, name_left_out};
use backend::{
    Context, ConversationPage, ConversationQuery, Cursor, Error, Kind, Located, Order, Outcome,
    Page, Position, Result, SortKey,
};

use super::{Chatter, prefix};
use crate::client::{Caller, Prefix};
use crate::config::Generation;
use crate::error::Effect;
use crate::mapping::conversation_to_canonical;
use crate::wire::{
    ConversationListQuery, ConversationListResponse, ConversationResponse, SortOrder,
};

const OPERATION: &str = "list_conversations";
/// The largest page that is asked for, in conversations. The vendor has no maximum.
const PAGE_MAX: usize = 500;
/// The largest page of V0 (measured on commit 2e6f1dad: more answers 422).
const V0_PAGE_MAX: u64 = 100;
/// V0 has no stable order, so all its conversations are read and sorted here; more than these are refused.
const V0_CONVERSATIONS_MAX: u64 = 20_000;
/// Requests for one page. More than two are needed only while conversations are deleted between them, and where many
/// cannot be read.
const REQUESTS_MAX: usize = 32;

/// A row, and its offset in the list that it came from.
type Numbered = (u64, ConversationResponse);

/// Where a page ended: the offset after its last conversation, and that conversation's id.
type Place = (u64, String);

impl Chatter {
    pub(super) async fn enumerate(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        if !query.filter.is_empty() || query.sort != SortKey::CreatedAt {
            let message = "chatter enumerates conversations by creation and without filters";
            return Err(Error::new(Kind::Unsupported, message).at(self.name(), OPERATION));
        }
        let limit = query.page.limit.clamp(1, PAGE_MAX);
        let order = query.page.order;
        let list = format!("{}/conversations/{order:?}", self.name());
        let place: Option<Place> = match &query.page.position {
            None => None,
            Some(Position::After(cursor)) => Some(cursor.decode(&list)?),
            Some(_) => return Err(self.unsupported("list_conversations_backwards")),
        };
        // Whoever looks for everybody looks with the backend's own token.
        let (caller, credential) = match &cx.principal.user {
            Some(_) => self.caller_of_principal(cx).await?,
            None => (self.caller(cx, None).await?, None),
        };
        let generation = self.generation(&caller).await?;
        let mut found = match generation {
            Generation::V0 => self.all_after(&caller, place.as_ref(), order).await?.answer,
            Generation::V1 | Generation::V2 => {
                self.rows_after(
                    &caller,
                    prefix(generation),
                    place.as_ref(),
                    order,
                    limit + 1,
                )
                .await?
            }
        };
        let more = found.len() > limit;
        found.truncate(limit);
        let next = match found.last() {
            Some((offset, row)) if more => Some(Cursor::encode(&list, &(offset + 1, &row.id))?),
            _ => None,
        };
        let items = found
            .iter()
            .filter_map(|(_, row)| {
                let conversation = conversation_to_canonical(row, self.name()).ok();
                if conversation.is_none() {
                    name_left_out(self.name(), OPERATION, Some(&row.id));
                }
                Some(Located {
                    location: self.location(row, credential.clone()),
                    conversation: conversation?,
                })
            })
            .collect();
        Ok(ConversationPage {
            page: Page {
                items,
                next,
                previous: None,
            },
            ..ConversationPage::default()
        })
    }

    /// At least `wanted` rows behind `place`, or all that are left, each with its offset.
    ///
    /// A conversation that is deleted moves all later ones forward. So each page begins with the row before it, and
    /// where that one is not in its place any more, further back until nothing can have been skipped. Rows count as
    /// found only where they lead further, so a server that sends the same ones again and again ends in an error.
    async fn rows_after(
        &self,
        caller: &Caller,
        prefix: Prefix,
        place: Option<&Place>,
        order: Order,
        wanted: usize,
    ) -> Result<Vec<Numbered>> {
        let asked = wanted as u64 + 1;
        let mut offset = place.map_or(0, |(offset, _)| offset.saturating_sub(1));
        let mut connected = place.is_none();
        let mut found: Vec<Numbered> = Vec::new();
        for _ in 0..REQUESTS_MAX {
            let query = ConversationListQuery {
                limit: Some(asked),
                offset: Some(offset),
                sort_by: Some("id".to_owned()),
                sort_order: Some(match order {
                    Order::Asc => SortOrder::Asc,
                    Order::Desc => SortOrder::Desc,
                }),
                ..ConversationListQuery::default()
            };
            let read = self.rows(caller, prefix, &query).await?;
            let count = sent(&read);
            let rows = numbered(read, offset);
            connected = connected
                || offset == 0
                || rows
                    .first()
                    .is_some_and(|(_, row)| !is_behind(row, place, order));
            if !connected {
                offset = offset.saturating_sub(asked);
                continue;
            }
            let last = found.last().map(|(offset, row)| (*offset, row.id.clone()));
            let last = last.as_ref().or(place);
            found.extend(
                rows.into_iter()
                    .filter(|(_, row)| is_behind(row, last, order)),
            );
            if count < asked || found.len() >= wanted {
                return Ok(found);
            }
            offset += count;
        }
        let message = "chatter's conversations change faster than they can be listed: try again";
        Err(Error::new(Kind::UpstreamFailed, message)
            .outcome(Outcome::NotApplied)
            .at(self.name(), OPERATION))
    }

    /// V0: every conversation behind `place`, by id, and what of all could not be read.
    pub(super) async fn all_after(
        &self,
        caller: &Caller,
        place: Option<&Place>,
        order: Order,
    ) -> Result<Listed<Vec<Numbered>>> {
        let mut all = BTreeMap::new();
        let mut left_out = Vec::new();
        let mut offset = 0;
        loop {
            let query = ConversationListQuery {
                limit: Some(V0_PAGE_MAX),
                offset: Some(offset),
                ..ConversationListQuery::default()
            };
            let read = self.rows(caller, Prefix::Chat, &query).await?;
            let count = sent(&read);
            let (known, is_empty) = (all.len(), read.answer.conversations.is_empty());
            offset += count;
            left_out.extend(read.left_out);
            let rows = read.answer.conversations;
            all.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
            if count < V0_PAGE_MAX {
                break;
            }
            if all.len() == known && !is_empty {
                let message = "chatter sends the same page of conversations again and again";
                return Err(Error::new(Kind::InvalidResponse, message)
                    .outcome(Outcome::NotApplied)
                    .at(self.name(), OPERATION));
            }
            if offset > V0_CONVERSATIONS_MAX {
                let message = "too many conversations to list on this generation of chatter";
                return Err(Error::new(Kind::UpstreamFailed, message)
                    .outcome(Outcome::NotApplied)
                    .at(self.name(), OPERATION));
            }
        }
        let mut rows: Vec<ConversationResponse> = all.into_values().collect();
        if order == Order::Desc {
            rows.reverse();
        }
        let answer = (0..)
            .zip(rows)
            .filter(|(_, row)| is_behind(row, place, order))
            .collect();
        Ok(Listed { answer, left_out })
    }

    /// One answer of the vendor. Rows that cannot be read are named in the log.
    pub(super) async fn rows(
        &self,
        caller: &Caller,
        prefix: Prefix,
        query: &ConversationListQuery,
    ) -> Result<Listed<ConversationListResponse>> {
        let read = self
            .client()
            .list_conversations(caller, prefix, query)
            .await;
        Ok(read
            .map_err(|failure| self.failed(failure, OPERATION, Effect::Read))?
            .named(self.name(), OPERATION))
    }
}

/// How many rows the vendor sent, readable or not.
pub(super) fn sent(read: &Listed<ConversationListResponse>) -> u64 {
    (read.answer.conversations.len() + read.left_out.len()) as u64
}

/// The rows with their offsets, where the list began at `first`: rows that were left out have one too.
pub(super) fn numbered(read: Listed<ConversationListResponse>, first: u64) -> Vec<Numbered> {
    let mut gaps = read.left_out.iter().peekable();
    let places = (0..).filter(|place| gaps.next_if(|gap| gap.position == *place).is_none());
    places
        .zip(read.answer.conversations)
        .map(|(place, row)| (first + place as u64, row))
        .collect()
}

fn is_behind(row: &ConversationResponse, place: Option<&Place>, order: Order) -> bool {
    match (place, order) {
        (None, _) => true,
        (Some((_, last)), Order::Asc) => row.id > *last,
        (Some((_, last)), Order::Desc) => row.id < *last,
    }
}
