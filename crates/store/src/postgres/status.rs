//! What the database is and how it does.

use conversation::Time;

use super::connecting::APPLICATION;
use crate::sql::{Connection, Micros, Result, params};

/// The version of the server, such as `15.18`, the version of the schema, and the size of the database in bytes.
pub(crate) fn read(connection: &Connection) -> Result<(String, i32, u64)> {
    connection
        .prepare_cached(
            "SELECT current_setting('server_version'), \
             (SELECT max(version) FROM refinery_schema_history), pg_database_size(current_database())",
        )?
        .query_row(params![], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

/// A time before which every write can be seen by whoever reads from now on: each write has the time at which its
/// transaction began, so it is that of the oldest one that still runs.
pub(super) fn visible_until(connection: &Connection) -> Result<Time> {
    let Micros(oldest) = connection
        .prepare_cached(
            "SELECT CAST(extract(epoch FROM coalesce(min(xact_start), clock_timestamp())) * 1000000 AS bigint) \
             FROM pg_stat_activity WHERE application_name = ?1 AND datname = current_database() \
             AND xact_start IS NOT NULL AND pid <> pg_backend_pid()",
        )?
        .query_row(params![APPLICATION], |row| row.get(0))?;
    Ok(oldest.saturating_add_micros(-1))
}
