//! Migrations: few, each one document.

use backend::ports::{MigrationId, MigrationRecord, RosterEntry};
use backend::{Error, Kind};

use serde_json::Value;

use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, OptionalExtension as _, params};

/// The name in a roster from which everybody was erased.
const ERASED: &str = "(erased)";

/// Notes a migration, new or changed. Its roster is chosen once and only gets shorter: whoever changes something else of
/// the record may have read it before somebody was erased.
pub(super) fn store(connection: &Connection, id: MigrationId, text: &str) -> Attempt<()> {
    let held: Option<String> = connection
        .prepare_cached("SELECT record FROM migrations WHERE id = ?1")?
        .query_row(params![id.to_string()], |row| row.get(0))
        .optional()?;
    let text = match held {
        Some(held) => with_roster_of(&held, text)?,
        None => text.to_owned(),
    };
    connection
        .prepare_cached(
            "INSERT INTO migrations (id, record) VALUES (?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET record = excluded.record",
        )?
        .execute(params![id.to_string(), text])?;
    Ok(())
}

/// `text` with the roster that is held, where that one is shorter. As plain JSON: another version may have written it.
fn with_roster_of(held: &str, text: &str) -> Attempt<String> {
    const ROSTER: &str = "/spec/roster";
    let held: Value = json::from_text("migration", held)?;
    let mut record: Value = json::from_text("migration", text)?;
    let (Some(Value::Array(shorter)), Some(Value::Array(roster))) =
        (held.pointer(ROSTER), record.pointer_mut(ROSTER))
    else {
        return Ok(text.to_owned());
    };
    let is_erased = shorter
        .first()
        .and_then(|entry| entry.get("user"))
        .is_some_and(|user| user == ERASED);
    if shorter.len() < roster.len() || is_erased {
        roster.clone_from(shorter);
        return Ok(json::to_text("migration", &record)?);
    }
    Ok(text.to_owned())
}

/// Takes a person out of the rosters of all migrations; how many entries. Who was the only one leaves a name that nobody
/// has: an empty roster would mean everybody.
pub(in crate::state) fn leave_rosters(
    connection: &Connection,
    person: &RosterEntry,
) -> Attempt<u64> {
    let mut left = 0;
    let records = connection
        .prepare_cached("SELECT number, record FROM migrations")?
        .query_map(params![], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })?
        .collect::<crate::sql::Result<Vec<_>>>()?;
    for (number, text) in records {
        let mut record: MigrationRecord = json::from_text("migration", &text)?;
        let roster = &mut record.spec.roster;
        let before = roster.len();
        roster.retain(|entry| entry != person);
        let gone = before - roster.len();
        if gone == 0 {
            continue;
        }
        if roster.is_empty() {
            roster.push(RosterEntry {
                tenant: person.tenant.clone(),
                user: ERASED.into(),
            });
        }
        left += gone as u64;
        connection
            .prepare_cached("UPDATE migrations SET record = ?2 WHERE number = ?1")?
            .execute(params![number, json::to_text("migration", &record)?])?;
    }
    Ok(left)
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
    let mut rows = statement.query(params![])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().map_err(crate::sql::Error::from)?;
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
