//! Binding a conversation to another backend: directory, places, item and route override in one transaction.

use backend::ports::Switching;
use backend::{Error, Location};
use conversation::{Conversation, Time};

use super::{items, migrations, overrides, places};
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, Micros, OptionalExtension as _, params};
use crate::state::directory;

/// Binds it; false, and nothing is done, where it has changed since it was copied, or lives elsewhere.
pub(super) fn switch(connection: &Connection, switching: &Switching) -> Attempt<bool> {
    let Switching {
        migration,
        to,
        from,
        unchanged_since,
        route,
        state,
    } = switching;
    let number = migrations::number(connection, *migration)?;
    let home = Home::find(connection, to)?;
    // Once it is there, saying it again changes nothing: the caller may have died before it knew.
    if !home.is_at(to) {
        if !home.is_at(from) || has_changed(connection, from, *unchanged_since)? {
            return Ok(false);
        }
        // Whoever lives somewhere may change it there unseen, so nothing is known of own fields at either place.
        for location in [from, to] {
            let place = places::note(connection, location)?;
            places::note_own(connection, place, None)?;
        }
        home.bind(connection, to)?;
    }
    set_closed(connection, from, true)?;
    set_closed(connection, to, false)?;
    items::set_state(connection, number, to.id, *state)?;
    if let Some(route) = route {
        overrides::store(connection, number, route)?;
    }
    Ok(true)
}

/// Where a conversation lives.
struct Home {
    number: i64,
    backend: Box<str>,
    native: Box<str>,
    document: Conversation,
}

impl Home {
    fn find(connection: &Connection, of: &Location) -> Attempt<Self> {
        let found: Option<(i64, Box<str>, Box<str>, String)> = connection
            .prepare_cached(
                "SELECT number, backend, native, document FROM directory WHERE id = ?1 AND hidden < 2",
            )?
            .query_row(params![of.id.to_string()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let (number, backend, native, document) =
            found.ok_or_else(Error::conversation_not_found)?;
        Ok(Self {
            number,
            backend,
            native,
            document: json::from_text("conversation", &document)?,
        })
    }

    fn is_at(&self, location: &Location) -> bool {
        self.backend == location.backend && self.native == location.native
    }

    fn bind(mut self, connection: &Connection, to: &Location) -> Attempt<()> {
        self.document.backend = to.backend.clone();
        connection
            .prepare_cached(
                "UPDATE directory SET backend = ?2, native = ?3, credential = ?4, renamed = 1, hidden = 0, \
                 document = ?5 WHERE number = ?1",
            )?
            .execute(params![
                self.number,
                to.backend,
                to.native,
                to.credential,
                json::to_text("conversation", &self.document)?
            ])?;
        // Where it lives in this database now, its times are that row's.
        directory::follow_native(connection, &to.backend, &to.native)
    }
}

/// True where the conversation is a row of this database that is not what it was.
fn has_changed(connection: &Connection, at: &Location, since: Option<Time>) -> Attempt<bool> {
    let updated_at: Option<Micros> = connection
        .prepare_cached("SELECT updated_at FROM conversations WHERE backend = ?1 AND native = ?2")?
        .query_row(params![at.backend, at.native], |row| row.get(0))
        .optional()?;
    Ok(match (updated_at, since) {
        (Some(Micros(updated_at)), Some(since)) => updated_at != since,
        _ => false,
    })
}

/// Closes or opens the row of a conversation, where it is one of this database.
fn set_closed(connection: &Connection, at: &Location, closed: bool) -> Attempt<()> {
    connection
        .prepare_cached("UPDATE conversations SET closed = ?3 WHERE backend = ?1 AND native = ?2")?
        .execute(params![at.backend, at.native, closed])?;
    Ok(())
}
