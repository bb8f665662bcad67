//! Words on their way to a backend's AI.

use backend::ports::{KeptAt, Sending};
use conversation::MessageId;
use uuid::Uuid;

use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, Micros, params};

/// Those of a conversation, oldest first.
pub(super) fn read(connection: &Connection, at: &KeptAt) -> Attempt<Vec<Sending>> {
    let mut statement = connection.prepare_cached(
        "SELECT s.document FROM overlay_conversations c \
         CROSS JOIN overlay_sendings s ON s.conversation = c.number \
         WHERE c.id = ?1 AND c.backend = ?2 ORDER BY s.started_at, s.number",
    )?;
    let mut rows = statement.query(params![at.conversation.to_string(), at.backend])?;
    let mut sendings = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().map_err(crate::sql::Error::from)?;
        sendings.push(json::from_text("sending", text)?);
    }
    Ok(sendings)
}

/// Notes words that are about to be sent; those of the same intent are replaced.
pub(super) fn store(
    connection: &Connection,
    conversation: i64,
    sending: &Sending,
    text: &str,
) -> Attempt<()> {
    connection
        .prepare_cached(
            "INSERT INTO overlay_sendings (conversation, intent, started_at, document) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (conversation, intent) DO UPDATE SET started_at = excluded.started_at, \
             document = excluded.document",
        )?
        .execute(params![
            conversation,
            sending.intent.as_bytes(),
            Micros(sending.started_at),
            text
        ])?;
    Ok(())
}

/// Forgets the words of an intent.
pub(super) fn forget(connection: &Connection, conversation: i64, intent: Uuid) -> Attempt<()> {
    connection
        .prepare_cached("DELETE FROM overlay_sendings WHERE conversation = ?1 AND intent = ?2")?
        .execute(params![conversation, intent.as_bytes()])?;
    Ok(())
}

/// Takes a message out of what is on its way: one that was deleted is not stored when its words are found. What carries
/// nothing any more is forgotten.
pub(super) fn take_out(connection: &Connection, conversation: i64, id: &MessageId) -> Attempt<()> {
    let mut statement = connection
        .prepare_cached("SELECT document FROM overlay_sendings WHERE conversation = ?1")?;
    let documents = statement
        .query_map(params![conversation], |row| row.get::<_, String>(0))?
        .collect::<crate::sql::Result<Vec<_>>>()?;
    for document in documents {
        let mut sending: Sending = json::from_text("sending", &document)?;
        if !sending.carries.contains(id) {
            continue;
        }
        sending.carries.retain(|carried| carried != id);
        sending.input = sending.input.filter(|input| input.id != *id);
        if sending.carries.is_empty() {
            forget(connection, conversation, sending.intent)?;
        } else {
            let text = json::to_text("sending", &sending)?;
            store(connection, conversation, &sending, &text)?;
        }
    }
    Ok(())
}
