//! The index of a conversation's messages: pages by place, and lookups by id.

use backend::ports::{Holder, Indexed, KeptAt, KeptMessage, KeptPage, Place};
use backend::{Error, Kind, Order, Result};
use conversation::{Digest, MessageId, Time};

use super::counts::Standing;
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, Micros, OptionalExtension as _, Row, Rows, params};

/// Selects what [`read`] reads of messages `m`, in its order; the last column and all behind it follow.
macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.time, m.arrival, m.native, m.hidden, m.gone, \
             (SELECT json_group_array(b.carrier) FROM overlay_bindings b \
             WHERE b.conversation = m.conversation AND b.message = m.id), \
             (SELECT json_group_array(DISTINCT b.native) FROM overlay_bindings b \
             WHERE b.conversation = m.conversation AND b.message = m.id AND b.native IS NOT NULL), ",
            $rest
        )
    };
}

/// A page towards newer messages; [`read`] reads its rows.
pub(crate) const PAGE_UP: &str = columns!(
    "m.document \
     FROM overlay_messages m \
     WHERE m.conversation = (SELECT number FROM overlay_conversations WHERE id = ?1 AND backend = ?2) \
     AND m.hidden = 0 AND m.gone = 0 AND (m.time, m.arrival) > (?3, ?4) ORDER BY m.time, m.arrival LIMIT ?5"
);
/// A page towards older messages.
pub(crate) const PAGE_DOWN: &str = columns!(
    "m.document \
     FROM overlay_messages m \
     WHERE m.conversation = (SELECT number FROM overlay_conversations WHERE id = ?1 AND backend = ?2) \
     AND m.hidden = 0 AND m.gone = 0 AND (m.time, m.arrival) < (?3, ?4) \
     ORDER BY m.time DESC, m.arrival DESC LIMIT ?5"
);
/// One message, by its id or by that of a message that carries its words: of several, the newest.
pub(crate) const ONE: &str = columns!(
    "m.document \
     FROM overlay_conversations c CROSS JOIN overlay_messages m ON m.conversation = c.number \
     WHERE c.id = ?1 AND c.backend = ?2 AND m.id IN (SELECT ?3 UNION ALL \
     SELECT message FROM overlay_bindings WHERE conversation = c.number AND carrier = ?3) \
     ORDER BY m.id = ?3 DESC, m.time DESC, m.arrival DESC LIMIT 1"
);
/// Messages that are hidden and that the backend still has, from a time on.
pub(crate) const HIDDEN: &str = columns!(
    "m.document \
     FROM overlay_messages m \
     WHERE m.conversation = (SELECT number FROM overlay_conversations WHERE id = ?1 AND backend = ?2) \
     AND m.hidden = 1 AND m.gone = 0 AND m.native IS NOT NULL AND m.time >= ?3 \
     ORDER BY m.time, m.arrival LIMIT ?4"
);
/// All messages without their content. The rows of a conversation lie side by side: that needs no index.
pub(crate) const INDEX: &str = columns!(
    "m.digest \
     FROM overlay_conversations c CROSS JOIN overlay_messages m \
     ON m.number > c.number * 268435456 AND m.number < (c.number + 1) * 268435456 \
     WHERE c.id = ?1 AND c.backend = ?2"
);

/// The most messages that may ever come into one index: what the row numbers have room for.
pub(super) const ARRIVALS_MAX: i64 = 1 << 28;

/// A page of the messages that are shown.
pub(super) fn page(
    connection: &Connection,
    at: &KeptAt,
    page: &KeptPage,
) -> Attempt<Vec<KeptMessage>> {
    let (sql, beginning) = match page.order {
        Order::Asc => (PAGE_UP, (i64::MIN, i64::MIN)),
        Order::Desc => (PAGE_DOWN, (i64::MAX, i64::MAX)),
    };
    let (time, arrival) = match page.after {
        Some(after) => (
            after.time.as_micros(),
            i64::try_from(after.arrival).unwrap_or(i64::MAX),
        ),
        None => beginning,
    };
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    read_all(statement.query(params![
        at.conversation.to_string(),
        at.backend,
        time,
        arrival,
        limit
    ])?)
}

