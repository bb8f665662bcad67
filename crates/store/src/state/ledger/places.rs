//! Places: where a conversation lives, lived, or is copied to. Its home is one too, whether or not it is noted as such.

use backend::ports::PlaceQuery;
use backend::{Error, Kind, Location};
use conversation::{ConversationId, Digest};

use super::items;
use crate::failure::Attempt;
use crate::sql::{Connection, OptionalExtension as _, Row, params};
use crate::state::overlay;

/// One place, noted or home; [`read`] reads its row. A home is renamed where its entry says so, every other place is.
pub(super) const ONE: &str = "SELECT p.backend, p.native, p.credential, d.backend IS DISTINCT FROM p.backend OR d.renamed <> 0, p.own \
     FROM places p LEFT JOIN directory d ON d.id = p.conversation \
     WHERE p.conversation = ?1 AND p.backend = ?2 AND p.native IS NOT NULL \
     UNION ALL SELECT d.backend, d.native, d.credential, d.renamed <> 0, NULL FROM directory d \
     WHERE d.id = ?1 AND d.backend = ?2 LIMIT 1";
/// All places, the home at last where it is not noted.
pub(super) const ALL: &str = "SELECT p.backend, p.native, p.credential, d.backend IS DISTINCT FROM p.backend OR d.renamed <> 0 \
     FROM places p LEFT JOIN directory d ON d.id = p.conversation \
     WHERE p.conversation = ?1 AND p.native IS NOT NULL \
     UNION ALL SELECT d.backend, d.native, d.credential, d.renamed <> 0 FROM directory d WHERE d.id = ?1 \
     AND NOT EXISTS (SELECT 1 FROM places WHERE conversation = d.id AND backend = d.backend AND native IS NOT NULL)";

pub(super) fn find(
    connection: &Connection,
    at: &PlaceQuery,
) -> Attempt<Option<(Location, Option<Digest>)>> {
    let mut statement = connection.prepare_cached(ONE)?;
    let mut rows = statement.query(params![at.conversation.to_string(), at.backend])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let own: Option<[u8; 32]> = row.get(4)?;
    Ok(Some((
        read(&row, at.conversation)?,
        own.map(Digest::from_bytes),
    )))
}

pub(super) fn all(connection: &Connection, conversation: ConversationId) -> Attempt<Vec<Location>> {
    let mut statement = connection.prepare_cached(ALL)?;
    let mut rows = statement.query(params![conversation.to_string()])?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        places.push(read(&row, conversation)?);
    }
    Ok(places)
}

/// Reads a row of [`ALL`].
fn read(row: &Row<'_>, conversation: ConversationId) -> Attempt<Location> {
    Ok(Location {
        id: conversation,
        backend: row.get(0)?,
        native: row.get(1)?,
        credential: row.get(2)?,
        renamed: row.get(3)?,
    })
}

/// True where a place is known here as that of another conversation.
pub(in crate::state) fn is_taken(connection: &Connection, location: &Location) -> Attempt<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM places WHERE backend = ?1 AND native = ?2 AND conversation <> ?3",
        )?
        .exists(params![
            location.backend,
            location.native,
            location.id.to_string()
        ])?)
}

