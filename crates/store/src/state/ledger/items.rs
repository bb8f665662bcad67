//! Items: the conversations of a migration. Counted by triggers as they change, so that no tally walks over them.

use backend::ports::{Checked, Item, ItemChange, ItemQuery, ItemState, MigrationId, Sign, Tally};
use backend::{Error, Kind, Result};
use conversation::{ConversationId, Digest, Patch};

use super::migrations;
use crate::failure::Attempt;
use crate::sql::{Connection, Row, params};

/// A page of all items; [`read`] reads its rows.
pub(super) const PAGE: &str = "SELECT conversation, state, sign, messages, bytes, mark, source, target \
     FROM migration_items WHERE migration = ?1 AND conversation > ?2 ORDER BY conversation LIMIT ?3";
/// A page of those of one state and sign. The planner would walk over all of them: it cannot know how few are wanted.
pub(super) const PAGE_OF: &str = "SELECT conversation, state, sign, messages, bytes, mark, source, target \
     FROM migration_items INDEXED BY migration_items_by_state WHERE migration = ?1 AND state = ?4 AND sign = ?5 AND conversation > ?2 \
     ORDER BY conversation LIMIT ?3";
/// The migrations that hold a conversation.
pub(super) const MIGRATIONS_OF: &str = "SELECT m.id FROM migration_items i CROSS JOIN migrations m ON m.number = i.migration \
     WHERE i.conversation = ?1 ORDER BY m.number";

/// Notes items, new or changed.
pub(super) fn put(connection: &Connection, migration: MigrationId, items: &[Item]) -> Attempt<()> {
    let number = migrations::number(connection, migration)?;
    for item in items {
        let changed = "DO UPDATE SET state = excluded.state, sign = excluded.sign, messages = excluded.messages, \
             bytes = excluded.bytes, mark = excluded.mark, source = excluded.source, target = excluded.target";
        insert(connection, number, item, changed)?;
    }
    Ok(())
}

/// Notes items that are not known yet as pending; returns how many those were.
pub(super) fn add(connection: &Connection, migration: MigrationId, items: &[Item]) -> Attempt<u64> {
    let number = migrations::number(connection, migration)?;
    let mut added = 0;
    for item in items {
        let item = Item {
            state: ItemState::Pending,
            ..item.clone()
        };
        added += insert(connection, number, &item, "DO NOTHING")? as u64;
    }
    Ok(added)
}

/// `otherwise` is what becomes of one that is known; a constant of ours.
fn insert(
    connection: &Connection,
    migration: i64,
    item: &Item,
    otherwise: &'static str,
) -> Attempt<usize> {
    let Item {
        conversation,
        state,
        mark,
        messages,
        bytes,
        sign,
        source,
        target,
    } = item;
    Ok(connection
        .prepare_cached(&format!(
            "INSERT INTO migration_items (migration, conversation, state, sign, messages, bytes, mark, source, target) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (migration, conversation) {otherwise}"
        ))?
        .execute(params![
            migration,
            conversation.to_string(),
            state.as_str(),
            sign.map_or("", Sign::as_str),
            messages,
            bytes,
            mark.as_ref().map(Digest::as_bytes),
            source.as_ref().map(Digest::as_bytes),
            target.as_ref().map(Digest::as_bytes)
        ])?)
}

/// Notes how far an item has come; makes it where there is none.
pub(super) fn set_state(
    connection: &Connection,
    migration: i64,
    conversation: ConversationId,
    state: ItemState,
) -> Attempt<()> {
    connection
        .prepare_cached(
            "INSERT INTO migration_items (migration, conversation, state, sign, messages, bytes) \
             VALUES (?1, ?2, ?3, '', 0, 0) \
             ON CONFLICT (migration, conversation) DO UPDATE SET state = excluded.state",
        )?
        .execute(params![migration, conversation.to_string(), state.as_str()])?;
    Ok(())
}

