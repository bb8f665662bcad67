//! Pages of messages and of conversations.

use backend::{
    Context, ConversationPage, ConversationQuery, Error, Kind, Located, Location, Page,
    PageRequest, Position, Result, SortKey,
};
use conversation::{Message, MessageId};

use super::conversations::{self, COLUMNS};
use super::{StoreBackend, messages, ratings};
use crate::failure::Attempt;
use crate::keyset::{Walk, order_name, page_size};
use crate::sql::{Connection, Micros, OptionalExtension as _, params};

/// A message's place: when it was said, then when it came.
type Place = (i64, i64);

const BEFORE_ALL: Place = (i64::MIN, i64::MIN);
const AFTER_ALL: Place = (i64::MAX, i64::MAX);

impl StoreBackend {
    pub(super) async fn page_of_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let (size, voter) = (page_size(page)?, ratings::voter(&cx.principal));
        let list = format!(
            "{}/messages/{}/{}",
            self.name(),
            at.native,
            order_name(page.order)
        );
        let found = self.store.read_together(|connection| {
            let conversation = conversations::number(connection, self.name(), at)?;
            let (start, backwards) = match &page.position {
                None => (None, false),
                Some(Position::After(cursor)) => (Some(cursor.decode(&list)?), false),
                Some(Position::Before(cursor)) => (Some(cursor.decode(&list)?), true),
                Some(Position::AfterMessage(id)) => (Some(place(connection, conversation, id)?), false),
                Some(Position::BeforeMessage(id)) => (Some(place(connection, conversation, id)?), true),
            };
            let walk = Walk::new(page.order, start, backwards);
            let items = read_messages(connection, conversation, at, &walk, size, &voter)?;
            walk.cut(items, size, |nearest| {
                let sql = if walk.descending {
                    "SELECT 1 FROM messages WHERE conversation = ?1 AND (sent_at, arrival) > (?2, ?3)"
                } else {
                    "SELECT 1 FROM messages WHERE conversation = ?1 AND (sent_at, arrival) < (?2, ?3)"
                };
                Ok(connection.prepare_cached(sql)?.exists(params![conversation, nearest.0, nearest.1])?)
            })
        }).await?;
        found.into_page(&list)
    }

    pub(super) async fn page_of_conversations(
        &self,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        if !query.filter.is_empty() || query.sort != SortKey::CreatedAt {
            let message = "the store lists all its conversations in the order of creation: the router filters and sorts";
            return Err(Error::new(Kind::Unsupported, message));
        }
        let size = page_size(&query.page)?;
        let list = format!(
            "{}/conversations/{}",
            self.name(),
            order_name(query.page.order)
        );
        let walk: Walk<i64> = Walk::of_conversations(&query.page, &list)?;
        let as_of = self.store.visible_until().await?;
        let found = self
            .store
            .read_together(|connection| {
                let items = self.read_conversations(connection, &walk, size)?;
                walk.cut(items, size, |nearest| {
                    let sql = if walk.descending {
                        "SELECT 1 FROM conversations WHERE backend = ?1 AND number > ?2"
                    } else {
                        "SELECT 1 FROM conversations WHERE backend = ?1 AND number < ?2"
                    };
                    Ok(connection
                        .prepare_cached(sql)?
                        .exists(params![self.name(), nearest])?)
                })
            })
            .await?;
        Ok(ConversationPage {
            page: found.into_page(&list)?,
            as_of: Some(as_of),
            stale: Vec::new(),
        })
    }

    fn read_conversations(
        &self,
        connection: &Connection,
        walk: &Walk<i64>,
        size: usize,
    ) -> Attempt<Vec<(i64, Located)>> {
        let (sign, order, all) = if walk.descending {
            ("<", "DESC", i64::MAX)
        } else {
            (">", "ASC", i64::MIN)
        };
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {COLUMNS}, public FROM conversations WHERE backend = ?1 AND number {sign} ?2 \
             ORDER BY number {order} LIMIT ?3"
        ))?;
        let mut rows =
            statement.query(params![self.name(), walk.start.unwrap_or(all), size + 1])?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            let native: Box<str> = row.get(1)?;
            let public: Option<Box<str>> = row.get("public")?;
            let id = conversations::read_public(public.as_deref(), &native)?;
            let stored = conversations::read(&row, self.name(), id)?;
            let location = Location {
                id,
                backend: self.info.name.clone(),
                native,
                credential: None,
                renamed: public.is_some(),
            };
            items.push((
                stored.number,
                Located {
                    location,
                    conversation: stored.conversation,
                },
            ));
        }
        Ok(items)
    }
}

fn read_messages(
    connection: &Connection,
    conversation: i64,
    at: &Location,
    walk: &Walk<Place>,
    size: usize,
    voter: &str,
) -> Attempt<Vec<(Place, Message)>> {
    let (sql, all) = if walk.descending {
        (messages::PAGE_DOWN, AFTER_ALL)
    } else {
        (messages::PAGE_UP, BEFORE_ALL)
    };
    let start = walk.start.unwrap_or(all);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![conversation, start.0, start.1, size + 1])?;
    let mut items = Vec::with_capacity(size + 1);
    while let Some(row) = rows.next()? {
        let stored = messages::read(connection, &row, at, voter)?;
        items.push((
            (stored.message.sent_at.as_micros(), stored.arrival),
            stored.message,
        ));
    }
    Ok(items)
}

fn place(connection: &Connection, conversation: i64, id: &MessageId) -> Attempt<Place> {
    let found: Option<(Micros, i64)> = connection
        .prepare_cached(
            "SELECT sent_at, arrival FROM messages WHERE id = ?1 AND conversation = ?2",
        )?
        .query_row(params![id.as_str(), conversation], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (Micros(sent_at), arrival) = found.ok_or_else(Error::message_not_found)?;
    Ok((sent_at.as_micros(), arrival))
}
