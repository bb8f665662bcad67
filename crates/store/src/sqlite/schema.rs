//! The schema: numbered SQL files, part of the program, applied in order and never changed afterwards.

use std::path::Path;

use backend::{Error, Kind, Outcome, Result};
use refinery::{Migration, Runner};
use rusqlite::{Connection, TransactionBehavior};

use super::lock;
use crate::failure::from_sqlite;

/// Every version, in order: the file's name and its text.
const VERSIONS: &[(&str, &str)] = &[
    (
        "V1__conversations",
        include_str!("../../schema/V1__conversations.sql"),
    ),
    ("V2__state", include_str!("../../schema/V2__state.sql")),
    (
        "V3__attachments",
        include_str!("../../schema/V3__attachments.sql"),
    ),
    ("V4__overlay", include_str!("../../schema/V4__overlay.sql")),
    (
        "V5__migrations",
        include_str!("../../schema/V5__migrations.sql"),
    ),
    ("V6__facades", include_str!("../../schema/V6__facades.sql")),
    (
        "V7__operations",
        include_str!("../../schema/V7__operations.sql"),
    ),
    (
        "V8__hidden_messages",
        include_str!("../../schema/V8__hidden_messages.sql"),
    ),
];

/// True where the schema is this program's, or newer.
pub(super) fn is_current(connection: &Connection) -> Result<bool> {
    Ok(version(connection).map_err(from_sqlite)? >= latest())
}

/// The newest version: the files are numbered from 1 without gaps.
pub(super) fn latest() -> i32 {
    i32::try_from(VERSIONS.len()).unwrap_or(i32::MAX)
}

/// Brings the schema up to date; refuses one that is newer than this program.
pub(super) fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<()> {
    let versions = VERSIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql).map_err(failed))
        .collect::<Result<Vec<_>>>()?;
    let latest = latest();
    // One transaction for all versions: a process that dies leaves the old schema or the new one.
    let runner = Runner::new(&versions).set_grouped(true);
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    let result = lock::while_changing_schema(path, || {
        let found = version(connection).map_err(from_sqlite)?;
        if found > latest {
            let message = format!(
                "the database {} has schema {found}, this version knows {latest}: start the newer version that wrote \
                 it, or restore a backup from before the upgrade",
                path.display()
            );
            return Err(Error::new(Kind::Conflict, message));
        }
        if found < latest {
            runner.run(connection).map_err(failed)?;
            tracing::info!(
                schema.from = found,
                schema.to = latest,
                "the schema is up to date"
            );
        }
        Ok(())
    });
    connection.set_transaction_behavior(TransactionBehavior::Deferred);
    result
}

/// The version of the schema; 0 where there is none yet.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i32> {
    if !connection.table_exists(None, "refinery_schema_history")? {
        return Ok(0);
    }
    let version: Option<i32> = connection.query_row(
        "SELECT max(version) FROM refinery_schema_history",
        [],
        |row| row.get(0),
    )?;
    Ok(version.unwrap_or_default())
}

fn failed(error: refinery::Error) -> Error {
    Error::new(
        Kind::Internal,
        "the schema of the database cannot be brought up to date: restore it from a backup",
    )
    .outcome(Outcome::NotApplied)
    .source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, StoreConfig};

    #[test]
    fn every_schema_file_is_part_of_the_program() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
        let mut files: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let known: Vec<String> = VERSIONS
            .iter()
            .map(|(name, _)| format!("{name}.sql"))
            .collect();
        assert_eq!(files, known);
        // The newest version is their number.
        for (index, (name, _)) in VERSIONS.iter().enumerate() {
            assert!(name.starts_with(&format!("V{}__", index + 1)), "{name}");
        }
    }

    /// Rows of what migrations change.
    const BEFORE_MIGRATIONS: &str = "INSERT INTO directory (id, tenant, backend, native, first_backend, first_native, \
         title, status, kind, created_at, updated_at, document) VALUES ('conv_00000000000000000000000001', 't', \
         'store', 'conv_00000000000000000000000001', 'store', 'conv_00000000000000000000000001', '', 'open', \
         'conversation', 1, 1, '{}'); \
         INSERT INTO intents (id, instance, backend, operation, state, started_at, deadline_at, tried_at, record) \
         VALUES (x'01', 'i', 'b', 'o', 0, 1, 1, 1, '{}'); \
         INSERT INTO instances (id, heartbeat_at) VALUES ('i', 1);";

    #[test]
    fn every_older_schema_is_brought_up_to_date_with_what_it_holds() {
        for older in 1..VERSIONS.len() {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("dragoman.db");
            let mut connection = Connection::open(&path).unwrap();
            let versions: Vec<Migration> = VERSIONS[..older]
                .iter()
                .map(|(name, sql)| Migration::unapplied(name, sql).unwrap())
                .collect();
            Runner::new(&versions).run(&mut connection).unwrap();
            connection
                .execute_batch(
                    "INSERT INTO conversations (backend, native, created_at, updated_at, arrivals, messages, unread, document) \
                     VALUES ('store', 'conv_00000000000000000000000001', 1, 1, 1, 1, 1, '{}'); \
                     INSERT INTO messages (number, conversation, id, sent_at, arrival, created_at, turn, role, content) \
                     VALUES ((1 << 28) + 1, 1, 'msg_1', 1, 1, 1, 1, 'user', 'from before');",
                )
                .unwrap();
            if older >= 4 {
                connection.execute_batch(BEFORE_MIGRATIONS).unwrap();
            }
            drop(connection);
            let store = Store::open(StoreConfig::at(&path)).unwrap();
            let sqlite = store.sqlite().unwrap();
            assert_eq!(sqlite.status().unwrap().1, latest());
            if older >= 4 {
                let held: (bool, bool, bool, bool) = sqlite.look(|connection| {
                    connection.query_row(
                        "SELECT d.renamed, c.closed, c.public IS NULL, i.migration IS NULL \
                             FROM directory d, conversations c, intents i",
                        [],
                        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                    )
                });
                assert_eq!(held, (false, false, true, true));
            }
            let held: (String, i64, Option<i64>) = sqlite.look(|connection| {
                connection.query_row(
                    "SELECT m.content, c.unread, c.read_sent_at FROM messages m \
                         JOIN conversations c ON c.number = m.conversation",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
            });
            assert_eq!(held, ("from before".to_owned(), 1, None), "from V{older}");
            sqlite.check_integrity().unwrap();
        }
    }
}
