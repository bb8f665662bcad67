//! Times in columns.

use std::time::Duration;

use conversation::Time;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// A time as microseconds in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Micros(pub(crate) Time);

impl FromSql for Micros {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let micros = value.as_i64()?;
        Time::from_micros(micros)
            .map(Self)
            .map_err(|_| FromSqlError::OutOfRange(micros))
    }
}

impl ToSql for Micros {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_micros().into())
    }
}

/// `time` moved back by `by`.
pub(crate) fn earlier(time: Time, by: Duration) -> Time {
    time.saturating_add_micros(-i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}
