//! Connections: made with every setting that durability and speed depend on.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

use backend::{Error, Kind, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::config::{StoreConfig, Synchronous};
use crate::failure::from_sqlite;

/// Below this, SQLite can damage a database in WAL mode when a checkpoint meets a write (fixed in 3.51.3).
const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// Prepared statements that each connection keeps.
const STATEMENTS_MAX: usize = 128;
/// Pages in the log at which the writer folds them into the file: 16 MiB.
const CHECKPOINT_PAGES: i64 = 4_096;
/// The log is cut back to this after a checkpoint, in bytes.
const LOG_KEPT_BYTES: i64 = 64 * 1_024 * 1_024;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that writes.
    Writing,
    /// One of those that read.
    Reading,
}

/// Refuses a SQLite that can damage the file.
pub(super) fn check_version() -> Result<()> {
    if rusqlite::version_number() >= SQLITE_VERSION_MIN {
        return Ok(());
    }
    let found = rusqlite::version();
    Err(Error::new(
        Kind::Internal,
        format!("SQLite {found} can damage databases: build with 3.51.3 or newer"),
    ))
}

/// Makes the directory and the file where they are absent, for this user only: SQLite gives its other files the
/// same permissions.
pub(super) fn prepare_file(path: &Path) -> Result<()> {
    let failed = |error: io::Error| {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull => Kind::StorageFull,
            _ => Kind::Unavailable,
        };
        let message = format!(
            "the database {} cannot be made or opened: {error}",
            path.display()
        );
        Error::new(kind, message).source(error)
    };
    if let Some(directory) = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
    {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(failed)
}

/// Opens a connection.
pub(super) fn open(config: &StoreConfig, path: &Path, role: Role) -> Result<Connection> {
    let connection = configure(config, path, role).map_err(|error| {
        let mut error = from_sqlite(error);
        error.message = format!("{} ({})", error.message, path.display());
        error
    })?;
    let mode: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(from_sqlite)?;
    if mode == "wal" {
        return Ok(connection);
    }
    let message = format!(
        "the database {} cannot use a write-ahead log (its journal mode is {mode}): put it on a local file system",
        path.display()
    );
    Err(Error::new(Kind::Unavailable, message))
}

fn configure(config: &StoreConfig, path: &Path, role: Role) -> rusqlite::Result<Connection> {
    // Each connection is used by one thread at a time, so SQLite's own lock around it is not needed.
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(config.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Otherwise the planner looks at bound values and compiles cached statements anew for each run (measured: two
    // thirds of a point read).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "mmap_size", config.mmap_bytes)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    match role {
        Role::Writing => {
            connection.pragma_update(None, "journal_mode", "wal")?;
            let synchronous = match config.synchronous {
                Synchronous::Full => "full",
                Synchronous::Normal => "normal",
            };
            connection.pragma_update(None, "synchronous", synchronous)?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "secure_delete", "fast")?;
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            connection.pragma_update(None, "journal_size_limit", LOG_KEPT_BYTES)?;
            // A negative size is in KiB.
            connection.pragma_update(None, "cache_size", -i64::from(config.write_cache_kib))?;
        }
        Role::Reading => {
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -i64::from(config.read_cache_kib))?;
        }
    }
    Ok(connection)
}
