//! What is kept of conversations, but for their messages: rows read for whole pages at once.

use backend::Result;
use backend::ports::{IndexState, Kept, KeptAt};
use conversation::{ConversationId, Digest};

use super::fields;
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, LOCKED, Micros, OptionalExtension as _, Row, params};
use crate::state::directory::DELETED;

/// What is kept of each conversation of a list: a row for each of its own fields, and one where it has none. CROSS JOIN
/// keeps this order: a lookup for each conversation that is asked for.
pub(crate) const KEPT: &str = "SELECT j.key, c.messages, c.beside, c.ended, c.updated_at, c.last_message_at, \
     c.index_native, c.index_mark, c.index_read_at, c.index_whole_at, c.index_floor, c.copy, \
     EXISTS (SELECT 1 FROM overlay_fields m WHERE m.conversation = c.number AND m.message > ''), \
     f.message, f.pointer, f.unexpected, f.drift_since, f.value, f.base, f.drift_value \
     FROM json_each(?1) j \
     CROSS JOIN overlay_conversations c ON c.id = j.value ->> 0 AND c.backend = j.value ->> 1 \
     LEFT JOIN overlay_fields f ON f.conversation = c.number AND f.message = ''";

/// Where the columns of the field begin in a row of [`KEPT`].
const FIELD: usize = 13;

/// What is kept of these, in their order.
pub(super) fn read(connection: &Connection, at: &[KeptAt]) -> Attempt<Vec<Kept>> {
    let mut all: Vec<Option<Kept>> = vec![None; at.len()];
    let mut statement = connection.prepare_cached(KEPT)?;
    let mut rows = statement.query(params![names(at)?])?;
    while let Some(row) = rows.next()? {
        let place: usize = row.get(0)?;
        // SQLite counts what it was given, so every place is there.
        let Some(slot) = all.get_mut(place) else {
            continue;
        };
        let kept = match slot {
            Some(kept) => kept,
            None => slot.insert(read_kept(&row)?),
        };
        if row.get_ref(FIELD)? != crate::sql::ValueRef::Null {
            kept.fields.push(fields::read(&row, FIELD)?);
        }
    }
    Ok(all.into_iter().map(Option::unwrap_or_default).collect())
}

/// The ids and backends as SQLite takes a list: JSON text.
fn names(at: &[KeptAt]) -> Result<String> {
    let names: Vec<(ConversationId, &str)> = at
        .iter()
        .map(|at| (at.conversation, &*at.backend))
        .collect();
    json::to_text("list of conversations", &names)
}

/// Reads a row of [`KEPT`], but for the field.
fn read_kept(row: &Row<'_>) -> Attempt<Kept> {
    let time = |column: usize| -> crate::sql::Result<_> {
        Ok(row
            .get::<_, Option<Micros>>(column)?
            .map(|Micros(time)| time))
    };
    let copy = row
        .get_ref(11)?
        .as_str_or_null()
        .map_err(crate::sql::Error::from)?
        .map(|text| json::from_text("conversation", text))
        .transpose()?;
    Ok(Kept {
        fields: Vec::new(),
        has_message_fields: row.get(12)?,
        index: read_index(row, 6)?,
        messages: row.get(1)?,
        beside: row.get(2)?,
        copy: copy.map(Box::new),
        has_ended: row.get(3)?,
        updated_at: time(4)?,
        last_message_at: time(5)?,
    })
}

/// Reads the five columns of an index.
fn read_index(row: &Row<'_>, from: usize) -> Attempt<Option<IndexState>> {
    let Some(native) = row.get(from)? else {
        return Ok(None);
    };
    let mark: Option<[u8; 32]> = row.get(from + 1)?;
    let Micros(read_at) = row.get(from + 2)?;
    let Micros(whole_at) = row.get(from + 3)?;
    let Micros(floor) = row.get(from + 4)?;
    Ok(Some(IndexState {
        native,
        mark: mark.map(Digest::from_bytes),
        read_at,
        whole_at,
        floor,
    }))
}

/// True where the conversation was deleted for ever: nothing is kept of it any more. Else it is not, before the
/// transaction ends.
pub(crate) fn is_deleted(connection: &Connection, id: &str) -> Attempt<bool> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT hidden FROM directory WHERE id = ?1{LOCKED}"
        ))?
        .query_row(params![id], |row| row.get::<_, u8>(0))
        .optional()?
        .is_some_and(|hidden| hidden == DELETED))
}

/// The number of the row for what is kept at a place; made where there is none.
pub(crate) fn enter(connection: &Connection, at: &KeptAt) -> Attempt<i64> {
    let id = at.conversation.to_string();
    connection
        .prepare_cached(
            "INSERT INTO overlay_conversations (id, backend) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute(params![id, at.backend])?;
    Ok(connection
        .prepare_cached("SELECT number FROM overlay_conversations WHERE id = ?1 AND backend = ?2")?
        .query_row(params![id, at.backend], |row| row.get(0))?)
}
