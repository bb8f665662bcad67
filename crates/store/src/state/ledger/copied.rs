//! What is known to be at a place: what was copied there, and what was copied from there.
//!
//! Both sides of a copy are noted, so that whoever asks what of one place is at another looks there and nowhere else. So a
//! rollback finds what it came from, and a third backend on the way changes nothing.

use backend::ports::{CopiedMessage, CopyAt, NewAttachmentCopy, NewCopy, PlaceQuery};
use backend::{Error, Kind, Result};
use conversation::{Digest, MessageId};

use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, OptionalExtension as _, Row, params};

/// Those of a list that are at a place. CROSS JOIN keeps this order: a lookup for each.
pub(super) const OF_MESSAGES: &str = "SELECT j.key, m.public, m.digest FROM json_each(?3) j CROSS JOIN copied_messages m \
     ON m.place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND m.public = j.value";
pub(super) const COUNT: &str = "SELECT count(*) FROM copied_messages \
     WHERE place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2)";
pub(super) const AFTER: &str = "SELECT public, digest FROM copied_messages \
     WHERE place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND public > ?3 \
     ORDER BY public LIMIT ?4";
pub(super) const IS_KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM copied_messages \
     WHERE place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND native = ?3) \
     OR EXISTS (SELECT 1 FROM copied_messages \
     WHERE place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND public = ?3 AND native IS NULL)";

pub(super) fn of_messages(
    connection: &Connection,
    at: &CopyAt,
    messages: &[MessageId],
) -> Attempt<Vec<Option<CopiedMessage>>> {
    let mut copied: Vec<Option<CopiedMessage>> = vec![None; messages.len()];
    if messages.is_empty() {
        return Ok(copied);
    }
    let ids = json::to_text("list of messages", messages)?;
    let mut statement = connection.prepare_cached(OF_MESSAGES)?;
    let mut rows = statement.query(params![at.conversation.to_string(), at.to, ids])?;
    while let Some(row) = rows.next()? {
        let place: usize = row.get(0)?;
        if let Some(slot) = copied.get_mut(place) {
            *slot = Some(read(&row, 1)?);
        }
    }
    Ok(copied)
}

pub(super) fn count(connection: &Connection, at: &CopyAt) -> Attempt<u64> {
    Ok(connection
        .prepare_cached(COUNT)?
        .query_row(params![at.conversation.to_string(), at.to], |row| {
            row.get(0)
        })?)
}

pub(super) fn after(
    connection: &Connection,
    at: &CopyAt,
    after: Option<&MessageId>,
    limit: usize,
) -> Attempt<Vec<CopiedMessage>> {
    let mut statement = connection.prepare_cached(AFTER)?;
    let mut rows = statement.query(params![
        at.conversation.to_string(),
        at.to,
        after.map(MessageId::as_str).unwrap_or_default(),
        limit
    ])?;
    let mut copied = Vec::new();
    while let Some(row) = rows.next()? {
        copied.push(read(&row, 0)?);
    }
    Ok(copied)
}

pub(super) fn is_known(
    connection: &Connection,
    at: &PlaceQuery,
    native: &MessageId,
) -> Attempt<bool> {
    Ok(connection.prepare_cached(IS_KNOWN)?.query_row(
        params![at.conversation.to_string(), at.backend, native.as_str()],
        |row| row.get(0),
    )?)
}

fn read(row: &Row<'_>, column: usize) -> Attempt<CopiedMessage> {
    let public = row
        .get_ref(column)?
        .as_str()
        .map_err(crate::sql::Error::from)?;
    Ok(CopiedMessage {
        public: read_id(public)?,
        digest: Digest::from_bytes(row.get(column + 1)?),
    })
}

fn read_id(text: &str) -> Result<MessageId> {
    text.parse()
        .map_err(|error| Error::new(Kind::Internal, "a stored message id is none").source(error))
}

