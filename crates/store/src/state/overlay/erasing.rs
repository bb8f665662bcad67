//! Erasing one message from what is kept beside a backend.

use backend::ports::{Change, KeptAt};
use conversation::{Digest, Message, MessageId, NewMessage};

use super::{changes, conversations, messages};
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, OptionalExtension as _, params};

/// Erases it, with its fields and what is on its way; how many rows those were. Of a message that the backend may still
/// have, an empty row stays that keeps it hidden.
pub(crate) fn erase_message(connection: &Connection, at: &KeptAt, id: &MessageId) -> Attempt<u64> {
    let conversation = at.conversation.to_string();
    if conversations::is_deleted(connection, &conversation)? {
        return Ok(0);
    }
    let number: Option<i64> = connection
        .prepare_cached("SELECT number FROM overlay_conversations WHERE id = ?1 AND backend = ?2")?
        .query_row(params![conversation, at.backend], |row| row.get(0))
        .optional()?;
    let Some(number) = number else {
        return Ok(0);
    };
    let fields = connection
        .prepare_cached("DELETE FROM overlay_fields WHERE conversation = ?1 AND message = ?2")?
        .execute(params![number, id.as_str()])? as u64;
    let Some((row, standing)) = messages::standing(connection, number, id)? else {
        return Ok(fields);
    };
    if standing.native.is_some() && !standing.is_gone {
        hide(connection, at, row, id)?;
    } else {
        let changes = changes::prepare(vec![Change::Remove(id.clone())])?;
        changes::apply(connection, at, None, &changes)?;
    }
    Ok(fields + 1)
}

/// Hides a message and empties its document.
fn hide(connection: &Connection, at: &KeptAt, row: i64, id: &MessageId) -> Attempt<()> {
    let changes = changes::prepare(vec![Change::Hide(id.clone())])?;
    changes::apply(connection, at, None, &changes)?;
    let text: String = connection
        .prepare_cached("SELECT document FROM overlay_messages WHERE number = ?1")?
        .query_row(params![row], |row| row.get(0))?;
    let held: Message = json::from_text("message", &text)?;
    let bare = NewMessage {
        sent_at: Some(held.sent_at),
        ..NewMessage::of(held.role, Vec::new())
    };
    let bare = bare.into_message(id.clone(), at.conversation, held.created_at);
    let text = json::to_text("message", &bare)?;
    connection
        .prepare_cached("UPDATE overlay_messages SET document = ?2, digest = ?3 WHERE number = ?1")?
        .execute(params![row, text, Digest::of(text.as_bytes()).as_bytes()])?;
    Ok(())
}