/// Notes that an override led a new conversation to its target. One that has come further since stays what it is: this may
/// be noted late.
pub(super) fn set_born(
    connection: &Connection,
    migration: i64,
    conversation: ConversationId,
) -> Attempt<()> {
    connection
        .prepare_cached(
            "INSERT INTO migration_items (migration, conversation, state, sign, messages, bytes) \
             VALUES (?1, ?2, 'born', '', 0, 0) \
             ON CONFLICT (migration, conversation) DO UPDATE SET state = 'born' WHERE migration_items.state = 'pending'",
        )?
        .execute(params![migration, conversation.to_string()])?;
    Ok(())
}

/// Notes what has become of an item that is known, and nothing else of it. One that was deleted stays so: whoever works
/// on it may not have heard of that.
pub(super) fn change(
    connection: &Connection,
    migration: MigrationId,
    conversation: ConversationId,
    change: &ItemChange,
) -> Attempt<()> {
    let number = migrations::number(connection, migration)?;
    let mark = match &change.mark {
        Patch::Set(mark) => Some(mark.as_bytes()),
        Patch::Clear | Patch::Keep => None,
    };
    connection
        .prepare_cached(
            "UPDATE migration_items SET state = coalesce(?3, state), mark = CASE WHEN ?4 THEN mark ELSE ?5 END, \
             messages = coalesce(?6, messages), bytes = coalesce(?7, bytes) \
             WHERE migration = ?1 AND conversation = ?2 AND (state <> 'deleted' OR ?3 = 'deleted')",
        )?
        .execute(params![
            number,
            conversation.to_string(),
            change.state.map(ItemState::as_str),
            change.mark.is_keep(),
            mark,
            change.messages,
            change.bytes
        ])?;
    Ok(())
}

/// Notes what a check says of items that are known and not deleted, and nothing else of them.
pub(super) fn note_check(
    connection: &Connection,
    migration: MigrationId,
    checked: &[Checked],
) -> Attempt<()> {
    let number = migrations::number(connection, migration)?;
    for Checked {
        conversation,
        sign,
        source,
        target,
    } in checked
    {
        connection
            .prepare_cached(
                "UPDATE migration_items SET sign = ?3, source = ?4, target = ?5 \
                 WHERE migration = ?1 AND conversation = ?2 AND state <> 'deleted'",
            )?
            .execute(params![
                number,
                conversation.to_string(),
                sign.as_str(),
                source.as_ref().map(Digest::as_bytes),
                target.as_ref().map(Digest::as_bytes)
            ])?;
    }
    Ok(())
}

/// What the last check said of an item holds no more: it was copied to.
pub(super) fn uncheck(
    connection: &Connection,
    migration: i64,
    conversation: ConversationId,
) -> Attempt<()> {
    connection
        .prepare_cached(
            "UPDATE migration_items SET sign = '', source = NULL, target = NULL \
             WHERE migration = ?1 AND conversation = ?2 AND sign <> ''",
        )?
        .execute(params![migration, conversation.to_string()])?;
    Ok(())
}

/// Notes in every migration that a conversation was deleted, and forgets what was known of it; how many changed.
pub(crate) fn delete_everywhere(connection: &Connection, conversation: &str) -> Attempt<usize> {
    Ok(connection
        .prepare_cached(
            "UPDATE migration_items SET state = 'deleted', sign = '', messages = 0, bytes = 0, mark = NULL, \
             source = NULL, target = NULL WHERE conversation = ?1 AND (state <> 'deleted' OR sign <> '' \
             OR messages <> 0 OR bytes <> 0 OR mark IS NOT NULL)",
        )?
        .execute(params![conversation])?)
}

pub(super) fn find(
    connection: &Connection,
    migration: MigrationId,
    conversation: ConversationId,
) -> Attempt<Option<Item>> {
    let Some(number) = migrations::known_number(connection, migration)? else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached(
        "SELECT conversation, state, sign, messages, bytes, mark, source, target FROM migration_items \
         WHERE migration = ?1 AND conversation = ?2",
    )?;
    let mut rows = statement.query(params![number, conversation.to_string()])?;
    rows.next()?.map(|row| read(&row)).transpose()
}