/// Notes messages that are at both places now.
pub(super) fn store_messages(
    connection: &Connection,
    from: i64,
    to: i64,
    copies: &[NewCopy],
) -> Attempt<()> {
    // A native id is of one message: whatever had it before is not there any more.
    let mut free = connection.prepare_cached(
        "DELETE FROM copied_messages WHERE place = ?1 AND native = ?2 AND public <> ?3",
    )?;
    let mut there = connection.prepare_cached(
        "INSERT INTO copied_messages (place, public, native, digest) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (place, public) DO UPDATE SET native = excluded.native, digest = excluded.digest",
    )?;
    let mut here = connection.prepare_cached(
        "INSERT INTO copied_messages (place, public, digest) VALUES (?1, ?2, ?3) \
         ON CONFLICT (place, public) DO UPDATE SET digest = excluded.digest",
    )?;
    for copy in copies {
        let (public, digest) = (copy.public.as_str(), copy.digest.as_bytes());
        let native = Some(copy.native.as_str()).filter(|native| *native != public);
        free.execute(params![to, copy.native.as_str(), public])?;
        there.execute(params![to, public, native, digest])?;
        here.execute(params![from, public, digest])?;
    }
    Ok(())
}

/// Forgets messages that are no longer at a place. By which ids they were known there stays: what answers or quotes them
/// names those, also where they are written again and get others.
pub(super) fn drop_messages(
    connection: &Connection,
    place: i64,
    messages: &[MessageId],
) -> Attempt<()> {
    let mut keep = connection.prepare_cached(
        "INSERT INTO former_messages (place, native, public) \
         SELECT place, native, public FROM copied_messages \
         WHERE place = ?1 AND public = ?2 AND native IS NOT NULL \
         ON CONFLICT (place, native) DO UPDATE SET public = excluded.public",
    )?;
    let mut statement = connection
        .prepare_cached("DELETE FROM copied_messages WHERE place = ?1 AND public = ?2")?;
    for message in messages {
        keep.execute(params![place, message.as_str()])?;
        statement.execute(params![place, message.as_str()])?;
    }
    Ok(())
}

/// Notes attachments that are at both places now.
pub(super) fn store_attachments(
    connection: &Connection,
    from: i64,
    to: i64,
    copies: &[NewAttachmentCopy],
) -> Attempt<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO copied_attachments (place, public, native, sha256) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (place, public) DO UPDATE SET native = coalesce(excluded.native, copied_attachments.native), sha256 = excluded.sha256",
    )?;
    for copy in copies {
        let (public, sha256) = (copy.public.as_str(), copy.sha256.as_bytes());
        let native = Some(copy.native.as_str()).filter(|native| *native != public);
        statement.execute(params![to, public, native, sha256])?;
        statement.execute(params![from, public, None::<&str>, sha256])?;
    }
    Ok(())
}

/// The id of a message at a place, where it is another one than the public id.
pub(in crate::state) fn native_of(
    connection: &Connection,
    conversation: &str,
    backend: &str,
    public: &MessageId,
) -> Attempt<Option<MessageId>> {
    let native: Option<Option<String>> = connection
        .prepare_cached(
            "SELECT native FROM copied_messages \
             WHERE place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND public = ?3",
        )?
        .query_row(params![conversation, backend, public.as_str()], |row| row.get(0))
        .optional()?;
    Ok(native
        .flatten()
        .map(|native| read_id(&native))
        .transpose()?)
}

/// Of a message whose digest is forgotten: no message has it.
const NO_DIGEST: [u8; 32] = [0; 32];

/// Forgets what a message said. By which id it is known at the place stays: it may still be there.
pub(in crate::state) fn forget_digest(
    connection: &Connection,
    conversation: &str,
    backend: &str,
    public: &MessageId,
) -> Attempt<u64> {
    Ok(connection
        .prepare_cached(
            "UPDATE copied_messages SET digest = ?4 \
             WHERE place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND public = ?3 \
             AND digest <> ?4",
        )?
        .execute(params![conversation, backend, public.as_str(), NO_DIGEST])? as u64)
}

/// Forgets all messages and attachments of a conversation, at every place; how many those were.
pub(super) fn forget_all(connection: &Connection, conversation: &str) -> Attempt<usize> {
    let mut forgotten = 0;
    for table in ["copied_messages", "former_messages", "copied_attachments"] {
        forgotten += connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE place IN (SELECT number FROM places WHERE conversation = ?1)"
            ))?
            .execute(params![conversation])?;
    }
    Ok(forgotten)
}