/// Notes a place of a conversation and returns its number. Another native id than before is another place: nothing is
/// known to be there yet.
///
/// What discovery made of it meanwhile is deleted for ever, because it is this conversation.
pub(super) fn note(connection: &Connection, location: &Location) -> Attempt<i64> {
    let id = location.id.to_string();
    let other: Option<String> = connection
        .prepare_cached(
            "SELECT conversation FROM places WHERE backend = ?1 AND native = ?2 AND conversation <> ?3",
        )?
        .query_row(params![location.backend, location.native, id], |row| row.get(0))
        .optional()?;
    if let Some(other) = other {
        return Err(taken(&location.backend, &other).into());
    }
    forget_found(connection, location)?;
    let known: Option<(i64, Option<Box<str>>)> = connection
        .prepare_cached(
            "SELECT number, native FROM places WHERE conversation = ?1 AND backend = ?2",
        )?
        .query_row(params![id, location.backend], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((number, native)) = known else {
        return Ok(connection
            .prepare_cached(
                "INSERT INTO places (conversation, backend, native, credential) VALUES (?1, ?2, ?3, ?4)",
            )?
            .insert(params![
                id,
                location.backend,
                location.native,
                location.credential
            ])?);
    };
    if native.is_some_and(|native| native != location.native) {
        for table in ["copied_messages", "former_messages", "copied_attachments"] {
            connection
                .prepare_cached(&format!("DELETE FROM {table} WHERE place = ?1"))?
                .execute(params![number])?;
        }
        note_own(connection, number, None)?;
    }
    connection
        .prepare_cached("UPDATE places SET native = ?2, credential = ?3 WHERE number = ?1")?
        .execute(params![number, location.native, location.credential])?;
    Ok(number)
}

/// The number of the place that is read: the home becomes one; a source that is no backend gets one without native id.
pub(super) fn enter(
    connection: &Connection,
    conversation: ConversationId,
    backend: &str,
) -> Attempt<i64> {
    let id = conversation.to_string();
    if let Some(number) = number(connection, &id, backend)? {
        return Ok(number);
    }
    Ok(connection
        .prepare_cached(
            "INSERT INTO places (conversation, backend, native, credential) SELECT ?1, ?2, d.native, d.credential \
             FROM (SELECT 1) one LEFT JOIN directory d ON d.id = ?1 AND d.backend = ?2",
        )?
        .insert(params![id, backend])?)
}

/// The number of a place that is noted.
pub(super) fn number(
    connection: &Connection,
    conversation: &str,
    backend: &str,
) -> Attempt<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT number FROM places WHERE conversation = ?1 AND backend = ?2")?
        .query_row(params![conversation, backend], |row| row.get(0))
        .optional()?)
}

/// Notes the digest of a conversation's own fields as they were copied to a place; `None`: somebody may change them.
pub(super) fn note_own(connection: &Connection, place: i64, own: Option<&Digest>) -> Attempt<()> {
    connection
        .prepare_cached("UPDATE places SET own = ?2 WHERE number = ?1")?
        .execute(params![place, own.map(Digest::as_bytes)])?;
    Ok(())
}

/// The place of a conversation at a backend has another native id, and everything that was known to be there still is.
pub(in crate::state) fn follow_home(connection: &Connection, location: &Location) -> Attempt<()> {
    let id = location.id.to_string();
    // It was made for the entry that discovery found here, and is deleted with it.
    connection
        .prepare_cached(
            "DELETE FROM places WHERE backend = ?1 AND native = ?2 AND conversation <> ?3",
        )?
        .execute(params![location.backend, location.native, id])?;
    connection
        .prepare_cached(
            "UPDATE places SET native = ?3, credential = ?4, own = NULL WHERE conversation = ?1 AND backend = ?2",
        )?
        .execute(params![
            id,
            location.backend,
            location.native,
            location.credential
        ])?;
    Ok(())
}

/// Leaves of a conversation's places only where they are.
pub(super) fn forget_persons(connection: &Connection, conversation: &str) -> Attempt<()> {
    connection
        .prepare_cached("UPDATE places SET credential = NULL, own = NULL WHERE conversation = ?1")?
        .execute(params![conversation])?;
    Ok(())
}

/// Deletes the entry that discovery made for this place while it was not known yet whose it is. Its id is the one that
/// discovery gives: any other entry is a conversation of its own.
fn forget_found(connection: &Connection, location: &Location) -> Attempt<()> {
    let other: Option<String> = connection
        .prepare_cached("SELECT id FROM directory WHERE backend = ?1 AND native = ?2 AND id <> ?3")?
        .query_row(
            params![location.backend, location.native, location.id.to_string()],
            |row| row.get(0),
        )
        .optional()?;
    let Some(other) = other else {
        return Ok(());
    };
    let found = ConversationId::derive(&location.backend, &location.native);
    if other != found.to_string() {
        return Err(taken(&location.backend, &other).into());
    }
    forget_entry(connection, &other)
}

/// Deletes an entry for ever that was another conversation all along, with what is kept of it.
pub(in crate::state) fn forget_entry(connection: &Connection, id: &str) -> Attempt<()> {
    connection
        .prepare_cached("DELETE FROM directory WHERE id = ?1")?
        .execute(params![id])?;
    overlay::forget(connection, id)?;
    items::delete_everywhere(connection, id)?;
    Ok(())
}

fn taken(backend: &str, other: &str) -> Error {
    Error::new(
        Kind::Conflict,
        format!("this conversation of backend `{backend}` is {other} already"),
    )
}
