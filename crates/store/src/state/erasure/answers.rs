//! Stored answers to requests with an idempotency key, and those requests.

use crate::failure::Attempt;
use crate::sql::{Connection, params};

/// The rows of those in which a text occurs.
pub(super) fn with(connection: &Connection, text: &str) -> Attempt<Vec<i64>> {
    let numbers = connection
        .prepare_cached(
            "SELECT number FROM idempotency WHERE instr(answer, ?1) > 0 OR instr(intent, ?1) > 0",
        )?
        .query_map(params![text], |row| row.get(0))?
        .collect::<crate::sql::Result<_>>()?;
    Ok(numbers)
}

/// Removes them. Looked at once more: a row's number may be another one's by now.
pub(super) fn remove(connection: &Connection, numbers: &[i64], text: &str) -> Attempt<u64> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM idempotency WHERE number = ?1 AND (instr(answer, ?2) > 0 OR instr(intent, ?2) > 0)",
    )?;
    let mut removed = 0;
    for number in numbers {
        removed += statement.execute(params![number, text])? as u64;
    }
    Ok(removed)
}