/// The message of an id.
pub(super) fn find(
    connection: &Connection,
    at: &KeptAt,
    id: &MessageId,
) -> Attempt<Option<KeptMessage>> {
    let mut statement = connection.prepare_cached(ONE)?;
    let mut rows = statement.query(params![
        at.conversation.to_string(),
        at.backend,
        id.as_str()
    ])?;
    rows.next()?.map(|row| read(&row)).transpose()
}

/// The earliest of the messages that are hidden and that the backend still has, from a time on.
pub(super) fn hidden(
    connection: &Connection,
    at: &KeptAt,
    from: Time,
    limit: usize,
) -> Attempt<Vec<KeptMessage>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(HIDDEN)?;
    read_all(statement.query(params![
        at.conversation.to_string(),
        at.backend,
        Micros(from),
        limit
    ])?)
}

/// All messages, in the order of their places.
pub(super) fn index(connection: &Connection, at: &KeptAt) -> Attempt<Vec<Indexed>> {
    let mut statement = connection.prepare_cached(INDEX)?;
    let mut rows = statement.query(params![at.conversation.to_string(), at.backend])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(Indexed {
            id: read_id(row.get_ref(0)?.as_str().map_err(crate::sql::Error::from)?)?,
            place: read_place(&row)?,
            holder: read_holder(&row)?,
            digest: Digest::from_bytes(row.get(8)?),
            is_hidden: row.get(4)?,
            is_gone: row.get(5)?,
            natives: read_list(&row, 6)?,
            homes: read_list(&row, 7)?,
        });
    }
    messages.sort_unstable_by_key(|message| message.place);
    Ok(messages)
}

fn read_all(mut rows: Rows<'_>) -> Attempt<Vec<KeptMessage>> {
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(read(&row)?);
    }
    Ok(messages)
}

/// Reads a row of [`PAGE_UP`].
fn read(row: &Row<'_>) -> Attempt<KeptMessage> {
    let document = row.get_ref(8)?.as_str().map_err(crate::sql::Error::from)?;
    Ok(KeptMessage {
        place: read_place(row)?,
        holder: read_holder(row)?,
        message: json::from_text("message", document)?,
        is_hidden: row.get(4)?,
        is_gone: row.get(5)?,
        natives: read_list(row, 6)?,
        homes: read_list(row, 7)?,
    })
}

fn read_place(row: &Row<'_>) -> Attempt<Place> {
    let Micros(time) = row.get(1)?;
    Ok(Place {
        time,
        arrival: row.get(2)?,
    })
}

fn read_holder(row: &Row<'_>) -> Attempt<Holder> {
    Ok(row
        .get::<_, Option<Box<str>>>(3)?
        .map_or(Holder::Gateway, Holder::Backend))
}

/// Reads what is known of the messages that carry words of ours: mostly there are none.
fn read_list<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Attempt<Vec<T>> {
    match row
        .get_ref(column)?
        .as_str()
        .map_err(crate::sql::Error::from)?
    {
        "[]" => Ok(Vec::new()),
        text => Ok(json::from_text("list", text)?),
    }
}

/// Reads an id that we wrote.
pub(super) fn read_id(text: &str) -> Result<MessageId> {
    text.parse()
        .map_err(|error| Error::new(Kind::Internal, "a stored message id is none").source(error))
}

/// A message of the index as the counts see it, with the number of its row.
pub(super) fn standing(
    connection: &Connection,
    conversation: i64,
    id: &MessageId,
) -> Attempt<Option<(i64, Standing)>> {
    Ok(connection
        .prepare_cached(
            "SELECT number, native, hidden, gone FROM overlay_messages WHERE conversation = ?1 AND id = ?2",
        )?
        .query_row(params![conversation, id.as_str()], |row| {
            Ok((
                row.get(0)?,
                Standing {
                    native: row.get(1)?,
                    is_hidden: row.get(2)?,
                    is_gone: row.get(3)?,
                },
            ))
        })
        .optional()?)
}
