//! Making sure that nothing of removed rows is left in the files.
//!
//! SQLite overwrites a removed row where it stood. But rows move between pages as these fill and empty, and what a moved
//! row leaves behind is never overwritten, whatever `secure_delete` says (seen on 3.54: bytes of deleted rows in pages
//! that are in use). Only a file that is written anew holds nothing but what is there.

use backend::{Error, Kind, Result};
use rusqlite::Connection;

use super::Sqlite;
use crate::failure::{BUSY_RETRY_AFTER, from_sqlite};

impl Sqlite {
    /// Writes the database anew, and cuts off its log. Writers wait as long as that takes, readers do not; it needs as
    /// much room as the database has, in the directory for temporary files and in the log.
    pub(crate) async fn scrub(&self) -> Result<()> {
        self.writer.run_alone(scrub).await
    }
}

fn scrub(connection: &Connection) -> Result<()> {
    let temp_store = |place: &str| {
        connection
            .pragma_update(None, "temp_store", place)
            .map_err(from_sqlite)
    };
    // In memory, the copy would take as much of it as the database has.
    temp_store("file")?;
    let written = connection.execute_batch("VACUUM");
    temp_store("memory")?;
    written.map_err(|error| {
        let mut error = from_sqlite(error);
        error.message = format!(
            "the database cannot be written anew: {}; it needs room for a copy of itself beside it and in the \
             directory for temporary files",
            error.message
        );
        error
    })?;
    cut_off_log(connection)
}

fn cut_off_log(connection: &Connection) -> Result<()> {
    let is_busy: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(from_sqlite)?;
    if is_busy {
        let message =
            "somebody reads the database for long, so its log cannot be cut off: try again";
        return Err(Error::new(Kind::Unavailable, message).retry_after(Some(BUSY_RETRY_AFTER)));
    }
    Ok(())
}
