//! Kept fields: one row each.

use backend::ports::{Drift, KeptAt, KeptField};
use conversation::{MessageId, RawJson};

use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, Micros, Row, params};

/// The fields of a page of messages; [`read`] reads its rows. CROSS JOIN keeps this order: a lookup for each message.
pub(crate) const OF_MESSAGES: &str = "SELECT f.message, f.pointer, f.unexpected, f.drift_since, f.value, f.base, \
     f.drift_value FROM overlay_conversations c CROSS JOIN json_each(?3) j ON TRUE \
     CROSS JOIN overlay_fields f ON f.conversation = c.number AND f.message = j.value \
     WHERE c.id = ?1 AND c.backend = ?2 /*postgres: ORDER BY j.key, f.pointer*/";

/// The kept fields of these messages.
pub(super) fn of_messages(
    connection: &Connection,
    at: &KeptAt,
    ids: &[MessageId],
) -> Attempt<Vec<KeptField>> {
    let ids = json::to_text("list of messages", ids)?;
    let mut statement = connection.prepare_cached(OF_MESSAGES)?;
    let mut rows = statement.query(params![at.conversation.to_string(), at.backend, ids])?;
    let mut fields = Vec::new();
    while let Some(row) = rows.next()? {
        fields.push(read(&row, 0)?);
    }
    Ok(fields)
}

/// Reads the seven columns of a field, in the order of [`OF_MESSAGES`].
pub(super) fn read(row: &Row<'_>, from: usize) -> Attempt<KeptField> {
    let message = row
        .get_ref(from)?
        .as_str()
        .map_err(crate::sql::Error::from)?;
    let message = match message {
        "" => None,
        id => Some(super::messages::read_id(id)?),
    };
    let since: Option<Micros> = row.get(from + 3)?;
    let drift = match since {
        Some(Micros(since)) => Some(Drift {
            since,
            value: read_value(row, from + 6)?,
        }),
        None => None,
    };
    Ok(KeptField {
        message,
        pointer: row.get(from + 1)?,
        value: read_value(row, from + 4)?,
        base: read_value(row, from + 5)?,
        unexpected: row.get(from + 2)?,
        drift,
    })
}

/// Reads a value: null in the column is absent.
fn read_value(row: &Row<'_>, column: usize) -> Attempt<Option<RawJson>> {
    let text = row
        .get_ref(column)?
        .as_str_or_null()
        .map_err(crate::sql::Error::from)?;
    let value = text.map(|text| json::from_text("field", text));
    Ok(value.transpose()?)
}

/// Keeps a field, in place of what was kept of it.
pub(super) fn store(connection: &Connection, conversation: i64, field: &KeptField) -> Attempt<()> {
    let KeptField {
        message,
        pointer,
        value,
        base,
        unexpected,
        drift,
    } = field;
    let text = |value: &Option<RawJson>| value.as_ref().map(|value| value.get().to_owned());
    connection
        .prepare_cached(
            "INSERT INTO overlay_fields (conversation, message, pointer, unexpected, drift_since, value, base, \
             drift_value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (conversation, message, pointer) DO UPDATE SET unexpected = excluded.unexpected, \
             drift_since = excluded.drift_since, value = excluded.value, base = excluded.base, \
             drift_value = excluded.drift_value",
        )?
        .execute(params![
            conversation,
            message.as_ref().map_or("", MessageId::as_str),
            pointer,
            unexpected,
            drift.as_ref().map(|drift| Micros(drift.since)),
            text(value),
            text(base),
            drift.as_ref().and_then(|drift| text(&drift.value)),
        ])?;
    Ok(())
}

/// Keeps nothing of a field any more.
pub(super) fn drop_one(
    connection: &Connection,
    conversation: i64,
    message: Option<&MessageId>,
    pointer: &str,
) -> Attempt<()> {
    connection
        .prepare_cached(
            "DELETE FROM overlay_fields WHERE conversation = ?1 AND message = ?2 AND pointer = ?3",
        )?
        .execute(params![
            conversation,
            message.map_or("", MessageId::as_str),
            pointer
        ])?;
    Ok(())
}

/// Keeps no field of a message any more.
pub(super) fn drop_all(
    connection: &Connection,
    conversation: i64,
    message: &MessageId,
) -> Attempt<()> {
    connection
        .prepare_cached("DELETE FROM overlay_fields WHERE conversation = ?1 AND message = ?2")?
        .execute(params![conversation, message.as_str()])?;
    Ok(())
}