/// The next items by conversation: from an index for each state and sign that is asked for, so that a few failures among
/// a million cost no walk over the rest.
pub(super) fn page(
    connection: &Connection,
    migration: MigrationId,
    query: &ItemQuery,
    limit: usize,
) -> Attempt<Vec<Item>> {
    let Some(number) = migrations::known_number(connection, migration)? else {
        return Ok(Vec::new());
    };
    let after = query.after.map(|after| after.to_string());
    let after = after.unwrap_or_default();
    if query.states.is_empty() && query.signs.is_empty() {
        let mut statement = connection.prepare_cached(PAGE)?;
        return read_all(statement.query(params![number, after, limit])?);
    }
    let states = match &query.states[..] {
        [] => &ItemState::ALL[..],
        states => states,
    };
    let signs: Vec<&str> = match &query.signs[..] {
        [] => std::iter::once("")
            .chain(Sign::ALL.map(Sign::as_str))
            .collect(),
        signs => signs.iter().map(|sign| sign.as_str()).collect(),
    };
    let mut statement = connection.prepare_cached(PAGE_OF)?;
    let mut items = Vec::new();
    for state in states {
        for sign in &signs {
            items.extend(read_all(statement.query(params![
                number,
                after,
                limit,
                state.as_str(),
                sign
            ])?)?);
        }
    }
    items.sort_by_key(|item| item.conversation.to_string());
    items.dedup_by_key(|item| item.conversation);
    items.truncate(limit);
    Ok(items)
}

pub(super) fn tally(connection: &Connection, migration: MigrationId) -> Attempt<Vec<Tally>> {
    let Some(number) = migrations::known_number(connection, migration)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(
        "SELECT state, sign, conversations, messages, bytes FROM migration_tallies \
         WHERE migration = ?1 AND conversations > 0 ORDER BY state, sign",
    )?;
    let mut rows = statement.query(params![number])?;
    let mut tallies = Vec::new();
    while let Some(row) = rows.next()? {
        tallies.push(Tally {
            state: read_state(&row, 0)?,
            sign: read_sign(&row, 1)?,
            conversations: row.get(2)?,
            messages: row.get(3)?,
            bytes: row.get(4)?,
        });
    }
    Ok(tallies)
}

pub(super) fn migrations_of(
    connection: &Connection,
    conversation: ConversationId,
) -> Attempt<Vec<MigrationId>> {
    let ids = connection
        .prepare_cached(MIGRATIONS_OF)?
        .query_map(params![conversation.to_string()], |row| {
            row.get::<_, String>(0)
        })?
        .collect::<crate::sql::Result<Vec<_>>>()?;
    let ids = ids
        .into_iter()
        .map(|id| id.parse().map_err(|_| damaged("migration id")));
    Ok(ids.collect::<Result<Vec<_>>>()?)
}

fn read_all(mut rows: crate::sql::Rows<'_>) -> Attempt<Vec<Item>> {
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(read(&row)?);
    }
    Ok(items)
}

/// Reads a row of [`PAGE`].
fn read(row: &Row<'_>) -> Attempt<Item> {
    let conversation = row.get_ref(0)?.as_str().map_err(crate::sql::Error::from)?;
    let digest = |column| -> crate::sql::Result<_> {
        Ok(row
            .get::<_, Option<[u8; 32]>>(column)?
            .map(Digest::from_bytes))
    };
    Ok(Item {
        conversation: conversation
            .parse()
            .map_err(|_| damaged("conversation id"))?,
        state: read_state(row, 1)?,
        sign: read_sign(row, 2)?,
        messages: row.get(3)?,
        bytes: row.get(4)?,
        mark: digest(5)?,
        source: digest(6)?,
        target: digest(7)?,
    })
}

fn read_state(row: &Row<'_>, column: usize) -> Attempt<ItemState> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(crate::sql::Error::from)?;
    let found = ItemState::ALL
        .into_iter()
        .find(|state| state.as_str() == text);
    Ok(found.ok_or_else(|| damaged("state of an item"))?)
}

fn read_sign(row: &Row<'_>, column: usize) -> Attempt<Option<Sign>> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(crate::sql::Error::from)?;
    if text.is_empty() {
        return Ok(None);
    }
    let found = Sign::ALL.into_iter().find(|sign| sign.as_str() == text);
    Ok(Some(found.ok_or_else(|| damaged("sign of an item"))?))
}

fn damaged(what: &str) -> Error {
    Error::new(Kind::Internal, format!("a stored {what} is none"))
}
