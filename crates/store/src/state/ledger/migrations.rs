//! Migrations: few, each one document.

use backend::ports::{MigrationId, MigrationRecord};
use backend::{Error, Kind};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::failure::Attempt;
use crate::json;

/// Notes a migration, new or changed.
pub(super) fn store(connection: &Connection, id: MigrationId, text: &str) -> Attempt<()> {
    connection
        .prepare_cached(
            "INSERT INTO migrations (id, record) VALUES (?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET record = excluded.record",
        )?
        .execute(params![id.to_string(), text])?;
    Ok(())
}

pub(super) fn find(connection: &Connection, id: MigrationId) -> Attempt<Option<MigrationRecord>> {
    let text: Option<String> = connection
        .prepare_cached("SELECT record FROM migrations WHERE id = ?1")?
        .query_row(params![id.to_string()], |row| row.get(0))
        .optional()?;
    Ok(text
        .map(|text| json::from_text("migration", &text))
        .transpose()?)
}

/// All of them, newest first.
pub(super) fn all(connection: &Connection) -> Attempt<Vec<MigrationRecord>> {
    let mut statement =
        connection.prepare_cached("SELECT record FROM migrations ORDER BY id DESC")?;
    let mut rows = statement.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        records.push(json::from_text("migration", text)?);
    }
    Ok(records)
}

/// The number of a migration's row.
pub(super) fn number(connection: &Connection, id: MigrationId) -> Attempt<i64> {
    Ok(known_number(connection, id)?
        .ok_or_else(|| Error::new(Kind::NotFound, "migration not found"))?)
}

/// The number of a migration's row, where there is one.
pub(super) fn known_number(connection: &Connection, id: MigrationId) -> Attempt<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT number FROM migrations WHERE id = ?1")?
        .query_row(params![id.to_string()], |row| row.get(0))
        .optional()?)
}
