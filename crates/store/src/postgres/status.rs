//! What the database is and how it does.

use backend::{Error, Kind};
use conversation::Time;

use super::connecting::APPLICATION;
use crate::failure::{Attempt, BUSY_RETRY_AFTER};
use crate::sql::{Connection, Micros, Result, params};

/// The version of the server, such as `15.18`, the version of the schema, and the size of the database in bytes.
///
/// # Errors
/// Also where it takes no writes: a copy of another server, or one that is set to read only.
pub(crate) fn read(connection: &Connection) -> Attempt<(String, i32, u64)> {
    let (status, is_read_only) = connection
        .prepare_cached(
            "SELECT current_setting('server_version'), \
             (SELECT max(version) FROM refinery_schema_history), pg_database_size(current_database()), \
             pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'",
        )?
        .query_row(params![], |row| {
            let status = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((status, row.get::<_, bool>(3)?))
        })?;
    if is_read_only {
        let error = Error::new(
            Kind::Unavailable,
            "the database takes no writes: it is a copy of another one, or set to read only",
        );
        return Err(error.retry_after(Some(BUSY_RETRY_AFTER)).into());
    }
    Ok(status)
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
